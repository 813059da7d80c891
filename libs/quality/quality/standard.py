"""The naming standard of Annex 3 §3 (38 fields of people, legal persons, representatives and changes), as data.

`match(title)` finds the field that a column's title or an item's code names: by its code, its name, either part of a
name like 法定代表人/负责人, or a synonym (`data/synonyms.toml`, each with why). Case, width, blanks and remarks
in brackets do not matter. `misfits(...)` says what of an item's type and length is not the field's.
"""

import csv
import functools
import re
import tomllib
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from typing import Any, Final

from quality.model import ItemType

SOURCE: Final = "长宁区政务信息资源共享交换平台数据对接技术规范（2019.2）第三章"
_TYPES: Final = {"字符": ItemType.TEXT, "日期": ItemType.DATE, "数字": ItemType.NUMERIC}
_REMARK: Final = re.compile(r"\([^()]*\)")
_FILLING: Final = re.compile(r"[\s_\-*:：、.]+")


class MatchedBy(StrEnum):
    """How a title was taken for a field, from the surest on."""

    CODE = "code"
    NAME = "name"
    PART = "part"
    SYNONYM = "synonym"


@dataclass(frozen=True, slots=True, kw_only=True)
class StandardField:
    """A field of the annex; it may stand in several of its tables."""

    code: str
    name: str
    type: ItemType
    length: int | None
    """Characters of a text; the annex's length of a date is that of its text form and none of ours."""
    precision: int | None
    scale: int | None
    tables: tuple[str, ...]
    """`3.1` and so on."""
    synonyms: tuple[str, ...]
    code_set: str | None
    """The national code set for it (`quality.national`)."""

    @property
    def source(self) -> str:
        return f"{SOURCE} {'、'.join(self.tables)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """A row of the annex's tables, as it stands there."""

    table: str
    table_name: str
    number: int
    name: str
    code: str
    annex_type: str
    annex_length: str


@dataclass(frozen=True, slots=True)
class Match:
    field: StandardField
    by: MatchedBy


def data_text(name: str) -> str:
    """A data file of this package."""
    return resources.files("quality").joinpath("data").joinpath(name).read_text(encoding="utf-8")


@functools.cache
def rows() -> tuple[TableRow, ...]:
    """The 38 rows of the annex's four tables, in its order."""
    return tuple(
        TableRow(
            table=row["table"],
            table_name=row["table_name"],
            number=int(row["number"]),
            name=row["name"],
            code=row["code"],
            annex_type=row["annex_type"],
            annex_length=row["annex_length"],
        )
        for row in csv.DictReader(data_text("standard_fields.csv").splitlines())
    )


@functools.cache
def fields() -> tuple[StandardField, ...]:
    """The standard fields by the annex's order; a field that stands in several tables comes once."""
    synonyms: dict[str, Any] = tomllib.loads(data_text("synonyms.toml"))
    sets = tomllib.loads(data_text("code_sets.toml"))
    code_set_of = {field: name for name, one in sets.items() for field in one["fields"]}
    tables: dict[str, list[TableRow]] = {}
    for row in rows():
        tables.setdefault(row.code, []).append(row)
    return tuple(
        _field(found, tuple(synonyms.get(code, {}).get("titles", ())), code_set_of.get(code))
        for code, found in tables.items()
    )


def _field(found: list[TableRow], synonyms: tuple[str, ...], code_set: str | None) -> StandardField:
    row = found[0]
    kind = _TYPES[row.annex_type]
    digits, _, scale = row.annex_length.partition("/")
    return StandardField(
        code=row.code,
        name=row.name,
        type=kind,
        length=int(digits) if kind is ItemType.TEXT else None,
        precision=int(digits) if kind is ItemType.NUMERIC else None,
        scale=int(scale) if kind is ItemType.NUMERIC else None,
        tables=tuple(row.table for row in found),
        synonyms=synonyms,
        code_set=code_set,
    )


@functools.cache
def by_code() -> dict[str, StandardField]:
    return {field.code: field for field in fields()}


def match(title: str) -> Match | None:
    """The standard field that a title or a code names, None if none or if it is not certain which."""
    plain = _plain(title)
    return _titles().get(plain) or _titles().get(_plain(_REMARK.sub("", unicodedata.normalize("NFKC", title))))


def _plain(title: str) -> str:
    return _FILLING.sub("", unicodedata.normalize("NFKC", title).casefold())


@functools.cache
def _titles() -> dict[str, Match]:
    found: dict[str, Match] = {}
    for by in reversed(MatchedBy):
        for field in fields():
            match by:
                case MatchedBy.CODE:
                    titles: tuple[str, ...] = (field.code,)
                case MatchedBy.NAME:
                    titles = (field.name, _REMARK.sub("", unicodedata.normalize("NFKC", field.name)))
                case MatchedBy.PART:
                    titles = tuple(_REMARK.sub("", unicodedata.normalize("NFKC", field.name)).split("/"))
                case MatchedBy.SYNONYM:
                    titles = field.synonyms
            found |= {_plain(title): Match(field, by) for title in titles if _plain(title)}
    return found


def misfits(
    field: StandardField, kind: str, length: int | None, precision: int | None, scale: int | None
) -> tuple[str, ...]:
    """What of an item's type and length is not the standard field's, in words; nothing if all is."""
    if kind != field.type:
        return (f"类型应为 {field.type.value}",)
    found: list[str] = []
    if field.type is ItemType.TEXT and length != field.length:
        found.append(f"长度应为{field.length}")
    if field.type is ItemType.NUMERIC and (precision, scale) != (field.precision, field.scale):
        found.append(f"总位数应为{field.precision}，小数位数应为{field.scale}")
    return tuple(found)
