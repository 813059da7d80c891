"""What a document says, as values: bodies, roles, deadlines, rules, editions. Nothing here is decided, only stated."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import NewType

from policy.articles import Article
from policy.errors import PartAbsent
from policy.vocabulary import DeadlineUnit, Layer, Part, Role, RuleId, Statement

EditionId = NewType("EditionId", str)
"""`2019`, `2021`, `house`: short, stable, unique among all files loaded."""

BodyCode = NewType("BodyCode", str)
"""`district-office`: the same body keeps its code in every edition."""

ParameterValue = str | int | bool | tuple[str, ...] | tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """Who may be named: a body of the district (区府办), or a party that any unit can be (资源提供方)."""

    code: BodyCode
    name: str
    is_party: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A body whose accounts may have a role, and the place that says so."""

    role: Role
    body: Body
    article: Article


@dataclass(frozen=True, slots=True, kw_only=True)
class Involvement:
    """A body and what it does in a rule."""

    part: Part
    body: Body


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """So many of a unit, counted from the day of an event; that day itself is not counted."""

    count: int
    unit: DeadlineUnit
    runs_from: str
    """The event, in the document's words: 收到平台内申请之日."""

    @property
    def zh(self) -> str:
        """`10个工作日`."""
        return f"{self.count}{self.unit.zh}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    name: str
    value: ParameterValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule as one document has it.

    `requires` must all be stated or on file; of `requires_one_of`, if any are named, at least one. `quote` is the
    decisive passage: of a regulation in its own words, of a house rule the rule itself.
    """

    id: RuleId
    layer: Layer
    edition: EditionId
    document: str
    article: Article
    name: str
    quote: str
    involved: tuple[Involvement, ...] = ()
    deadline: Deadline | None = None
    requires: tuple[Statement, ...] = ()
    requires_one_of: tuple[Statement, ...] = ()
    parameters: tuple[Parameter, ...] = ()

    @property
    def citation(self) -> str:
        """For people: `长府规〔2021〕2号第十七条第一款`. A house rule's names the house rules as its document."""
        return self.document + self.article.zh

    @property
    def short_citation(self) -> str:
        """As requirements cite: `2021§17`, `house§1`."""
        return f"{self.edition}§{self.article.short}"

    @property
    def source_zh(self) -> str:
        """The citation with its layer, as every screen shows it: `内部规则：区级内部管理规则第一条`."""
        return f"{self.layer.zh}：{self.citation}"

    def bodies(self, part: Part) -> tuple[Body, ...]:
        """Who does that part; empty where the document names nobody for it."""
        return tuple(involvement.body for involvement in self.involved if involvement.part is part)

    @property
    def decider(self) -> Body:
        """The one body that decides.

        Raises:
            PartAbsent: the rule names none, or several.
        """
        deciding = self.bodies(Part.DECIDES)
        if len(deciding) != 1:
            raise PartAbsent(self.citation, Part.DECIDES)
        return deciding[0]

    def text(self, name: str) -> str:
        """A parameter that is a text.

        Raises:
            PartAbsent: the rule has no such parameter. So for the three methods below.
        """
        value = self._parameter(name)
        if not isinstance(value, str):
            raise PartAbsent(self.citation, name)
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """A parameter that is a list of texts, in the document's order."""
        value = self._parameter(name)
        if not isinstance(value, tuple):
            raise PartAbsent(self.citation, name)
        texts = tuple(text for text in value if isinstance(text, str))
        if len(texts) != len(value):
            raise PartAbsent(self.citation, name)
        return texts

    def numbers(self, name: str) -> tuple[int, ...]:
        """A parameter that is one whole number or a list of them."""
        value = self._parameter(name)
        listed = value if isinstance(value, tuple) else (value,)
        whole = tuple(number for number in listed if isinstance(number, int) and not isinstance(number, bool))
        if len(whole) != len(listed):
            raise PartAbsent(self.citation, name)
        return whole

    def flag(self, name: str) -> bool:
        """A parameter that is yes or no."""
        value = self._parameter(name)
        if not isinstance(value, bool):
            raise PartAbsent(self.citation, name)
        return value

    def _parameter(self, name: str) -> ParameterValue:
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter.value
        raise PartAbsent(self.citation, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeal:
    """The first day on which a document no longer stands, and what says so."""

    on: date
    by: str
    article: Article


@dataclass(frozen=True, slots=True, kw_only=True)
class Repealed:
    """Another document that this one repeals from its own first day."""

    number: str
    article: Article


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """One document: a district's edition, a higher source, or a set of house rules.

    `file` is the name of the file that it came from. All days are days of Asia/Shanghai; `term_ends` is the last day
    of the term that the document gives itself.
    """

    id: EditionId
    layer: Layer
    file: str
    number: str
    title: str
    issuer: str
    adopted: date | None
    printed: date | None
    in_force_from: date
    term_ends: date | None
    repeal: Repeal | None
    repeals: tuple[Repealed, ...]
    bodies: tuple[Body, ...]
    holders: tuple[Holder, ...]
    rules: tuple[Rule, ...]

    @property
    def last_day(self) -> date | None:
        """The last day on which it stands of itself: of its term, or before its repeal; None if neither is set."""
        ends = [day for day in (self.term_ends, self.repeal and self.repeal.on - timedelta(days=1)) if day]
        return min(ends, default=None)

    def stands_on(self, day: date) -> bool:
        """Whether the day lies within its own dates (an edition may stay in use longer: see `policy.book`)."""
        return self.in_force_from <= day and (self.last_day is None or day <= self.last_day)

    def rule(self, rule_id: RuleId) -> Rule | None:
        """Its rule, or None: nothing is inherited from another document."""
        return next((rule for rule in self.rules if rule.id is rule_id), None)

    def body(self, code: str) -> Body | None:
        """The body or party with that code."""
        return next((body for body in self.bodies if body.code == code), None)
