"""`shuqiao push`: rows of the own resource, from a file or from standard input."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from shuqiao import profile, showing
from shuqiao.calls import asked_key
from shuqiao.gateway import Gateway, Notes
from shuqiao.proofs import SigningKey
from shuqiao.pushes import Way


def push(
    service: Annotated[str, typer.Argument(help="写入服务的代码")],
    file: Annotated[str, typer.Argument(help="数据行的 JSON 数组；- 为标准输入")],
    way: Annotated[
        Way, typer.Option("--mode", help="upsert 按主键更新或新增，append 只新增，replace 取代全部")
    ] = Way.UPSERT,
    key: Annotated[
        str | None, typer.Option(help="本批的名称（Idempotency-Key）；未收到应答时用同一名称重发，不会重复写入")
    ] = None,
    unit_key: Annotated[str, typer.Option(envvar="SHUQIAO_UNIT_KEY", help="单位的密钥；宜用环境变量")] = "",
    method_key: Annotated[str, typer.Option(envvar="SHUQIAO_METHOD_KEY", help="授权的密钥；宜用环境变量")] = "",
    path: Annotated[
        Path | None, typer.Option("--profile", help="配置文件；默认 .run/profile.json", envvar=profile.VARIABLE)
    ] = None,
    operator: Annotated[str | None, typer.Option(help="经办人代号或工号，不用姓名；记入留痕")] = None,
    sign_with: Annotated[Path | None, typer.Option(envvar="SHUQIAO_SIGNING_KEY", help="签名私钥（PEM）")] = None,
) -> None:
    """推送数据行；检查不通过时列出全部问题，不写入任何数据。

    退出码：0 成功；1 被拒绝；2 用法有误；3 平台没有应答（用同一 --key 重发即知结果）。
    """
    try:
        rows = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        showing.fail(f"不能读取 {file}：{error.strerror}", showing.Exit.USAGE)
    held = profile.load(path)
    unit_key, method_key = asked_key(unit_key, "unitKey"), asked_key(method_key, "methodKey")
    with Gateway(held.gateway, unit_key, sign_with=SigningKey.load(sign_with) if sign_with else None) as gateway:
        done = gateway.push(service, method_key, rows, way=way, key=key, notes=Notes(operator=operator))
    showing.err.print(f"trace_id {done.trace_id}", highlight=False)
    if not done.ok:
        for one in done.findings:
            place = "" if one.row is None else f"第{one.row}行 "
            showing.err.print(f"{place}{one.item or ''}（{one.rule}）{one.message}", markup=False, highlight=False)
        showing.fail(f"{done.code} {done.memo}")
    print(showing.to_json({"batch": str(done.batch), "rows": done.rows, "committed_at": str(done.committed_at)}))
