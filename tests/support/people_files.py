"""Files of a register of people, by hand and by libraries, in every shape that a test of hostile files wants."""

import io
from collections.abc import Callable, Sequence
from typing import Any, Final

import openpyxl
import xlwt

from common.events import Check
from tests.support import sheet_files as files
from tests.support.identities import identity_number
from tests.support.items import day, integer, key, moment, numeric, text

NAME: Final = "人员名册"
FILE: Final = f"{NAME}-20230630.xls"
ITEMS: Final = (
    key(text("person_no", 18, name="证件号码", check=Check.IDCARD)),
    text("XM", 20, name="姓名", nullable=False),
    text("area", 6, name="区划代码"),
    numeric("amount", 20, 6, name="金额"),
    day("born", name="出生日期"),
    moment("noted", name="登记时间"),
    integer("people", name="人数"),
    text("change_benote", 4000, name="备注"),
)
HEADER: Final = ("序号", *(item.name for item in ITEMS))
COLUMN: Final = {item.code: place for place, item in enumerate(ITEMS, 2)}
_LETTERS: Final = "ABCDEFGHIJ"


def person(number: int, **more: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "person_no": identity_number("310105", f"1990{number // 28 % 12 + 1:02}{number % 28 + 1:02}", f"{number:03}"),
        "XM": f"居民{number}",
        "area": "310105",
        "amount": "100.5",
        "born": "1990/01/01",
        "noted": "2023/06/30 08:00:00",
        "people": 3,
        "change_benote": None,
    }
    return values | more


def rows(*people: dict[str, Any], header: Sequence[Any] = HEADER) -> list[list[Any]]:
    """The header, and each of the people with its 序号."""
    return [list(header), *([number, *one.values()] for number, one in enumerate(people, 1))]


def one(**more: Any) -> list[list[Any]]:
    return rows(person(1, **more))


def some(count: int, first: int = 1) -> list[list[Any]]:
    """So many people: a good file, as long as there are no more than 900 of them."""
    return rows(*(person(number) for number in range(first, first + count)))


def many(count: int) -> list[list[Any]]:
    """So many people, more than the sequence within an identity number has room for."""
    return rows(
        *(
            person(n, person_no=identity_number("310105", f"19{50 + n // 900:02}0101", f"{n % 900:03}"))
            for n in range(count)
        )
    )


def numbered(*numbers: Any) -> list[list[Any]]:
    """People whose 序号 are these."""
    made = some(len(numbers))
    for line, number in zip(made[1:], numbers, strict=True):
        line[0] = number
    return made


def xls(lines: Sequence[Sequence[Any]]) -> bytes:
    return files.xls(lines)


def cells(line: Sequence[Any], number: int, **instead: str) -> str:
    """A row of an .xlsx as XML; `instead` gives the XML of a cell by its item."""
    made = []
    for place, value in enumerate(line):
        at = f"{_LETTERS[place]}{number}"
        code = ITEMS[place - 1].code if place else ""
        if code in instead:
            made.append(instead[code].format(at=at))
        elif isinstance(value, str):
            made.append(files.text_cell(at, value))
        elif value is not None:
            made.append(f'<c r="{at}"><v>{value}</v></c>')
    return f'<row r="{number}">{"".join(made)}</row>'


def xlsx(lines: Sequence[Sequence[Any]] | None = None, *, more: str = "", dimension: str = "", **instead: str) -> bytes:
    """An .xlsx by hand, with cells of the first record replaced, and XML behind its rows."""
    lines = one() if lines is None else lines
    body = "".join(cells(line, n, **(instead if n == 2 else {})) for n, line in enumerate(lines, 1))
    return files.small_xlsx(body + more, dimension=dimension)


def shaped(change: Callable[[Any], None], lines: Sequence[Sequence[Any]] | None = None) -> bytes:
    """An .xlsx by openpyxl with something done to its book."""
    book = openpyxl.Workbook()
    assert book.active is not None
    for line in some(3) if lines is None else lines:
        book.active.append(list(line))
    change(book)
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


def styled(**formats: tuple[Any, str]) -> bytes:
    """An .xls whose first record has values under number formats."""
    book = xlwt.Workbook()
    sheet = book.add_sheet("表1")
    for place, title in enumerate(HEADER):
        sheet.write(0, place, title)
    for place, value in enumerate(rows(person(1))[1]):
        code = ITEMS[place - 1].code if place else ""
        if code in formats:
            sheet.write(1, place, formats[code][0], xlwt.easyxf(num_format_str=formats[code][1]))
        elif value is not None:
            sheet.write(1, place, value)
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


def epoch_1904(serial: int) -> bytes:
    """An .xlsx that counts its days from 1904, with one such day."""
    styles = f'<styleSheet xmlns="{files.MAIN}"><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>'
    lines = one()
    body = cells(lines[0], 1) + cells(lines[1], 2, born=f'<c r="{{at}}" s="1"><v>{serial}</v></c>')
    return files.zipped(files.xlsx_parts(files.sheet_xml(body), styles=styles, epoch_1904=True))


def reshaped(made: str) -> Callable[[Any], None]:
    def change(book: Any) -> None:
        sheet = book.active
        match made:
            case "merged":
                sheet.merge_cells("C2:C3")
            case "hidden-row":
                sheet.row_dimensions[2].hidden = True
            case "hidden-column":
                sheet.column_dimensions["C"].hidden = True
            case "hidden-sheet":
                book.create_sheet("藏", 0).sheet_state = "hidden"
                book.active = 1
            case "second-sheet":
                book.create_sheet("空", 0)
            case _:
                raise ValueError(made)

    return change
