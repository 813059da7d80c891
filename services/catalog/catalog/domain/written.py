"""The parts of an interface description that only a write service has: the rows to send, and what comes back."""

import json
from collections.abc import Iterable
from typing import Final

from catalog.domain.pages import Block, Code, Heading, Listing, Prose, Table
from common.events import Item, ItemType

MODE: Final = "写入整行数据（提供单位推送）"
MEDIA: Final = "application/vnd.shuqiao.rows+json"
MAX_ROWS: Final = 2000
ITEMS: Final = (
    "每行是一个 JSON 对象，以信息项代码为名，须写全部信息项，没有值的写 null。文本、日期和时间写作字符串，"
    "数值写作 JSON 数值或字符串。检查规则与文件归集相同，有一处不符则整批不写入。"
)


def parameters() -> list[Block]:
    """What is given beside the keys."""
    modes = "upsert 按主键更新或新增；append 只新增；replace 取代全部"
    text = (
        f"请求体为数据行的 JSON 数组，类型 {MEDIA}，mode 放在查询串中；也可把 mode 和 rows（数组的文本）"
        f"作为表单或平面 JSON 的两个参数。一次1至{MAX_ROWS}行，请求体不超过1 MiB。未列出的参数不接受（101）。"
    )
    key = "可省略：本批的名称，1至64个可打印字符（无空格）。同名同内容得到同一批次；同名不同内容被拒绝，原批次不变"
    rows = ((Code("mode"), modes, "是"), (Code("rows"), "数据行的 JSON 数组", "是"))
    return [
        Heading(2, "传入参数"),
        Prose(text),
        Table(("参数", "内容", "必填"), rows),
        Table(("请求头", "内容"), ((Code("Idempotency-Key"), key),)),
    ]


def answer() -> list[Block]:
    """What DATA holds."""
    rows = (
        (Code("batch"), "批次编号，可在留痕中查到"),
        (Code("rows"), "写入的行数"),
        (Code("committed_at"), "写入的时间（ISO 8601，+08:00）"),
    )
    text = (
        "数据不符合要求时为206，未写入任何数据；DATA 中 count 是问题总数，findings 列出至多1000处，每处有 row（第几行，"
        "从1起）、item（信息项）、rule（规则）和 message（说明），不含数据的值。没有收到应答或收到503时，用同一 "
        "Idempotency-Key 原样重发即可，不会重复写入。"
    )
    return [Prose("成功时 DATA 为："), Table(("名称", "内容"), rows), Prose(text)]


def example(service: str, items: Iterable[Item]) -> list[Block]:
    """A call with one row."""
    body = json.dumps([{item.code: _example(item) for item in items}], ensure_ascii=False)
    url = f'"$SHUQIAO_GATEWAY/{service}?mode=upsert"'
    lines = [
        "umask 077",
        r"printf 'X-Unit-Key: %s\nX-Method-Key: %s\n' " + '"$SHUQIAO_UNIT_KEY" "$SHUQIAO_METHOD_KEY" > keys.headers',
        f"cat > rows.json <<'EOF'\n{body}\nEOF",
        "curl --silent --show-error --request POST --header @keys.headers \\",
        f"  --header 'Content-Type: {MEDIA}' --header 'Idempotency-Key: 20230630-0001' \\",
        f"  --data-binary @rows.json {url}",
    ]
    return [
        Heading(2, "示例"),
        Prose("密钥取自环境变量，不写入程序、地址和日志；尖括号中的内容替换为实际的值。"),
        Listing("sh", "\n".join(lines)),
    ]


def _example(item: Item) -> str | int:
    match item.type:
        case ItemType.DATE:
            return "2023/06/30"
        case ItemType.DATETIME:
            return "2023/06/30 12:00:00"
        case ItemType.INTEGER | ItemType.NUMERIC:
            return 0
        case ItemType.TEXT:
            return f"<{item.name}>"
