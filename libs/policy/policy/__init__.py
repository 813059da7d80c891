"""The regulations as dated data: who decides, what is due when, which statement is required, each with its article.

Services hold no year, no body and no term in their code; they ask here. Nothing is read but this package's own data and
the files that a caller hands over as text or bytes: no clock, no network, no environment.

    book = policy.load_shipped()
    in_force = book.at(submitted_at)
    match policy.due(submitted_at, in_force.require(policy.RuleId.SHARE_ANSWER_DEADLINE), policy.shipped_calendar()):
        case policy.DueOn(on=day): ...
        case policy.DueOpen(alert_zh=alert): ...
"""

from policy.articles import Article, parse_article
from policy.basis import BasisValues, DecisionBasis
from policy.book import Book, InForce, compile_book, load_shipped
from policy.deadlines import Due, DueOn, DueOpen, due
from policy.errors import (
    BasisInvalid,
    CalendarMissing,
    CountNotPositive,
    FileRefused,
    Flaw,
    NaiveInstant,
    NoEditionInForce,
    NumberInvalid,
    PartAbsent,
    PolicyError,
    RuleAbsent,
    RuleUnknown,
)
from policy.model import (
    Body,
    BodyCode,
    Deadline,
    Edition,
    EditionId,
    Holder,
    Involvement,
    Parameter,
    ParameterValue,
    Repeal,
    Repealed,
    Rule,
)
from policy.numbers import FormKind, FormNumber, form_number, form_year, parse_number
from policy.reading import read_edition
from policy.shanghai import SHANGHAI, shanghai_day
from policy.tables import SourceFile
from policy.vocabulary import DeadlineUnit, Layer, Part, Role, RuleId, Statement
from policy.workdays import (
    Calendar,
    YearTable,
    add_working_days,
    read_overrides,
    shipped_calendar,
    working_days_between,
)

__all__ = [
    "SHANGHAI",
    "Article",
    "BasisInvalid",
    "BasisValues",
    "Body",
    "BodyCode",
    "Book",
    "Calendar",
    "CalendarMissing",
    "CountNotPositive",
    "Deadline",
    "DeadlineUnit",
    "DecisionBasis",
    "Due",
    "DueOn",
    "DueOpen",
    "Edition",
    "EditionId",
    "FileRefused",
    "Flaw",
    "FormKind",
    "FormNumber",
    "Holder",
    "InForce",
    "Involvement",
    "Layer",
    "NaiveInstant",
    "NoEditionInForce",
    "NumberInvalid",
    "Parameter",
    "ParameterValue",
    "Part",
    "PartAbsent",
    "PolicyError",
    "Repeal",
    "Repealed",
    "Role",
    "Rule",
    "RuleAbsent",
    "RuleId",
    "RuleUnknown",
    "SourceFile",
    "Statement",
    "YearTable",
    "add_working_days",
    "compile_book",
    "due",
    "form_number",
    "form_year",
    "load_shipped",
    "parse_article",
    "parse_number",
    "read_edition",
    "read_overrides",
    "shanghai_day",
    "shipped_calendar",
    "working_days_between",
]
