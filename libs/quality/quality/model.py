"""The rules of a resource and what is found by them.

How to use it: `RuleSet.of_entry(entry)` reads items, rules and thresholds from an entry as the catalogue's API, its
event or a provider's own file writes it; a `quality.checking.Checker` goes over the rows with it; every breach is a
`Finding`; `refuses(findings, records, thresholds)` says whether the whole is refused.

An item's own declaration (type, length, not null, code set, check digit, uniqueness) is always checked and always an
error: the table in the exchange store demands it. `Rule`s come on top of it, as error or warning.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, Protocol

from quality.errors import BadEntry


class ItemType(StrEnum):
    """Types of items, as the catalogue writes them."""

    TEXT = "text"
    INTEGER = "integer"
    NUMERIC = "numeric"
    DATE = "date"
    DATETIME = "datetime"


class Check(StrEnum):
    """Numbers with a check digit: GB 32100 (统一社会信用代码), GB 11643 (公民身份号码)."""

    USCC = "uscc"
    IDCARD = "idcard"


class CodeSetLike(Protocol):
    """A version of a code set."""

    @property
    def id(self) -> str: ...
    @property
    def version(self) -> int: ...


class ItemLike(Protocol):
    """An information item by what the rules ask of it; `quality.model.Item` and `common.events.Item` are such."""

    @property
    def code(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def length(self) -> int | None: ...
    @property
    def precision(self) -> int | None: ...
    @property
    def scale(self) -> int | None: ...
    @property
    def nullable(self) -> bool: ...
    @property
    def key_place(self) -> int | None: ...
    @property
    def unique(self) -> bool: ...
    @property
    def code_set(self) -> CodeSetLike | None: ...
    @property
    def check(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class CodeSet:
    id: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """An information item, where no event declares it."""

    code: str
    name: str
    type: str
    length: int | None = None
    precision: int | None = None
    scale: int | None = None
    nullable: bool = True
    key_place: int | None = None
    unique: bool = False
    code_set: CodeSet | None = None
    check: str | None = None
    standard: str | None = None


CodeSets = Mapping[tuple[str, int], Collection[str]]
"""Codes by (id, version) of the code set."""


class RuleName(StrEnum):
    """Every rule there is."""

    NOT_NULL = "not_null"
    TYPE = "type"
    LENGTH = "length"
    RANGE = "range"
    PATTERN = "pattern"
    CODE_SET = "code_set"
    CHECK_DIGIT = "check_digit"
    UNIQUE = "unique"
    CROSS_ITEM = "cross_item"
    REFERENCE = "reference"
    FRESHNESS = "freshness"
    DRIFT = "drift"
    STRUCTURE = "structure"


class Severity(StrEnum):
    ERROR = "error"
    """The row is not taken; beyond the thresholds the whole file is not."""
    WARNING = "warning"
    """Told, and taken."""


class Comparison(StrEnum):
    """How two items of a row stand to each other."""

    EQ = "eq"
    NE = "ne"
    LT = "lt"
    LE = "le"
    GT = "gt"
    GE = "ge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule that is declared beside the items; which fields it needs depends on its name.

    - `not_null`: items. `length`: one item, `min_length`, `max_length`. `range`: one item, `minimum`, `maximum`, both
      included, written as the protocol writes values. `pattern`: one item and a `pattern` (RE2) for the whole value.
    - `code_set`: one item, `code_set`. `check_digit`: one item, `check`. `unique`: one or more items together.
    - `cross_item`, one of: `comparison` of two items (first to second); `when` and `values`: the items are required
      where the item `when` has one of the values (any value if none is named); `total`: the items add up to it, to
      within `tolerance`.
    - `reference`: items, which together occur as `target_items` of the entry `resource`.
    - `freshness`: one date item whose newest value is at most `days` old; without item the age of the batch before,
      by `days` or else by the entry's update frequency.
    - `drift`: against the batches before; `rows_drop` and `rows_growth` of the count of rows, `null_change` and
      `distinct_change` of the one item's shares, all as shares from 0 to 1.
    """

    name: RuleName
    items: tuple[str, ...] = ()
    severity: Severity = Severity.ERROR
    advice: str | None = None
    """What the provider is told besides, in the compiler's words."""
    min_length: int | None = None
    max_length: int | None = None
    minimum: str | None = None
    maximum: str | None = None
    pattern: str | None = None
    code_set: CodeSet | None = None
    check: str | None = None
    comparison: Comparison | None = None
    when: str | None = None
    values: tuple[str, ...] = ()
    total: str | None = None
    tolerance: Decimal | None = None
    resource: str | None = None
    target_items: tuple[str, ...] = ()
    days: int | None = None
    rows_drop: Decimal | None = None
    rows_growth: Decimal | None = None
    null_change: Decimal | None = None
    distinct_change: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """How many rows with errors are left out before the whole file is refused. Every bound that is stated holds."""

    bad_rows: int | None = None
    bad_share: Decimal | None = None
    """Of the rows with data, from 0 to 1."""

    def tolerate(self, bad: int, records: int) -> bool:
        """Whether so many bad rows of so many records are left out rather than the file refused."""
        if bad == 0:
            return True
        if self.bad_rows is None and self.bad_share is None:
            return False
        if self.bad_rows is not None and bad > self.bad_rows:
            return False
        return self.bad_share is None or bad <= self.bad_share * records


STRICT: Final = Thresholds()
"""No row with an error is tolerated."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken rule: row and column counted from 1 as the sheet shows them, None where it has no place there."""

    row: int | None
    column: int | None
    item: str | None
    rule: RuleName
    severity: Severity
    message: str
    value: str | None
    """The value, masked (`quality.masking`): enough to recognise it in one's own file, too little for anyone else."""


def in_sheets_order(finding: Finding) -> tuple[int, int, str, str]:
    """The order in which findings are told: what concerns the whole first, then by row and column."""
    return (finding.row or 0, finding.column or 0, finding.rule.value, finding.message)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet:
    """All that the rows of a resource are held to."""

    items: tuple[ItemLike, ...]
    rules: tuple[Rule, ...] = ()
    thresholds: Thresholds = STRICT
    update_frequency: str | None = None

    @classmethod
    def of_entry(cls, entry: Mapping[str, Any]) -> "RuleSet":
        """The rule set of an entry in its JSON form; members of no concern here are passed over.

        Read are `items`, and if they are there `rules`, `thresholds` and `update_frequency`.

        Raises:
            BadEntry: a member is missing or of another form. Whether the rules go with the items is for
                `quality.compiling.verify`, and a `Checker` cannot be made of rules that do not.
        """
        try:
            return cls(
                items=tuple(_item(one) for one in entry["items"]),
                rules=tuple(rule_of(one) for one in entry.get("rules") or ()),
                thresholds=_thresholds(entry.get("thresholds") or {}),
                update_frequency=entry.get("update_frequency"),
            )
        except (AttributeError, KeyError, TypeError, ValueError, ArithmeticError) as wrong:
            raise BadEntry("条目说明的格式不正确") from wrong


def _code_set(given: Mapping[str, Any] | None) -> CodeSet | None:
    return None if given is None else CodeSet(str(given["id"]), int(given["version"]))


def _item(given: Mapping[str, Any]) -> Item:
    key_place = given.get("key_place")
    return Item(
        code=given["code"],
        name=given["name"],
        type=ItemType(given["type"]),
        length=given.get("length"),
        precision=given.get("precision"),
        scale=given.get("scale"),
        nullable=given.get("nullable", True) and key_place is None,
        key_place=key_place,
        unique=given.get("unique", False),
        code_set=_code_set(given.get("code_set")),
        check=None if given.get("check") is None else Check(given["check"]),
        standard=given.get("standard"),
    )


_PLAIN: Final = frozenset(
    {"advice", "min_length", "max_length", "minimum", "maximum", "pattern", "when", "total", "resource", "days"}
)
_SHARES: Final = ("tolerance", "rows_drop", "rows_growth", "null_change", "distinct_change")


def rule_of(given: Mapping[str, Any]) -> Rule:
    """A rule in its JSON form; numbers with a fraction are written as texts or numbers.

    Raises:
        KeyError, TypeError, ValueError: it is of another form.
    """
    plain: dict[str, Any] = {name: given[name] for name in _PLAIN if given.get(name) is not None}
    shares: dict[str, Any] = {name: Decimal(str(given[name])) for name in _SHARES if given.get(name) is not None}
    return Rule(
        name=RuleName(given["name"]),
        items=_texts(given.get("items")),
        severity=Severity(given.get("severity", Severity.ERROR)),
        code_set=_code_set(given.get("code_set")),
        check=None if given.get("check") is None else Check(given["check"]),
        comparison=None if given.get("comparison") is None else Comparison(given["comparison"]),
        values=_texts(given.get("values")),
        target_items=_texts(given.get("target_items")),
        **plain,
        **shares,
    )


def _texts(given: Iterable[Any] | None) -> tuple[str, ...]:
    return tuple(str(one) for one in given or ())


def _thresholds(given: Mapping[str, Any]) -> Thresholds:
    share = given.get("bad_share")
    return Thresholds(bad_rows=given.get("bad_rows"), bad_share=None if share is None else Decimal(str(share)))


def refuses(findings: Iterable[Finding], records: int, thresholds: Thresholds) -> bool:
    """Whether findings refuse the whole: an error without a row always, errors in rows beyond the thresholds."""
    bad: set[int] = set()
    for finding in findings:
        if finding.severity is Severity.ERROR:
            if finding.row is None or finding.rule is RuleName.STRUCTURE:
                return True
            bad.add(finding.row)
    return not thresholds.tolerate(len(bad), records)
