"""An entry proposed from what a sheet holds: items with codes, types, lengths, a key, and the standard fields they are.

It is a beginning for the compiler of the catalogue: what nobody can see in a sheet - classification, grade, sharing -
is filled with the most careful answer and a word that says so.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final

from pypinyin import lazy_pinyin

from quality import standard
from quality.check_digits import FAULTS
from quality.model import Item, ItemType
from quality.reading import from_cell
from quality.standard import StandardField
from quality.values import BadValue
from sheets.cells import ErrorCell, Value, column_letters
from sheets.guided.tables import Column, ColumnKind, Table
from sheets.guided.texts import bare, folded, visible_text
from vetting.settling import settle

MAX_CODE: Final = 63
MAX_NAME: Final = 100
MAX_ITEMS: Final = 200
RESERVED: Final = frozenset(
    {"unitkey", "methodkey", "format", "rsstyle", "rsstructure", "page", "pagesize", "cursor", "orderby"}
)
"""Names that the interface protocol keeps for itself (the catalogue refuses them)."""
_LENGTHS: Final = (10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 40_000)
"""Lengths of texts that are proposed: the next above the longest one, with room to grow."""
_NAMES_SOMETHING: Final = re.compile(
    r"(?:代码|编码|编号|标识码|识别码|信用代码|号码?|证|电话|手机|传真|邮编|邮政编码|区号|账号|帐号|序号|code|id|no\.?|tel|phone|zip|mobile)$",
    re.IGNORECASE,
)
"""Titles of numbers that name something and are never added up."""
_KEYLIKE: Final = re.compile(r"(?:代码|编码|标识码|识别码|编号|证号|号码|(?<![电区])号|code|id|no\.?)$", re.IGNORECASE)
_NAMELIKE: Final = re.compile(r"(?:名称|姓名|全称|name)$", re.IGNORECASE)
_DATES_SHARE: Final = 0.95
"""A column with so many dates is one of dates, and the others are errors."""
_DATELIKE: Final = re.compile(r"(?:日期|时间|年月日|date)$", re.IGNORECASE)
_ANY_UNIT: Final = frozenset({"单位名称", "机构名称"})
"""Titles in lists of all kinds, of districts and of schools: a legal person's only beside another of its fields."""
_CHECK_SHARE: Final = 0.9
_UNSAID: Final = "待补充"
_FIGURES: Final = 15


def propose(table: Table, name: str, file_name: str) -> tuple[dict[str, Any], dict[str, int]]:
    """The proposed entry in the catalogue's form, and the column of each of its items by code."""
    columns = [column for column in table.columns if not column.is_sequence and column.title]
    columns = columns or [column for column in table.columns if not column.is_sequence] or list(table.columns)
    columns = columns[:MAX_ITEMS]
    at = {column.column: place for place, column in enumerate(table.columns)}
    values = {column.column: [record.values[at[column.column]] for record in table.records] for column in columns}
    taken: set[str] = set()
    names: set[str] = set()
    fields: set[str] = set()
    items: list[dict[str, Any]] = []
    places: dict[str, int] = {}
    if not any(_is_of_legal_persons(column.title) for column in columns):
        fields.add("corp_name")
    for column in columns:
        item = _item(column, values[column.column], fields, taken, names)
        taken.add(item["code"].lower())
        names.add(item["name"])
        items.append(item)
        places[item["code"]] = column.column
    _set_key(items, {item["code"]: values[places[item["code"]]] for item in items})
    return _entry(name, file_name, items), places


def _entry(name: str, file_name: str, items: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": _name(name) or "未命名资源",
        "classification": "300000",
        "abstract": f"根据文件“{_name(file_name)}”的内容提出，请编制人核对并补充。",
        "source_system": _UNSAID,
        "format": "spreadsheet",
        "update_frequency": "irregular",
        "data_grade": "general-3",
        "sharing_type": "authorized",
        "opening_type": "not-open",
        "reason": _UNSAID,
        "legal_basis": _UNSAID,
        "items": items,
    }


def _name(text: str) -> str:
    plain = "".join(char if char.isprintable() else " " for char in text)
    return visible_text(plain)[:MAX_NAME].strip()


def _item(
    column: Column, values: Sequence[Value], fields: set[str], taken: set[str], names: set[str]
) -> dict[str, Any]:
    title = _name(column.title) or f"{column_letters(column.column)}列"
    if title in names:
        title = f"{title[: MAX_NAME - 10]}（{column_letters(column.column)}列）"
    filled = [value for value in values if not _is_blank(value)]
    found = _standard_field(column.title)
    if found is not None and found.code not in fields and _fits(found, filled):
        fields.add(found.code)
        item: dict[str, Any] = {"code": found.code, "name": title, **_of_field(found)}
        if found.code.lower() in taken:
            item["code"] = item_code(title, taken)
    else:
        item = {"code": item_code(title, taken), "name": title, **_shape(column, filled)}
    if item["type"] == ItemType.TEXT.value:
        check = _check(filled)
        if check is not None:
            item["check"] = check
    item["nullable"] = len(filled) < len(values) or _has_marks(item, filled)
    return item


def _has_marks(item: Mapping[str, Any], values: Sequence[Value]) -> bool:
    """Whether some cell stands for no value by a dash or a stroke, which only a number or a date can have."""
    probe = Item(code=item["code"], name=item["name"], type=item["type"])
    return item["type"] != ItemType.TEXT.value and any(settle(value, probe).value is None for value in values)


def _is_blank(value: Value) -> bool:
    return value is None or (isinstance(value, str) and not visible_text(value))


def _is_of_legal_persons(title: str) -> bool:
    """Whether a title can only be that of a legal person's field."""
    field = _standard_field(title)
    return field is not None and not {"3.1"} & set(field.tables) and bare(title.rpartition("/")[2]) not in _ANY_UNIT


def _standard_field(title: str) -> StandardField | None:
    for form in (title, bare(title), title.rpartition("/")[2]):
        if form and (found := standard.match(form)) is not None:
            return found.field
    return None


def _of_field(field: StandardField) -> dict[str, Any]:
    shape: dict[str, Any] = {"type": field.type.value, "standard": field.code}
    if field.length is not None:
        shape["length"] = field.length
    if field.precision is not None:
        shape["precision"], shape["scale"] = field.precision, field.scale
    return shape


def _fits(field: StandardField, values: Sequence[Value]) -> bool:
    """Whether the field's type and length take nearly all of the values."""
    probe = Item(
        code=field.code,
        name=field.name,
        type=field.type.value,
        length=field.length,
        precision=field.precision,
        scale=field.scale,
    )
    return sum(_reads(probe, value) for value in values) >= _DATES_SHARE * len(values)


def _reads(item: Item, value: Value) -> bool:
    try:
        from_cell(item, settle(value, item).value, {})
    except BadValue:
        return False
    return True


_DATE: Final = Item(code="d", name="d", type=ItemType.DATE.value)
_DATETIME: Final = Item(code="t", name="t", type=ItemType.DATETIME.value)
_INTEGER: Final = Item(code="i", name="i", type=ItemType.INTEGER.value)
_NUMERIC: Final = Item(code="n", name="n", type=ItemType.NUMERIC.value, precision=60, scale=30)


def _shape(column: Column, values: Sequence[Value]) -> dict[str, Any]:
    """Type and bounds that hold all of the values; of dates nearly all."""
    if not values or column.kind is ColumnKind.EMPTY:
        return _text_shape(values)
    names_something = _NAMES_SOMETHING.search(bare(column.title.rpartition("/")[2])) is not None
    if not names_something:
        if column.kind in {ColumnKind.DATE, ColumnKind.DATETIME}:
            for item in (_DATE, _DATETIME):
                if sum(_reads(item, value) for value in values) >= _DATES_SHARE * len(values):
                    return {"type": item.type}
        elif _are_days(column, values):
            return {"type": ItemType.DATE.value}
        has_leading_zero = any(isinstance(value, str) and re.match(r"\s*0\d", value) for value in values)
        if column.kind in {ColumnKind.INTEGER, ColumnKind.NUMBER} and not has_leading_zero:
            if all(_reads(_INTEGER, value) for value in values):
                return {"type": ItemType.INTEGER.value}
            if all(_reads(_NUMERIC, value) for value in values):
                return _numeric_shape(values)
    return _text_shape(values)


def _are_days(column: Column, values: Sequence[Value]) -> bool:
    """Whether all of the values are days, written in several ways; of digits alone only where the title says so."""
    title = bare(column.title.rpartition("/")[2])
    if column.kind not in {ColumnKind.TEXT, ColumnKind.CODE} and not _DATELIKE.search(title):
        return False
    written = any(isinstance(value, date) or not _shown(value).isdecimal() for value in values)
    return (written or _DATELIKE.search(title) is not None) and all(_reads(_DATE, value) for value in values)


def _numeric_shape(values: Iterable[Value]) -> dict[str, Any]:
    whole = scale = 0
    for value in values:
        number = from_cell(_NUMERIC, settle(value, _NUMERIC).value, {})
        if isinstance(number, Decimal):
            _, digits, exponent = number.as_tuple()
            places = max(0, -int(exponent))
            scale = max(scale, places)
            whole = max(whole, len(digits) - places)
    scale = next((step for step in (2, 4, 6) if scale <= step), scale)
    return {"type": ItemType.NUMERIC.value, "precision": max(20, whole + scale), "scale": scale}


def _text_shape(values: Sequence[Value]) -> dict[str, Any]:
    longest = max((len(_shown(value)) for value in values), default=0)
    length = next((step for step in _LENGTHS if longest <= step), 100_000)
    return {"type": ItemType.TEXT.value, "length": length}


_TEXT: Final = Item(code="x", name="x", type=ItemType.TEXT.value, length=100_000)


def _shown(value: Value) -> str:
    settled = settle(value, _TEXT).value
    if isinstance(settled, float) and settled.is_integer():
        return str(int(settled))
    return "" if settled is None or isinstance(settled, ErrorCell) else str(settled)


def _check(values: Sequence[Value]) -> str | None:
    """The check digit that nearly all of the values have."""
    texts = [_shown(value) for value in values]
    if not texts:
        return None
    for name, fault in FAULTS.items():
        if sum(len(text) == 18 and fault(text) is None for text in texts) >= _CHECK_SHARE * len(texts):
            return name
    return None


def _set_key(items: list[dict[str, Any]], values: Mapping[str, Sequence[Value]]) -> None:
    """The key: an item of codes or else of names that is filled everywhere and never repeats."""
    for looks in (_KEYLIKE, _NAMELIKE):
        for item in items:
            if item["nullable"] or item["type"] not in {ItemType.TEXT.value, ItemType.INTEGER.value}:
                continue
            if item.get("length", 0) > _LENGTHS[5] or not looks.search(bare(item["name"])):
                continue
            shown = [_shown(value) for value in values[item["code"]]]
            if shown and len(set(shown)) == len(shown) and all(shown):
                item["key_place"] = 1
                return


def item_code(title: str, taken: set[str]) -> str:
    """A code that the catalogue takes and no other item has: Latin letters as they are, Chinese by pinyin."""
    plain = unicodedata.normalize("NFKC", bare(title) or title)
    words = [word for word in re.split(r"[^A-Za-z0-9]+", "_".join(_spelt(plain))) if word]
    code = "_".join(words).lower()
    if len(code) > MAX_CODE - 3:
        code = "".join(word[0] if not word.isdigit() else word for word in words).lower()[: MAX_CODE - 3]
    if not code or not code[0].isalpha() or not code[0].isascii():
        code = f"x_{code}".rstrip("_") if code else "item"
    made, number = code, 1
    while made in taken or made in RESERVED:
        number += 1
        made = f"{code}_{number}"
    return made


def _spelt(text: str) -> list[str]:
    parts: list[str] = []
    for run in re.findall(r"[\u3400-\u9fff]+|[A-Za-z0-9]+", text):
        parts += lazy_pinyin(run) if re.match("[\u3400-\u9fff]", run) else [run]
    return ["".join(char for char in unicodedata.normalize("NFD", part) if char.isascii()) for part in parts]


def resource_name(table: Table, titles: Iterable[str], file_stem: str) -> str:
    """What the resource may be called: the sheet's title, the sheet's name, or the file's."""
    for title in titles:
        plain = re.sub(r"[(（][^()（）]*[)）]\s*$", "", visible_text(title))
        if 4 <= len(plain) <= MAX_NAME and not plain.isascii():
            return plain
    if table.sheet and not re.fullmatch(
        r"(?:sheet|工作表|表|数据|Worksheet)\s*\d*", folded(table.sheet), re.IGNORECASE
    ):
        return table.sheet
    return file_stem
