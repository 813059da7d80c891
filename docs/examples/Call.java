import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.regex.Pattern;

/**
 * 调用一个服务，核对应答摘要，原样输出 JSON。只用 JDK（17 或更新），一个文件：
 *
 *     java docs/examples/Call.java streets street_code=310105001
 *
 * 环境变量 SHUQIAO_GATEWAY、SHUQIAO_UNIT_KEY、SHUQIAO_METHOD_KEY。
 * 退出码：0 成功，1 被拒绝，2 用法有误，3 平台没有应答或应答不可信。
 */
public final class Call {
    private static final int REFUSED = 1;
    private static final int USAGE = 2;
    private static final int AWAY = 3;
    private static final Pattern SUCCESS = Pattern.compile("\\{\\s*\"SUCCESS\"\\s*:\\s*\"1\"");

    private Call() {}

    public static void main(String[] arguments) throws Exception {
        if (arguments.length == 0) {
            System.err.println("用法：java Call.java 服务代码 [名=值 ...]");
            System.exit(USAGE);
        }
        HttpRequest request = HttpRequest.newBuilder()
                .uri(URI.create(variable("SHUQIAO_GATEWAY") + "/" + arguments[0]))
                .timeout(Duration.ofSeconds(15))
                // 密钥放在请求头：地址会留在日志和历史记录里，请求头不会。
                .header("X-Unit-Key", variable("SHUQIAO_UNIT_KEY"))
                .header("X-Method-Key", variable("SHUQIAO_METHOD_KEY"))
                .header("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
                .POST(HttpRequest.BodyPublishers.ofString(form(arguments)))
                .build();
        HttpClient client = HttpClient.newBuilder()
                .version(HttpClient.Version.HTTP_1_1)
                .connectTimeout(Duration.ofSeconds(5))
                .followRedirects(HttpClient.Redirect.NEVER)
                .build();
        HttpResponse<byte[]> answer;
        try {
            answer = client.send(request, HttpResponse.BodyHandlers.ofByteArray());
        } catch (IOException error) {
            System.err.println("网关没有应答：" + error.getClass().getSimpleName());
            System.exit(AWAY);
            return;
        }
        System.err.println("trace_id " + header(answer, "X-Trace-Id"));
        if (answer.statusCode() == 503) {
            System.err.println("平台暂不可用（" + header(answer, "X-Reason") + "），" + header(answer, "Retry-After") + " 秒后可重试");
            System.exit(AWAY);
        }
        if (answer.statusCode() != 200) {
            System.err.println("网关以 HTTP " + answer.statusCode() + " 拒绝了请求");
            System.exit(REFUSED);
        }
        if (!header(answer, "Content-Digest").equals(digest(answer.body()))) {
            System.err.println("应答内容与 Content-Digest 不符，不要使用");
            System.exit(AWAY);
        }
        String body = new String(answer.body(), StandardCharsets.UTF_8);
        System.out.write(answer.body());
        System.out.println();
        System.out.flush();
        // 实际系统中用所选的 JSON 库解析；金额等数值按十进制（BigDecimal）读取。
        System.exit(SUCCESS.matcher(body).lookingAt() ? 0 : REFUSED);
    }

    private static String form(String[] arguments) {
        List<String> pairs = new ArrayList<>();
        for (int place = 1; place < arguments.length; place++) {
            String[] pair = arguments[place].split("=", 2);
            if (pair.length != 2) {
                System.err.println("参数应写作 名=值");
                System.exit(USAGE);
            }
            pairs.add(encoded(pair[0]) + "=" + encoded(pair[1]));
        }
        return String.join("&", pairs);
    }

    private static String encoded(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8);
    }

    private static String header(HttpResponse<?> answer, String name) {
        return answer.headers().firstValue(name).orElse("");
    }

    /** RFC 9530：应答内容的 SHA-256。 */
    private static String digest(byte[] content) throws NoSuchAlgorithmException {
        byte[] made = MessageDigest.getInstance("SHA-256").digest(content);
        return "sha-256=:" + Base64.getEncoder().encodeToString(made) + ":";
    }

    private static String variable(String name) {
        String value = System.getenv(name);
        if (value == null || value.isEmpty()) {
            System.err.println("缺少环境变量 " + name);
            System.exit(USAGE);
        }
        return value;
    }
}
