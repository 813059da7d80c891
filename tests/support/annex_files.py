"""Files of a register of streets as its provider would make them: right ones, and wrong ones in one way each."""

import io
from collections.abc import Sequence
from datetime import date
from typing import Any

import openpyxl
import xlwt

from ingest_files.domain.uploads import Entry
from sheets.cells import Network, Row, Sheet, SheetTitle, Visibility, Workbook
from sheets.kinds import Kind
from sheets.writing import write_annex_xls
from tests.support.items import codes, day, integer, key, numeric, text

NAME = "长宁区街道镇名录"
FILE = f"{NAME}-20230630.xls"
TITLES = ("街道代码", "街道名称", "区划代码", "人口", "面积", "更新日期")
ITEMS = (
    key(text("street_code", 9, name="街道代码")),
    text("street_name", 10, name="街道名称", nullable=False),
    codes(text("area_code", 6, name="区划代码")),
    integer("people", name="人口"),
    numeric("area", 8, 2, name="面积"),
    day("updated", name="更新日期"),
)
AREAS = {("areas", 1): frozenset({"310104", "310105"})}
ROWS: list[tuple[Any, ...]] = [
    ("310105001", "华阳路街道", "310105", 70_000, 2.04, date(2023, 6, 30)),
    ("310105002", "江苏路街道", "310105", 50_000, 1.52, "2023/06/30"),
    ("310105102", "新泾镇", "310105", None, None, None),
]
ENTRY = Entry(
    code="307001-000001",
    name=NAME,
    provider="mzj",
    published=True,
    resource_version="307001-000001_v1",
    items=ITEMS,
)


_DAY = xlwt.easyxf(num_format_str="YYYY/MM/DD")
_PLAIN = xlwt.XFStyle()


def annex(rows: Sequence[Sequence[Any]] = ROWS, titles: Sequence[str] = TITLES) -> bytes:
    """An .xls in the annex's form, 序号 written in front."""
    return write_annex_xls(NAME, titles, rows)


def with_cell(row: int, column: int, value: Any) -> list[list[Any]]:
    """Header, 序号 and rows with one cell changed: row and column as the sheet shows them, from 1."""
    rows = whole()
    rows[row - 1][column - 1] = value
    return rows


def xlsx(rows: Sequence[Sequence[Any]]) -> bytes:
    """An .xlsx of exactly these rows, header and 序号 among them."""
    book = openpyxl.Workbook()
    assert book.active is not None
    for cells in rows:
        book.active.append(list(cells))
    return _saved(book)


def xls(rows: Sequence[Sequence[Any]]) -> bytes:
    """An .xls of exactly these rows."""
    book = xlwt.Workbook(encoding="utf-8")
    sheet = book.add_sheet("表1")
    for number, cells in enumerate(rows):
        for column, value in enumerate(cells):
            if value is not None:
                sheet.write(number, column, value, _DAY if isinstance(value, date) else _PLAIN)
    return _saved(book)


def _saved(book: Any) -> bytes:
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


def whole(rows: Sequence[Sequence[Any]] = ROWS) -> list[list[Any]]:
    """Header, 序号 and rows, to be written by `xlsx` or `xls`."""
    return [["序号", *TITLES], *([number, *cells] for number, cells in enumerate(rows, 1))]


def book(rows: Sequence[Sequence[Any]], kind: Kind = Kind.XLS) -> Workbook:
    """A workbook of exactly these rows as it is after reading: nothing is written, no child is started."""
    read = tuple(Row(number, _trimmed(cells)) for number, cells in enumerate(rows, 1) if _trimmed(cells))
    return Workbook(
        kind=kind,
        sheets=(Sheet(name="表1", rows=read, merged=()),),
        titles=(SheetTitle("表1", Visibility.VISIBLE, has_cells=True),),
        features=frozenset(),
        encoding=None,
        delimiter=None,
        network=Network.NAMESPACE,
    )


def _trimmed(cells: Sequence[Any]) -> tuple[Any, ...]:
    last = max((place for place, cell in enumerate(cells, 1) if cell is not None), default=0)
    return tuple(cells[:last])
