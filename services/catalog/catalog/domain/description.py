"""The interface description (接口说明) of a service, generated from what the catalogue holds (Annex 3 §4.1, §5).

For the people who write the calling system: address, parameters, what can be granted, codes, examples. Keys in it are
names of environment variables.
"""

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from catalog.domain import written
from catalog.domain.entries import resource_version
from catalog.domain.pages import Block, Cell, Code, Document, Heading, Listing, Prose, Table
from catalog.domain.services import Service, State
from common.events import CodeName, Item, ItemType, Mode, Operator, SourceKind

ADDRESS: Final = "http://{IP}:{端口}"
"""As the annex writes it: where the gateway is, the platform tells each unit."""
CODES_SHOWN: Final = 100
CODES: Final[tuple[tuple[str, str, str], ...]] = (
    ("1", "成功", ""),
    ("101", "参数错误或无参数", "检查参数名、必填参数和请求头；未声明的参数不接受"),
    ("201", "unitKey 错误", "核对本单位的密钥是否已更换或停用"),
    ("205", "服务代码异常, 不能自定义授权, 请核实服务代码!", "核对服务代码，以及 methodKey 是否属于此服务"),
    ("202", "methodKey 错误", "核对授权的密钥是否已更换"),
    ("208", "服务已停止使用, 请联系管理员", "停止调用，联系提供单位或平台"),
    ("203", "授权状态异常, 授权到期或授权已暂停", "查看授权的状态、期限和附加条件（来源地址等）"),
    ("207", "服务调用已超过预警值, 暂时不能调用", "等待下一秒或次日；验证服务则为同一对象一日内验证过多"),
    ("206", "参数值异常, 请核实参数值。注: 参数值区分大小写", "检查值的类型、长度、代码和校验位"),
    ("301", "结果不唯一", "补充条件，或改用 LM 结构"),
    ("500", "平台暂不可用, 请稍后重试", "HTTP 503；按 Retry-After 稍后重试，原因见应答头 X-Reason"),
)
"""Codes with the annex's memos, in the order in which the gateway checks, and what to do."""
_STATES: Final = {
    State.REGISTERED: "已登记，尚未启用",
    State.ACTIVE: "可用",
    State.STOPPED: "已停用",
    State.WITHDRAWN: "已撤销",
}
_SOURCES: Final = {
    SourceKind.STORE: "交换库（提供单位归集的数据）",
    SourceKind.PROVIDER: "提供单位自有接口，调用时由网关实时查询",
    SourceKind.WRITE: "写入交换库：提供单位推送的数据",
}
_OPERATORS: Final = {
    Operator.EQ: "等于",
    Operator.IN: "等于其中之一，逗号分隔，至多100个",
    Operator.GE: "大于等于",
    Operator.GT: "大于",
    Operator.LE: "小于等于",
    Operator.LT: "小于",
    Operator.PREFIX: "以此开头",
}
_SHARING: Final = {"unrestricted": "无条件共享", "authorized": "授权共享", "not-shared": "非共享"}
_CHECKS: Final = {"uscc": "，校验位按 GB 32100", "idcard": "，校验位按 GB 11643"}


@dataclass(frozen=True, slots=True)
class CodeSet:
    """A version of a code set that items of the service name."""

    id: str
    edition: int
    name: str
    source: str
    codes: tuple[CodeName, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """A service with what is said of it elsewhere in the catalogue."""

    service: Service
    entry_name: str
    provider_name: str
    items: tuple[Item, ...]
    code_sets: tuple[CodeSet, ...]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter by its name in the protocol."""

    name: str
    item: Item
    operator: Operator
    required: str


def title(found: Described) -> str:
    return f"接口说明：{found.service.content.name}（{found.service.code}）"


def document(found: Described) -> Document:
    """The description, block by block."""
    if _writes(found):
        return (
            Heading(1, title(found)),
            *_about(found),
            *written.parameters(),
            *_items(found),
            *_options(found),
            *_answer(found),
            *_code_sets(found.code_sets),
            *written.example(found.service.code, found.items),
        )
    return (
        Heading(1, title(found)),
        *_about(found),
        *_parameters(found),
        *_items(found),
        *_options(found),
        *_answer(found),
        *_code_sets(found.code_sets),
        *_examples(found),
    )


def _writes(found: Described) -> bool:
    return found.service.content.source is SourceKind.WRITE


def modes(found: Described) -> list[str]:
    """The access modes of Annex 3 §4.1 that the service offers."""
    content = found.service.content
    if _writes(found):
        return [written.MODE]
    if content.mode is Mode.VERIFY:
        return ["验证信息真伪"]
    key = {item.code for item in found.items if item.key_place is not None}
    exact = {given.item for given in content.inputs if Operator.EQ in given.operators}
    one = (bool(key) and key <= exact) or any(item.unique and item.code in exact for item in found.items)
    return [*(["精确匹配返回单条信息"] if one else []), "根据筛选条件获取批量数据"]


def parameters(found: Described) -> list[Parameter]:
    """What may be given beside keys and options, in the catalogue's order."""
    content = found.service.content
    by_code = {item.code: item for item in found.items}
    if content.mode is Mode.VERIFY:
        identity = [Parameter(code, by_code[code], Operator.EQ, "是（身份项）") for code in content.identity]
        claims = [Parameter(code, by_code[code], Operator.EQ, "至少一项（被验证项）") for code in content.claims]
        return identity + claims
    inputs = {given.item: given for given in content.inputs}
    return [
        Parameter(
            item.code if operator is Operator.EQ else f"{item.code}__{operator.value}",
            item,
            operator,
            "否" if not given.required else "是" if len(given.operators) == 1 else "是（各写法至少一种）",
        )
        for item in found.items
        if (given := inputs.get(item.code)) is not None
        for operator in given.operators
    ]


def _about(found: Described) -> list[Block]:
    service = found.service
    rows: list[tuple[Cell, ...]] = [
        ("服务代码", Code(service.code)),
        ("状态", _STATES[service.state]),
        ("访问方式", "；".join(modes(found))),
        ("提供单位", f"{found.provider_name}（{service.provider}）"),
        ("数据源", _SOURCES[service.content.source]),
        ("资源", f"{found.entry_name}（{service.entry}）"),
        ("资源版本", Code(resource_version(service.entry, service.structure))),
        ("地址", Code(f"POST {ADDRESS}/{service.code}")),
        ("字符编码", "UTF-8"),
        ("密钥", "请求头 X-Unit-Key、X-Method-Key（也接受参数 unitKey、methodKey，但不宜写在地址中）"),
    ]
    return [Table(("项目", "内容"), tuple(rows))]


def _parameters(found: Described) -> list[Block]:
    rows = tuple(
        (
            Code(one.name),
            one.item.name,
            _type(one.item),
            _length(one.item),
            _OPERATORS[one.operator],
            one.required,
            _code_set(one.item),
        )
        for one in parameters(found)
    )
    text = "放在表单、JSON 请求体或查询串中；名和值区分大小写，不作修剪。未列出的参数不接受（101）。"
    made: list[Block] = [Heading(2, "传入参数"), Prose(text)]
    if not rows:
        return [*made, Prose("此服务没有传入参数。")]
    return [*made, Table(("参数", "信息项", "类型", "长度", "运算", "必填", "代码集"), rows)]


def _items(found: Described) -> list[Block]:
    content = found.service.content
    verify = content.mode is Mode.VERIFY
    shown = [item for item in found.items if not verify or item.code in content.claims]
    rows = tuple(
        (
            Code(item.code),
            item.name,
            _type(item),
            _length(item),
            "是" if item.key_place is not None else "",
            "是" if item.nullable else "否",
            _SHARING[item.sharing_type],
            _code_set(item),
            item.standard or "",
        )
        for item in shown
    )
    text = (
        "只回答所验证的各项是否属实（1 或 0），从不返回所存的值；须已授权才能验证。"
        if verify
        else "实际返回的是授权的信息项，按此顺序；按授权可为原值或脱敏值。"
    )
    head = ("代码", "名称", "类型", "长度", "主键", "可空", "共享属性", "代码集", "标准字段")
    if _writes(found):
        return [Heading(2, "每行的信息项"), Prose(written.ITEMS), Table(head, rows)]
    return [Heading(2, "可授权的信息项"), Prose(text), Table(head, rows)]


def _options(found: Described) -> list[Block]:
    content = found.service.content
    rows: list[tuple[Cell, ...]] = [
        (Code("format"), "json、xml", "json", "返回数据格式"),
        (Code("rsStyle"), "complex、simple", "complex", "完整风格；简化风格成功时只有 DATA"),
        (Code("rsStructure"), "LM、KV、SR、MA", "LM", "记录列表、单条记录、单一结果、每项一列"),
    ]
    if content.mode is Mode.QUERY and not _writes(found):
        orderings = "、".join(f"{code}、-{code}" for code in content.orderings)
        size = min(100, content.page_limit)
        rows.append(
            (Code("pageSize"), f"1 至 {content.page_limit}", str(size), "每页行数；更大的值按上限，超过1000为206")
        )
        stored = content.source is SourceKind.STORE
        if stored:
            rows.append((Code("cursor"), "上一页应答头 X-Next-Cursor 的值", "", "下一页；其他参数须与上一页相同"))
        rows += [
            (Code("page"), "从1起", "1", "页码，只到第10000行" + ("；不与 cursor 同用" if stored else "")),
            (Code("orderBy"), orderings or "此服务没有可选的排序", "", "省略时按主键升序；前加 - 为降序，空值在后"),
        ]
    return [Heading(2, "可选参数"), Table(("参数", "值", "默认", "说明"), tuple(rows))]


def _answer(found: Described) -> list[Block]:
    rows = tuple((Code(code), memo, todo) for code, memo, todo in CODES)
    headers: list[tuple[Cell, ...]] = [
        (Code("X-Trace-Id"), "这次调用的编号，查询和申诉时提供"),
        (Code("Content-Digest"), "应答内容的 SHA-256（RFC 9530），使用前应核对"),
    ]
    stored = found.service.content.source is SourceKind.STORE
    if stored:
        headers.append((Code("X-Data-As-Of"), "数据最近一批的时间"))
    if found.service.content.mode is Mode.QUERY and not _writes(found):
        if stored:
            headers.append((Code("X-Next-Cursor"), "还有下一页时的游标"))
        headers += [
            (Code("X-Total-Count"), "符合条件的总行数，易得时才有"),
        ]
    return [
        Heading(2, "返回"),
        Prose("以下代码均随 HTTP 200 返回（500 除外），先满足者先返回。"),
        Table(("代码", "说明", "处理"), rows),
        *(written.answer() if _writes(found) else ()),
        Table(("应答头", "含义"), tuple(headers)),
    ]


def _code_sets(sets: Sequence[CodeSet]) -> list[Block]:
    made: list[Block] = [Heading(2, "代码集")] if sets else []
    for one in sets:
        made.append(Heading(3, f"{one.name}（{one.id} 第{one.edition}版）"))
        more = f"，前{CODES_SHOWN}个如下" if len(one.codes) > CODES_SHOWN else ""
        made.append(Prose(f"出处：{one.source}。共{len(one.codes)}个代码{more}。"))
        rows = tuple((Code(code.code), code.name) for code in one.codes[:CODES_SHOWN])
        made.append(Table(("代码", "名称"), rows))
    return made


def _examples(found: Described) -> list[Block]:
    given = [(one.name, _example(one.item, found.code_sets)) for one in _wanted(found)]
    return [
        Heading(2, "示例"),
        Prose("密钥取自环境变量，不写入程序、地址和日志；尖括号中的内容替换为实际的值。"),
        Listing("sh", _curl(found.service.code, given)),
        Listing("python", _python(found.service.code, given)),
    ]


def _wanted(found: Described) -> Iterable[Parameter]:
    """The parameters of an example: what is required, else the first; of a verification one claim."""
    every = parameters(found)
    if found.service.content.mode is Mode.VERIFY:
        return every[: len(found.service.content.identity) + 1]
    first_of: dict[str, Parameter] = {}
    for one in every:
        if one.required != "否":
            first_of.setdefault(one.item.code, one)
    return list(first_of.values()) or every[:1]


def _curl(code: str, given: Sequence[tuple[str, str]]) -> str:
    # A header that stands in the command would stand in the list of processes too.
    keys = '"$SHUQIAO_UNIT_KEY" "$SHUQIAO_METHOD_KEY"'
    call = [
        "curl --silent --show-error --request POST --header @keys.headers",
        *(f"--data-urlencode {shlex.quote(f'{name}={value}')}" for name, value in given),
        f'"$SHUQIAO_GATEWAY/{code}"',
    ]
    return "\n".join(
        [
            "umask 077",
            rf"printf 'X-Unit-Key: %s\nX-Method-Key: %s\n' {keys} > keys.headers",
            " \\\n  ".join(call),
        ]
    )


def _python(code: str, given: Sequence[tuple[str, str]]) -> str:
    listed = ", ".join(f"{name!r}: {value!r}" for name, value in given)
    return "\n".join(
        [
            "import os",
            "",
            "from shuqiao import Gateway",
            "",
            'with Gateway(os.environ["SHUQIAO_GATEWAY"], os.environ["SHUQIAO_UNIT_KEY"]) as gateway:',
            f'    answer = gateway.call({code!r}, os.environ["SHUQIAO_METHOD_KEY"], {{{listed}}})',
            "    print(answer.data if answer.ok else (answer.code, answer.memo), answer.trace_id)",
        ]
    )


def _example(item: Item, sets: Sequence[CodeSet]) -> str:
    match item.type:
        case ItemType.DATE:
            return "2023/06/30"
        case ItemType.DATETIME:
            return "2023/06/30 12:00:00"
        case ItemType.INTEGER | ItemType.NUMERIC:
            return "1" if (item.precision or 1) > (item.scale or 0) else "0"
        case ItemType.TEXT:
            named = item.code_set
            codes = [s.codes for s in sets if named is not None and (s.id, s.edition) == (named.id, named.version)]
            return codes[0][0].code if codes and codes[0] else f"<{item.name}>"


def _type(item: Item) -> str:
    match item.type:
        case ItemType.TEXT:
            return "字符"
        case ItemType.INTEGER:
            return "整数"
        case ItemType.NUMERIC:
            return "数值"
        case ItemType.DATE:
            return "日期 YYYY/MM/DD"
        case ItemType.DATETIME:
            return "日期时间 YYYY/MM/DD hh:mm:ss（北京时间）"


def _length(item: Item) -> str:
    if item.type is ItemType.NUMERIC:
        return f"共{item.precision}位，小数{item.scale}位"
    limit = f"至多{item.length}个字符" if item.length is not None else ""
    return limit + (_CHECKS[item.check] if item.check is not None else "")


def _code_set(item: Item) -> str:
    return f"{item.code_set.id} 第{item.code_set.version}版" if item.code_set is not None else ""
