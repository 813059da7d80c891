"""The file that is loaded: twelve fields of Annex 3 §3.1 and §3.2, as a csv and as a workbook, made in no memory."""

import csv
import zipfile
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Any, Final
from xml.sax.saxutils import escape

ITEMS: Final[list[dict[str, Any]]] = [
    {
        "code": "ZJHM",
        "name": "证件号码",
        "type": "text",
        "length": 20,
        "key_place": 1,
        "nullable": False,
        "check": "idcard",
    },
    {"code": "XM", "name": "姓名", "type": "text", "length": 20, "nullable": False},
    {"code": "XB", "name": "性别", "type": "text", "length": 10, "code_set": {"id": "bench-sex", "version": 1}},
    {"code": "CSRQ", "name": "出生日期", "type": "date", "nullable": False},
    {"code": "MZ", "name": "民族", "type": "text", "length": 10},
    {"code": "JZDXZ", "name": "居住地详址", "type": "text", "length": 200},
    {"code": "corp_name", "name": "法人名称", "type": "text", "length": 400, "nullable": False},
    {"code": "telephone", "name": "联系电话", "type": "text", "length": 40},
    {"code": "zip", "name": "邮编", "type": "text", "length": 6},
    {"code": "establish_date", "name": "设立日期", "type": "date"},
    {"code": "reg_capital", "name": "注册资金", "type": "numeric", "precision": 20, "scale": 6},
    {"code": "currency", "name": "币种", "type": "text", "length": 100},
]
"""Ten rules and more: key and uniqueness, three not null, lengths, types, digits of a number, codes, a check digit."""
TITLES: Final = ("序号", *(item["name"] for item in ITEMS))
CODES: Final = tuple(item["code"] for item in ITEMS)
_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS: Final = "10X98765432"
_BIRTHS: Final = 20_000


def key(number: int, series: int) -> str:
    """A 公民身份号码 of nobody: its region is one that is not given out."""
    born = date(1950, 1, 1) + timedelta(days=number % _BIRTHS)
    text = f"{310900 + series:06}{born:%Y%m%d}{number // _BIRTHS % 1000:03}"
    return text + _CHECKS[sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, text, strict=True)) % 11]


def row(number: int, series: int) -> tuple[Any, ...]:
    """A row's values. `series` below 100 tells the files of the rounds apart."""
    born = date(1950, 1, 1) + timedelta(days=number % _BIRTHS)
    founded = date(1990, 1, 1) + timedelta(days=number * 7 % 12_000)
    return (
        key(number, series),
        f"示例{number % 7919}号",
        str(1 + number % 2),
        born,
        f"{number % 56 + 1:02}",
        f"上海市长宁区示例路{number % 3000}号{number % 30}室",
        f"上海示例企业第{number}号有限公司",
        f"021-{number:08}",
        f"2000{number % 100:02}",
        founded,
        Decimal(number * 37 % 10_000_000) / 100,
        "人民币",
    )


def rows(count: int, series: int) -> Iterator[tuple[Any, ...]]:
    return (row(number, series) for number in range(count))


def write_csv(path: Path, count: int, series: int) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(TITLES)
        for number, values in enumerate(rows(count, series), 1):
            writer.writerow((number, *(f"{v:%Y/%m/%d}" if isinstance(v, date) else v for v in values)))


_PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006"
_OFFICE: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_PARTS: Final = {
    "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="r1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="r1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="r2" Type="{_OFFICE}/sharedStrings" Target="sharedStrings.xml"/>'
    f'<Relationship Id="r3" Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>'
    '<sheet name="Sheet1" sheetId="1" r:id="r1"/></sheets></workbook>',
    "xl/styles.xml": f'<styleSheet xmlns="{_MAIN}"><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs>'
    "</styleSheet>",
}
_EPOCH: Final = date(1899, 12, 30)


def write_xlsx(path: Path, count: int, series: int) -> None:
    """As Excel writes it: texts shared, dates as numbers with a format."""
    strings: dict[str, int] = {}

    def cell(column: int, number: int, value: Any) -> str:
        place = f"{chr(ord('A') + column)}{number}"
        match value:
            case str():
                return f'<c r="{place}" t="s"><v>{strings.setdefault(value, len(strings))}</v></c>'
            case date():
                return f'<c r="{place}" s="1"><v>{(value - _EPOCH).days}</v></c>'
            case _:
                return f'<c r="{place}"><v>{value}</v></c>'

    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as book:
        for name, content in _PARTS.items():
            book.writestr(name, content)
        last = f"{chr(ord('A') + len(CODES))}{count + 1}"
        with book.open("xl/worksheets/sheet1.xml", "w") as sheet:
            sheet.write(f'<worksheet xmlns="{_MAIN}"><dimension ref="A1:{last}"/><sheetData>'.encode())
            numbered = ((number, *values) for number, values in enumerate(rows(count, series), 1))
            for number, values in enumerate(chain([TITLES], numbered), 1):
                cells = "".join(cell(column, number, value) for column, value in enumerate(values))
                sheet.write(f'<row r="{number}">{cells}</row>'.encode())
            sheet.write(b"</sheetData></worksheet>")
        listed = "".join(f"<si><t>{escape(text)}</t></si>" for text in strings)
        book.writestr(
            "xl/sharedStrings.xml",
            f'<sst xmlns="{_MAIN}" count="{len(strings)}" uniqueCount="{len(strings)}">{listed}</sst>',
        )
