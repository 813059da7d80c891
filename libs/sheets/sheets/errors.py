"""Everything this package refuses with: a stable code for programs, a sentence in Chinese for people."""

import re
import string
from collections.abc import Mapping
from enum import StrEnum

from sheets.kinds import Kind, refusal_text


class SheetsError(Exception):
    """The root of this package's errors."""


class Reason(StrEnum):
    """Stable codes of `Unreadable`."""

    NOT_A_FILE = "not-a-file"
    FILE_TOO_LARGE = "file-too-large"
    NOT_A_SPREADSHEET = "not-a-spreadsheet"
    DAMAGED = "damaged"
    ENCRYPTED = "encrypted"
    BIFF5 = "biff5"
    MACROS = "macros"
    MACRO_SHEETS = "macro-sheets"
    EXTERNAL_LINKS = "external-links"
    DDE = "dde"
    EMBEDDED_OBJECTS = "embedded-objects"
    ZIP_ENTRIES = "zip-entries"
    ZIP_RATIO = "zip-ratio"
    ZIP_INFLATED = "zip-inflated"
    ZIP_NESTED = "zip-nested"
    ZIP_NAMES = "zip-names"
    ZIP_DUPLICATE = "zip-duplicate"
    ZIP_OVERLAP = "zip-overlap"
    ZIP_SIZES = "zip-sizes"
    XML_ENTITIES = "xml-entities"
    XML_ENCODING = "xml-encoding"
    SHARED_STRINGS = "shared-strings"
    TOO_MANY_ROWS = "too-many-rows"
    ROW_TOO_FAR = "row-too-far"
    TOO_MANY_COLUMNS = "too-many-columns"
    TOO_MANY_SHEETS = "too-many-sheets"
    AREA_TOO_LARGE = "area-too-large"
    CELL_TOO_LONG = "cell-too-long"
    ANSWER_TOO_LARGE = "answer-too-large"
    NO_VISIBLE_SHEET = "no-visible-sheet"
    TEXT_ENCODING = "text-encoding"
    CSV_QUOTES = "csv-quotes"
    CHILD_CRASHED = "child-crashed"
    CHILD_TIMEOUT = "child-timeout"
    CHILD_MEMORY = "child-memory"
    CHILD_NOT_STARTED = "child-not-started"


_TEXTS: Mapping[Reason, str] = {
    Reason.NOT_A_FILE: "不是普通文件，无法读取",
    Reason.FILE_TOO_LARGE: "文件大小{bytes}字节，超过{limit}字节上限",
    Reason.NOT_A_SPREADSHEET: "{kind}",
    Reason.DAMAGED: "文件已损坏或不完整（{part}）；请在 Excel/WPS 中打开后另存为 .xls 再提交",
    Reason.ENCRYPTED: "文件设有打开密码（已加密），无法读取；请去除密码后重新保存",
    Reason.BIFF5: "文件是 Excel 5.0/95 格式；请在 Excel/WPS 中另存为“Excel 97-2003 工作簿（.xls）”",
    Reason.MACROS: "文件含有 VBA 宏；请另存为不含宏的工作簿后提交",
    Reason.MACRO_SHEETS: "文件含有 Excel 4.0 宏表；请删除宏表（可能被隐藏）后提交",
    Reason.EXTERNAL_LINKS: "文件引用了外部文件或数据连接；请断开链接、粘贴为数值后提交",
    Reason.DDE: "文件含有动态数据交换（DDE）公式；请粘贴为数值后提交",
    Reason.EMBEDDED_OBJECTS: "文件内嵌入了其他文档或控件（OLE 对象）；请删除后提交",
    Reason.ZIP_ENTRIES: "文件内部件数{entries}超过{limit}个上限",
    Reason.ZIP_RATIO: "文件内部件的压缩比超过{limit}倍上限",
    Reason.ZIP_INFLATED: "文件解压后超过{limit}字节上限",
    Reason.ZIP_NESTED: "文件内嵌套了压缩包",
    Reason.ZIP_NAMES: "文件内部件名称不合规（绝对路径或“..”）",
    Reason.ZIP_DUPLICATE: "文件内有重名部件",
    Reason.ZIP_OVERLAP: "文件内部件互相重叠",
    Reason.ZIP_SIZES: "文件内部件的实际大小与目录不符",
    Reason.XML_ENTITIES: "文件内的 XML 含有文档类型或实体声明",
    Reason.XML_ENCODING: "文件内的 XML 不是 UTF-8 编码",
    Reason.SHARED_STRINGS: "文件声明的共享字符串数{declared}与内容不符",
    Reason.TOO_MANY_ROWS: "数据行数{rows}超过{limit}行上限",
    Reason.ROW_TOO_FAR: "第{row}行仍有内容，超过第{limit}行；请删除下方多余内容",
    Reason.TOO_MANY_COLUMNS: "第{column}列仍有内容，超过{limit}列上限",
    Reason.TOO_MANY_SHEETS: "工作表数{sheets}超过{limit}个上限",
    Reason.AREA_TOO_LARGE: "各工作表的范围合计{cells}格，超过{limit}格上限；请删除远离数据的零散内容",
    Reason.CELL_TOO_LONG: "第{row}行第{column}列的文本有{characters}字，超过{limit}字上限",
    Reason.ANSWER_TOO_LARGE: "文件内容合计超过{limit}字节上限",
    Reason.NO_VISIBLE_SHEET: "文件中没有可见的工作表",
    Reason.TEXT_ENCODING: "文本既不是 UTF-8 也不是 GB18030 编码（第{offset}字节起无法识别）；请另存为“CSV UTF-8”",
    Reason.CSV_QUOTES: "第{row}行的双引号不配对",
    Reason.CHILD_CRASHED: "文件无法解析：解析程序异常退出，文件很可能已损坏",
    Reason.CHILD_TIMEOUT: "文件无法解析：用时超过上限",
    Reason.CHILD_MEMORY: "文件无法解析：所需内存超过上限",
    Reason.CHILD_NOT_STARTED: "解析程序未能启动，请稍后重试",
}

Fact = int | str
"""What a reason is filled with: a count, a `Kind`, or the short name of a part of the file's structure."""

_FIELDS = {
    reason: frozenset(name for _, name, _, _ in string.Formatter().parse(text) if name)
    for reason, text in _TEXTS.items()
}
_PART = re.compile(r"[a-z][a-z0-9-]{0,39}")


class Unreadable(SheetsError):  # noqa: N818 -- a refusal is an answer, not a malfunction
    """A file is refused: it cannot or may not be turned into rows.

    `reason` is the stable code, `str()` the sentence for people. The facts are counts and names of our own choosing,
    never text out of the file, so the sentence is safe to show and to log.

    Raises:
        ValueError: a fact is missing, unknown or of the wrong form (facts also arrive from the untrusted child).
    """

    def __init__(self, reason: Reason, **facts: Fact) -> None:
        if frozenset(facts) != _FIELDS[reason]:
            raise ValueError(f"facts of {reason.value}: {sorted(facts)}")
        shown = {name: _show(name, fact) for name, fact in facts.items()}
        super().__init__(_TEXTS[reason].format_map(shown))
        self.reason = reason
        self.facts = tuple(sorted(facts.items()))

    @property
    def code(self) -> str:
        """The stable code as text."""
        return self.reason.value

    @property
    def is_childs_death(self) -> bool:
        """The child gave no answer; one retry is worth it (reliability 3.11)."""
        return self.code.startswith("child-")


def _show(name: str, fact: Fact) -> str:
    if name == "kind":
        return refusal_text(Kind(str(fact)))
    if name == "part":
        if not isinstance(fact, str) or not _PART.fullmatch(fact):
            raise ValueError("part")
        return fact
    if type(fact) is not int or abs(fact) >= 2**64:
        raise ValueError(name)
    return str(fact)


def damaged(part: str) -> Unreadable:
    """The file breaks the rules of its own format in this part of its structure."""
    return Unreadable(Reason.DAMAGED, part=part)
