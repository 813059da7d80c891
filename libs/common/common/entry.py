"""What a catalogue entry says (2019§2, 2021§2; REQ-C1): one declaration for the API, the events and the command line.

Its JSON Schema stands beside this file, locked like the events' schemas.
"""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from common.events import (
    Check,
    CodeSetRef,
    Comparison,
    Item,
    ItemType,
    OpeningType,
    QualityRule,
    QualityThresholds,
    RuleName,
    Severity,
    SharingType,
)
from common.events.parts import EntryCode, ItemCode

MAX_ITEMS: Final = 200
MAX_LENGTH: Final = 100_000
"""Characters of a text item at most."""
RESERVED: Final = frozenset(
    name.lower()
    for name in ("unitKey", "methodKey", "format", "rsStyle", "rsStructure", "page", "pageSize", "cursor", "orderBy")
)
"""Names that the interface protocol keeps for itself."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")]
Prose = Annotated[
    str, StringConstraints(min_length=1, max_length=2000, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$")
]


class Format(StrEnum):
    """资源格式 (2019§2, 2021§2)."""

    FILE = "file"
    SPREADSHEET = "spreadsheet"
    DATABASE = "database"
    IMAGE = "image"
    STREAM = "stream"
    OTHER = "other"


class UpdateFrequency(StrEnum):
    REAL_TIME = "real-time"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    QUARTERLY = "quarterly"
    YEARLY = "yearly"
    IRREGULAR = "irregular"


class DataGrade(StrEnum):
    """数据分级 (GB/T 43697-2024): 核心数据, 重要数据, and 一般数据 of four grades."""

    CORE = "core"
    IMPORTANT = "important"
    GENERAL_4 = "general-4"
    GENERAL_3 = "general-3"
    GENERAL_2 = "general-2"
    GENERAL_1 = "general-1"


class Declared(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class CodeSetName(Declared):
    id: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
    version: int = Field(ge=1, le=100_000)


class ItemContent(Declared):
    """An information item (信息项) as it is compiled."""

    code: ItemCode
    name: Name
    type: ItemType
    length: int | None = Field(default=None, ge=1, le=MAX_LENGTH, description="字符数；文本必填")
    precision: int | None = Field(default=None, ge=1, le=100, description="总位数；数值必填")
    scale: int | None = Field(default=None, ge=0, le=50, description="小数位数；数值必填")
    nullable: bool = True
    key_place: int | None = Field(default=None, ge=1, le=16, description="在主键中的位置，从1起")
    unique: bool = False
    code_set: CodeSetName | None = None
    check: Check | None = None
    sharing_type: SharingType | None = Field(default=None, description="信息项的共享属性；省略时同条目")
    standard: Annotated[str | None, StringConstraints(max_length=40)] = None

    @model_validator(mode="after")
    def fits_its_type(self) -> "ItemContent":
        """Text needs its length, a number its precision and scale, and neither takes what the other needs."""
        if "__" in self.code or self.code.lower() in RESERVED:
            raise ValueError("the code holds `__` or is a name that the interface protocol keeps for itself")
        if (self.type is ItemType.TEXT) is not (self.length is not None):
            raise ValueError("a text, and nothing else, has a length")
        numeric = self.type is ItemType.NUMERIC
        if numeric is not (self.precision is not None) or numeric is not (self.scale is not None):
            raise ValueError("a numeric, and nothing else, has precision and scale")
        if self.precision is not None and self.scale is not None and self.scale > self.precision:
            raise ValueError("scale is at most precision")
        if (self.code_set is not None or self.check is not None) and self.type is not ItemType.TEXT:
            raise ValueError("only a text has a code set or a check digit")
        return self


ShareOfRows = Annotated[float, Field(ge=0, le=1)]
MAX_RULES: Final = 200
Told = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Given = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")]


class RuleContent(Declared):
    """A rule of quality beside what the items declare; which fields it takes depends on its name (docs/quality.md)."""

    name: RuleName
    items: tuple[ItemCode, ...] = Field(default=(), max_length=16, description="所涉及的信息项")
    severity: Severity = Severity.ERROR
    advice: Told | None = Field(default=None, description="另外告诉提供单位的话")
    min_length: int | None = Field(default=None, ge=0, le=MAX_LENGTH)
    max_length: int | None = Field(default=None, ge=0, le=MAX_LENGTH)
    minimum: Given | None = Field(default=None, description="下限，含；日期写作 YYYY/MM/DD")
    maximum: Given | None = Field(default=None, description="上限，含")
    pattern: Given | None = Field(default=None, description="整个值应符合的 RE2 表达式")
    code_set: CodeSetName | None = None
    check: Check | None = None
    comparison: Comparison | None = Field(default=None, description="第一个信息项与第二个的关系")
    when: ItemCode | None = Field(default=None, description="条件项；它有所列的值时，items 必填")
    values: tuple[Given, ...] = Field(default=(), max_length=100)
    total: ItemCode | None = Field(default=None, description="合计项，等于 items 之和")
    tolerance: Annotated[float, Field(ge=0)] | None = None
    resource: EntryCode | None = Field(default=None, description="所引用的资源（目录代码）")
    target_items: tuple[ItemCode, ...] = Field(default=(), max_length=16)
    days: int | None = Field(default=None, ge=0, le=36_500)
    rows_drop: ShareOfRows | None = None
    rows_growth: Annotated[float, Field(ge=0)] | None = None
    null_change: ShareOfRows | None = None
    distinct_change: ShareOfRows | None = None


class ThresholdsContent(Declared):
    """Up to how many rows with errors are left out before the whole file is refused."""

    bad_rows: int | None = Field(default=None, ge=0, description="行数")
    bad_share: ShareOfRows | None = Field(default=None, description="占全部数据行的比例，0至1")


class EntryContent(Declared):
    """A catalogue entry as it is compiled."""

    name: Name
    classification: Annotated[str, StringConstraints(pattern=r"^[123][0-9]{5,15}$")] = Field(
        description="目录分类代码：类1位、项2位、目3位、细目不限（发改高技〔2017〕1272号）"
    )
    abstract: Prose
    source_system: Name
    format: Format
    update_frequency: UpdateFrequency
    data_grade: DataGrade
    sharing_type: SharingType
    opening_type: OpeningType
    reason: Prose | None = Field(default=None, description="授权共享、非共享、非开放的理由")
    legal_basis: Prose | None = Field(default=None, description="其法律、法规、规章依据")
    items: tuple[ItemContent, ...] = Field(min_length=1, max_length=MAX_ITEMS)
    rules: tuple[RuleContent, ...] = Field(default=(), max_length=MAX_RULES, description="数据质量规则")
    thresholds: ThresholdsContent | None = Field(default=None, description="容许的问题行；省略则一行也不容许")

    @model_validator(mode="after")
    def items_agree(self) -> "EntryContent":
        """Codes and names of items are unique (codes without regard to case), places in the key count from 1."""
        if len({item.code.lower() for item in self.items}) != len(self.items):
            raise ValueError("item codes are unique without regard to case")
        if len({item.name for item in self.items}) != len(self.items):
            raise ValueError("item names are unique")
        places = sorted(item.key_place for item in self.items if item.key_place is not None)
        if places != list(range(1, len(places) + 1)):
            raise ValueError("places in the key count from 1 without gap")
        return self

    def described(self) -> tuple[Item, ...]:
        """The items as events carry them: an item without a sharing type has the entry's."""
        return tuple(
            Item(
                code=item.code,
                name=item.name,
                type=item.type,
                length=item.length,
                precision=item.precision,
                scale=item.scale,
                nullable=item.nullable and item.key_place is None,
                key_place=item.key_place,
                unique=item.unique,
                code_set=CodeSetRef(id=item.code_set.id, version=item.code_set.version) if item.code_set else None,
                check=item.check,
                sharing_type=item.sharing_type or self.sharing_type,
                standard=item.standard,
            )
            for item in self.items
        )

    def ruled(self) -> tuple[QualityRule, ...]:
        """The rules as events carry them."""
        return tuple(QualityRule.model_validate(rule.model_dump()) for rule in self.rules)

    def tolerance(self) -> QualityThresholds | None:
        """The thresholds as events carry them."""
        return None if self.thresholds is None else QualityThresholds.model_validate(self.thresholds.model_dump())


def structure(items: tuple[Item, ...]) -> tuple[tuple[object, ...], ...]:
    """What of the items decides how their table looks: a change of it is a new resource version (2019§15)."""
    return tuple(
        (
            item.code,
            item.type,
            item.length,
            item.precision,
            item.scale,
            item.nullable,
            item.key_place,
            item.unique,
        )
        for item in items
    )
