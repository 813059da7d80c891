"""Every hostile file of IN-X as a provider could send it for one register of people, and how each must end.

One list (reliability, section 5, table X): the row of the table, how the file is made, the state in which it ends, the
Chinese of its reason, and every finding with its place. Rows that are no single file (X21 to X23) have tests of their
own beside it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from tests.support import hostile_sheets as hostile
from tests.support import sheet_files as files
from tests.support.people_files import (
    COLUMN,
    FILE,
    HEADER,
    epoch_1904,
    many,
    numbered,
    one,
    person,
    reshaped,
    rows,
    shaped,
    some,
    styled,
    xls,
    xlsx,
)

Place = tuple[int | None, int | None, str]
"""Row, column and rule of a finding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hostile:
    """A file and its end: the rows that were loaded, or the code and the words of its refusal and its findings."""

    row: str
    what: str
    make: Callable[[], bytes]
    name: str = FILE
    loaded: int | None = None
    reason: str | None = None
    says: str = ""
    found: tuple[Place, ...] | None = None
    """All findings; None where the file could not be read at all."""
    values: tuple[Any, ...] = ()
    """What a reader sees of the first row in the columns `seen`."""
    seen: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return f"{self.row}-{self.what}"


def _refused(row: str, what: str, make: Callable[[], bytes], code: str, says: str) -> Hostile:
    """A file that could not or may not be read."""
    return Hostile(row=row, what=what, make=make, reason=f"unreadable:{code}", says=says)


def _form(row: str, what: str, lines: list[list[Any]], *found: Place) -> Hostile:
    return Hostile(row=row, what=what, make=lambda: xls(lines), reason="not-annex-form", found=found, says="不符合")


def _named(what: str, name: str, *rules: str) -> Hostile:
    found = tuple((None, None, rule) for rule in rules)
    return Hostile(
        row="X3", what=what, make=lambda: xls(some(1)), name=name, reason="not-annex-form", found=found, says="文件"
    )


def _cell(row: str, what: str, code: str, value: Any, rule: str) -> Hostile:
    """A file with one cell that is wrong."""
    found = ((2, COLUMN[code], rule),)
    return Hostile(
        row=row, what=what, make=lambda: xls(one(**{code: value})), reason="quality", found=found, says="未导入"
    )


def _bad_xml(row: str, what: str, code: str, xml: str, rule: str) -> Hostile:
    found = ((2, COLUMN[code], rule),)
    return Hostile(
        row=row, what=what, make=lambda: xlsx(None, **{code: xml}), reason="quality", found=found, says="未导入"
    )


def _good(row: str, what: str, make: Callable[[], bytes], loaded: int = 1, **seen: Any) -> Hostile:
    return Hostile(row=row, what=what, make=make, loaded=loaded, seen=tuple(seen), values=tuple(seen.values()))


def _text(row: str, what: str, value: str) -> Hostile:
    """A text that is kept as it is."""
    return _good(row, what, lambda: xls(one(change_benote=value)), change_benote=value)


LIST: Final = (
    _good("X1", "2000-rows", lambda: xls(many(2000)), 2000),
    _refused("X1", "2001-rows", lambda: xls(many(2001)), "too-many-rows", "数据行数2001超过2000行上限"),
    _form("X2", "header-only", rows(), (None, None, "no-data")),
    Hostile(
        row="X2",
        what="first-row-blank",
        make=lambda: xls([[], *some(2)]),
        reason="not-annex-form",
        found=((1, None, "header-row"),),
        says="第1行为空",
    ),
    _form("X2", "no-sequence", [line[1:] for line in some(1)], (1, 1, "first-column")),
    _form("X2", "sequence-twice", numbered(1, 2, 2), (4, 1, "sequence-duplicate")),
    _form("X2", "sequence-text", numbered(1, "二", 3), (3, 1, "sequence-not-number")),
    _form("X2", "sequence-gap", numbered(1, 3, 4), (3, 1, "sequence-gap")),
    _form("X2", "sequence-empty", numbered(1, None, 3), (3, 1, "sequence-missing")),
    _named("path", f"../../{FILE}", "name-path"),
    _named("line-break", "人员\n名册-20230630.xls", "name-characters", "name-resource"),
    _named("nothing-but-its-ending", ".xls", "name-stamp"),
    _named("300-characters", "名" * 287 + "-20230630.xls", "name-length", "name-resource"),
    _named("program", f"{FILE}.exe", "name-extension", "name-stamp"),
    _named("turned-around", "人员名册\u202e-20230630.xls", "name-characters", "name-resource"),
    _named("other-resource", "街道名录-20230630.xls", "name-resource"),
    *(
        _refused("X4", what, lambda data=data: data, "not-a-spreadsheet", says)
        for what, data, says in (
            ("html", b"<html><table><tr><td>1</td></tr></table></html>", "网页"),
            ("xml", b'<?xml version="1.0"?><a/>', "XML"),
            ("mht", b"MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=x\r\n\r\n--x\r\n", "MHTML"),
            ("rtf", rb"{\rtf1 x}", "RTF"),
            ("zip", files.zipped({"a.txt": b"a"}), "压缩包"),
            ("pdf", b"%PDF-1.7\n", "PDF"),
            ("noise", bytes(range(256)) * 8, "无法识别"),
        )
    ),
    Hostile(
        row="X4",
        what="csv",
        make=lambda: "\n".join(",".join(str(cell or "") for cell in line) for line in some(1)).encode(),
        reason="not-annex-form",
        found=((None, None, "name-kind"),),
        says="内容却是csv",
    ),
    _good("X5", "xlsx-as-xls", lambda: xlsx(some(2)), 2),
    Hostile(row="X5", what="et", make=lambda: xls(some(2)), name=FILE.replace(".xls", ".et"), loaded=2),
    _refused("X6", "password-xlsx", hostile.encrypted_package, "encrypted", "密码"),
    _refused("X6", "password-xls", hostile.filepass, "encrypted", "密码"),
    _refused("X6", "macros-xls", lambda: hostile.with_storage("_VBA_PROJECT_CUR"), "macros", "宏"),
    _refused("X6", "macros-xlsm", lambda: hostile.with_part("xl/vbaProject.bin"), "macros", "宏"),
    _refused("X6", "ole-xls", lambda: hostile.with_storage("MBD0001A2B3"), "embedded-objects", "内嵌"),
    _refused("X6", "ole-xlsx", lambda: hostile.with_part("xl/embeddings/o.bin"), "embedded-objects", "内嵌"),
    _refused(
        "X6", "links", lambda: hostile.with_part("xl/externalLinks/externalLink1.xml"), "external-links", "外部文件"
    ),
    _refused("X6", "links-xls", lambda: hostile.supbook("\1other.xls"), "external-links", "外部文件"),
    _refused("X6", "dde-xls", lambda: hostile.supbook("cmd\3 /C calc"), "dde", "动态数据交换"),
    _refused("X6", "dde", lambda: xlsx(XM='<c r="{at}"><f>cmd|" /C calc"!A0</f><v>0</v></c>'), "dde", "动态数据交换"),
    _refused("X6", "xlm", lambda: hostile.with_part("xl/macrosheets/sheet1.xml"), "macro-sheets", "宏表"),
    _refused("X7", "corner", lambda: hostile.far_cell("XFD1048576"), "row-too-far", "第1048576行仍有内容"),
    _refused("X7", "right", lambda: hostile.far_cell("XFD20"), "too-many-columns", "第16384列仍有内容"),
    *(
        _good("X8", f"dimension-{said.replace(':', '-')}", lambda said=said: xlsx(some(2), dimension=said), 2)
        for said in ("A1", "A1:XFD1048576", "A0")
    ),
    _refused("X9", "count", lambda: hostile.lying_string_count(4_000_000_000), "shared-strings", "共享字符串"),
    _refused("X9", "count-xls", lambda: hostile.string_table(4_000_000_000), "shared-strings", "共享字符串"),
    _refused("X9", "index", lambda: hostile.lying_string_count(1, index=7), "damaged", "已损坏"),
    _refused("X9", "index-xls", lambda: hostile.string_table(1, index=1), "damaged", "已损坏"),
    _refused("X10", "bomb", hostile.zip_bomb, "zip-inflated", "解压后超过"),
    _refused("X10", "lying-bomb", hostile.lying_zip_bomb, "zip-ratio", "压缩比"),
    _refused("X10", "nested", hostile.nested_zip, "zip-nested", "嵌套"),
    _refused("X10", "10000-entries", lambda: hostile.many_entries(10_000), "zip-entries", "部件数"),
    _refused("X10", "same-name", hostile.double_entry, "zip-duplicate", "重名"),
    _refused("X10", "overlap", hostile.overlapping_entries, "zip-overlap", "重叠"),
    _refused("X10", "wrong-size", lambda: hostile.lying_size(1), "zip-sizes", "与目录不符"),
    _refused("X11", "laughs", hostile.billion_laughs, "xml-entities", "实体声明"),
    _refused("X11", "quadratic", hostile.quadratic_entity, "zip-ratio", "压缩比"),
    _refused("X11", "external", hostile.external_entity, "xml-entities", "实体声明"),
    _refused("X12", "difat-loop", hostile.difat_loop, "damaged", "已损坏"),
    _refused("X12", "fat-loop", hostile.fat_loop, "damaged", "已损坏"),
    _refused("X12", "huge-difat", hostile.huge_difat, "damaged", "已损坏"),
    _refused("X12", "cut", lambda: hostile.sound_xls()[:1_500], "damaged", "已损坏"),
    _refused("X12", "biff5", lambda: files.small_xls(files.number_cell(0, 0, 1.0), version=0x0500), "biff5", "5.0/95"),
    _refused("X12", "record-too-long", lambda: files.small_xls(b"\3\2\xff\xff"), "damaged", "已损坏"),
    Hostile(
        row="X13",
        what="merged",
        make=lambda: shaped(reshaped("merged")),
        reason="not-annex-form",
        found=((2, 3, "merged-cells"),),
        says="合并单元格",
    ),
    _good("X13", "hidden-row", lambda: shaped(reshaped("hidden-row")), 3),
    _good("X13", "hidden-column", lambda: shaped(reshaped("hidden-column")), 3),
    _good("X13", "hidden-sheet", lambda: shaped(reshaped("hidden-sheet")), 3),
    Hostile(
        row="X13",
        what="data-on-second-sheet",
        make=lambda: shaped(reshaped("second-sheet")),
        reason="not-annex-form",
        found=((None, None, "no-data"), (1, None, "header-row")),
        says="没有数据行",
    ),
    _good("X13", "256-sheets", lambda: files.xls(some(2), more=[f"表{n}" for n in range(255)]), 2),
    _refused(
        "X13", "257-sheets", lambda: files.xls(some(2), more=[f"表{n}" for n in range(256)]), "too-many-sheets", ""
    ),
    _good("X14", "cached", lambda: xlsx(people='<c r="{at}"><f>1+1</f><v>2</v></c>'), people=2),
    _bad_xml("X14", "not-cached", "people", '<c r="{at}"><f>1+1</f></c>', "type"),
    *(
        _text("X14", f"text-{place}", value)
        for place, value in enumerate(
            (
                "=1+1",
                "=cmd|' /C calc'!A0",
                '=HYPERLINK("http://x","y")',
                "@SUM(A1)",
                "+1",
                "-1",
                "'=1",
            )
        )
    ),
    # A tab is a control character, and no text of people has any.
    _cell("X14", "tab", "change_benote", "\t=1", "pattern"),
    _bad_xml("X15", "ref", "XM", '<c r="{at}" t="e"><v>#REF!</v></c>', "type"),
    _bad_xml("X15", "na", "people", '<c r="{at}" t="e"><v>#N/A</v></c>', "type"),
    _bad_xml("X15", "boolean", "XM", '<c r="{at}" t="b"><v>1</v></c>', "type"),
    _cell("X16", "identity-as-number", "person_no", 3.10105199001011e17, "type"),
    _cell("X16", "leading-zeros-lost", "person_no", 10105199001011, "type"),
    # Nothing is lost of a short whole number, and where no check digit is at stake it is the code that it shows.
    _good("X16", "short-code-as-number", lambda: xls(one(area=310105)), area="310105"),
    _cell("X16", "long-code-as-number", "change_benote", 1.2345678901234567e17, "type"),
    _cell("X16", "thousands", "amount", "1,234.50", "type"),
    _cell("X16", "full-width", "people", "１２３", "type"),
    _bad_xml("X16", "too-large", "amount", '<c r="{at}"><v>1e400</v></c>', "type"),
    Hostile(
        row="X17",
        what="29-february-1900",
        make=lambda: styled(born=(60, "YYYY/MM/DD")),
        reason="quality",
        found=((2, COLUMN["born"], "type"),),
        says="未导入",
    ),
    Hostile(
        row="X17",
        what="before-all-days",
        make=lambda: styled(born=(-5, "YYYY/MM/DD")),
        reason="quality",
        found=((2, COLUMN["born"], "type"),),
        says="未导入",
    ),
    _good("X17", "epoch-1904", lambda: epoch_1904(1), born=date(1904, 1, 2)),
    _good("X17", "day-cell", lambda: styled(born=(date(2020, 2, 29), "YYYY/MM/DD")), born=date(2020, 2, 29)),
    _cell("X17", "month-13", "born", "2023/13/01", "type"),
    _cell("X17", "other-form", "born", "2023-1-1", "type"),
    _cell("X17", "words", "born", "二〇二三年", "type"),
    _good(
        "X17",
        "moment",
        lambda: xls(one(noted="2023/06/30 23:59:59")),
        noted=datetime.fromisoformat("2023-06-30T23:59:59"),
    ),
    _form("X18", "zero", one(XM="甲\0乙"), (2, 3, "text-characters")),
    Hostile(
        row="X18",
        what="surrogate",
        make=lambda: files.small_xls(
            *(
                files.label_cell(n, c, str(cell)) if c else files.label_cell(n, c, "序号")
                for n, line in enumerate(one())
                for c, cell in enumerate(line)
                if cell is not None and (n == 0 or c)
            ),
            files.number_cell(1, 0, 1),
        ).replace("居民1".encode("utf-16-le"), "居".encode("utf-16-le") + b"\x00\xd8" + "1".encode("utf-16-le")),
        reason="not-annex-form",
        found=((2, 3, "text-characters"),),
        says="非法字符",
    ),
    _form("X18", "no-character", one(XM="甲\ufffe乙"), (2, 3, "text-characters")),
    _cell("X18", "32767-characters", "change_benote", "数" * 32_767, "length"),
    _form("X19", "twice", rows(person(1), header=[*HEADER[:3], "姓名", *HEADER[4:]]), (1, 4, "header-duplicate")),
    _form("X19", "space", rows(person(1), header=[*HEADER[:3], "区划代码 ", *HEADER[4:]]), (1, 4, "header-spaces")),
    Hostile(
        row="X19",
        what="full-width",
        make=lambda: xls(rows(person(1), header=[*HEADER[:3], "ＡＲＥＡ", *HEADER[4:]])),
        reason="structure-mismatch",
        found=((1, 1, "structure"), (1, 4, "structure")),
        says="不一致",
    ),
    _good("X19", "other-order", lambda: xls([[line[0], *line[:0:-1]] for line in some(2)]), 2),
    Hostile(
        row="X19",
        what="unknown",
        make=lambda: xls(rows(person(1, more="x"), header=[*HEADER, "别的"])),
        reason="structure-mismatch",
        found=((1, 10, "structure"),),
        says="不一致",
    ),
    Hostile(
        row="X19",
        what="missing",
        make=lambda: xls([line[:-1] for line in rows(person(1))]),
        reason="structure-mismatch",
        found=((1, 1, "structure"),),
        says="不一致",
    ),
    _cell("X20", "21-characters", "XM", "名" * 21, "length"),
    _good("X20", "20-characters", lambda: xls(one(XM="名" * 20)), XM="名" * 20),
    _cell("X20", "5000-characters", "change_benote", "数" * 5_000, "length"),
    _cell("X20", "too-many-digits", "amount", "123456789012345.5", "range"),
    _cell("X20", "too-fine", "amount", "0.1234567", "range"),
    Hostile(
        row="X20",
        what="one-bad-among-good",
        make=lambda: xls(rows(person(1), person(2, XM="名" * 21), person(3))),
        reason="quality",
        found=((3, 3, "length"),),
        says="未导入任何数据",
    ),
    _text("X24", "script", "<script>alert(1)</script>"),
    _text("X24", "template", "{{7*7}}"),
    _text("X24", "jndi", "${jndi:ldap://x/y}"),
)
"""Every file of the table."""
