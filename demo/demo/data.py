"""What the story is told with: real street codes, made-up people, the entries that describe them, and their files."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from importlib import resources
from typing import Any, Final

from sheets.names import make_name
from sheets.writing import write_annex_xls

AS_OF: Final = date(2023, 6, 30)
_ID_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ID_CHECKS: Final = "10X98765432"
_PEOPLE: Final = ("甲", "乙", "丙", "丁", "戊", "己", "庚", "辛", "壬", "癸")


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file to upload: its name in the annex's form, and its content."""

    name: str
    content: bytes
    rows: int


def streets() -> list[tuple[str, str, str]]:
    """Code, name and district of the ten street offices and towns of 长宁区."""
    text = resources.files("demo").joinpath("data/streets.csv").read_text(encoding="utf-8")
    return [(row["code"], row["name"], row["areaCode"]) for row in csv.DictReader(text.splitlines())]


def streets_entry(name: str) -> dict[str, Any]:
    """《长宁区街道镇名录》, 无条件共享."""
    return {
        "name": name,
        "classification": "307001",
        "abstract": "长宁区各街道、镇的统计用区划代码和名称（2023年版）。",
        "source_system": "区划地名管理系统（示例）",
        "format": "spreadsheet",
        "update_frequency": "yearly",
        "data_grade": "general-1",
        "sharing_type": "unrestricted",
        "opening_type": "unrestricted",
        "items": [
            _text("street_code", "街道代码", 9, key_place=1, nullable=False),
            _text("street_name", "街道名称", 40, nullable=False),
            _text("area_code", "区划代码", 6, nullable=False, code_set={"id": "district", "version": 1}),
            {"code": "updated", "name": "更新日期", "type": "date", "nullable": False},
        ],
    }


def assistance_entry(name: str, *, with_basis: bool = True) -> dict[str, Any]:
    """《社会救助对象信息（示例）》, 授权共享, with its reason and legal basis."""
    basis = {
        "reason": "含个人信息，仅限履行教育资助等法定职责的单位按需使用。",
        "legal_basis": "《社会救助暂行办法》（国务院令第649号）",
    }
    return {
        "name": name,
        "classification": "307002",
        "abstract": "社会救助对象的示例数据，人员均为虚构。",
        "source_system": "社会救助业务系统（示例）",
        "format": "spreadsheet",
        "update_frequency": "monthly",
        "data_grade": "general-3",
        "sharing_type": "authorized",
        "opening_type": "conditional",
        **(basis if with_basis else {}),
        "items": [
            _text("ZJHM", "证件号码", 20, key_place=1, nullable=False, check="idcard", standard="ZJHM"),
            _text("XM", "姓名", 20, nullable=False, standard="XM"),
            _text("category", "救助类别", 2, nullable=False, code_set={"id": "assistance", "version": 1}),
            {"code": "amount", "name": "月救助金额", "type": "numeric", "precision": 10, "scale": 2},
            {"code": "since", "name": "开始日期", "type": "date", "nullable": False},
            _text("JZDXZ", "居住地详址", 200, standard="JZDXZ"),
        ],
    }


def _text(code: str, name: str, length: int, **more: Any) -> dict[str, Any]:
    return {"code": code, "name": name, "type": "text", "length": length, **more}


CODE_SETS: Final[tuple[dict[str, Any], ...]] = (
    {
        "id": "district",
        "name": "上海市部分区划代码",
        "source": "GB/T 2260 县级以上行政区划代码（节选）",
        "codes": [
            {"code": "310104", "name": "徐汇区"},
            {"code": "310105", "name": "长宁区"},
            {"code": "310106", "name": "静安区"},
        ],
    },
    {
        "id": "assistance",
        "name": "救助类别（示例）",
        "source": "示例代码",
        "codes": [
            {"code": "01", "name": "最低生活保障"},
            {"code": "02", "name": "特困人员供养"},
            {"code": "03", "name": "临时救助"},
        ],
    },
)


def streets_service() -> dict[str, Any]:
    return {
        "name": "街道镇查询",
        "inputs": [
            {"item": "street_code", "operators": ["eq", "in"], "required": False},
            {"item": "street_name", "operators": ["prefix"], "required": False},
            {"item": "area_code", "operators": ["eq"], "required": False},
        ],
    }


def assistance_service() -> dict[str, Any]:
    return {
        "name": "社会救助对象核查",
        "inputs": [{"item": "ZJHM", "operators": ["eq"], "required": True}],
    }


def streets_file(name: str) -> Sheet:
    """`长宁区街道镇名录-20230630.xls` in the annex's form."""
    rows = [(code, street, area, AS_OF) for code, street, area in streets()]
    return _sheet(name, ["街道代码", "街道名称", "区划代码", "更新日期"], rows)


def person(number: int) -> tuple[str, str, str, Decimal, date, str]:
    """The number-th made-up recipient, from 0: an identity number with a right check digit of no place on earth."""
    body = f"9901051900{1 + number % 12:02d}{1 + number % 28:02d}{number:03d}"
    total = sum(weight * int(digit) for weight, digit in zip(_ID_WEIGHTS, body, strict=True))
    return (
        body + _ID_CHECKS[total % 11],
        "示例" + _PEOPLE[number % len(_PEOPLE)],
        f"{1 + number % 3:02d}",
        Decimal(1010 + number * 5) / 10,
        date(2023, 1 + number % 12, 1),
        f"示例路{number + 1}号",
    )


COLUMNS: Final = ("证件号码", "姓名", "救助类别", "月救助金额", "开始日期", "居住地详址")
PEOPLE: Final = 12


def assistance_file(name: str) -> Sheet:
    return _sheet(name, COLUMNS, [person(number) for number in range(PEOPLE)])


@dataclass(frozen=True, slots=True)
class Planted:
    """An error that was put into a file: where it must be found, and by which rule."""

    row: int
    column: int
    rule: str


def planted_file(name: str) -> tuple[Sheet, tuple[Planted, ...]]:
    """A file of the assistance entry with one error of each kind, and what must be said of it."""
    rows: list[list[Any]] = [list(person(number)) for number in range(8)]
    rows[0][1] = None
    rows[1][0] = rows[1][0][:17] + ("0" if rows[1][0][17] != "0" else "1")
    rows[2][2] = "09"
    rows[3][3] = "很多"
    rows[4][3] = Decimal("1.005")
    rows[5][1] = "名" * 21
    rows[6][4] = "2023/02/30"
    rows[7][0] = rows[0][0]
    planted = (
        Planted(2, 3, "not_null"),
        Planted(3, 2, "check_digit"),
        Planted(4, 4, "code_set"),
        Planted(5, 5, "type"),
        Planted(6, 5, "range"),
        Planted(7, 3, "length"),
        Planted(8, 6, "type"),
        Planted(9, 2, "unique"),
    )
    return _sheet(name, COLUMNS, rows), planted


def _sheet(name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Sheet:
    return Sheet(make_name(name, AS_OF), write_annex_xls(name, columns, rows), len(rows))
