"""What a rule of each id may and must carry, whoever wrote the file.

Services act on these parts, so a file that leaves one out, or brings one that nobody would act on, is refused when it
is read and not when a decision is due.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from policy.vocabulary import Part, RuleId


class Kind(StrEnum):
    """What a parameter holds."""

    TEXT = "text"
    TEXTS = "texts"
    NUMBER = "number"
    NUMBERS = "numbers"
    FLAG = "flag"
    FORM = "form"
    """The prefix of a form's numbers."""


class Need(StrEnum):
    """Whether a rule carries something."""

    MUST = "must"
    MAY = "may"
    NO = "no"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """`parts`: each names at least one body; a rule may name bodies for other parts too.

    `parameters`: those that may be there, all of them needed unless named in `optional`.
    """

    deadline: Need = Need.NO
    statements: Need = Need.NO
    parts: frozenset[Part] = frozenset()
    parameters: Mapping[str, Kind] = field(default_factory=dict)
    optional: frozenset[str] = frozenset()


_ACTS = frozenset({Part.ACTS})
_DECIDES = frozenset({Part.DECIDES})
_PLAIN = Shape()
_DUTY = Shape(parts=_ACTS)
_DUE = Shape(parts=_ACTS, deadline=Need.MUST)
_DECISION = Shape(parts=_DECIDES, statements=Need.MAY)
_FINAL = Shape(parts=_DECIDES, statements=Need.MAY, parameters={"adjusted_yearly": Kind.FLAG})
_PAPERS = Shape(parts=_ACTS, statements=Need.MUST)

_SHAPES: Mapping[RuleId, Shape] = {
    RuleId.PLATFORM: Shape(parts=_ACTS, parameters={"name": Kind.TEXT}),
    RuleId.COORDINATION: _DUTY,
    RuleId.MUNICIPAL_DOCKING: _DUTY,
    RuleId.UNIT_CONTACTS: Shape(parts=_ACTS | {Part.RECEIVES}, statements=Need.MUST),
    RuleId.TRAINING: _DUTY,
    RuleId.CATALOG_ENTRY: Shape(parts=_ACTS, parameters={"elements": Kind.TEXTS}),
    RuleId.CATALOG_KEEPERS: Shape(parts=_ACTS, parameters={"tasks": Kind.TEXTS}),
    RuleId.PUBLISH_SEPARATION: Shape(
        parts=_ACTS,
        parameters={"publisher_may_be_compiler": Kind.FLAG, "single_person_needs_platform_review": Kind.FLAG},
    ),
    RuleId.CATALOG_UPDATE_DEADLINE: _DUE,
    RuleId.CATALOG_YEARLY_MAINTENANCE: _DUE,
    RuleId.DUTY_LIST: Shape(parts=_ACTS | _DECIDES, parameters={"duties": Kind.TEXTS}),
    RuleId.OPENING_LIST: _DUTY,
    RuleId.OPENING_LIST_ELEMENTS: Shape(parameters={"elements": Kind.TEXTS}),
    RuleId.SHARING_DEFAULT: Shape(parameters={"type": Kind.TEXT}),
    RuleId.SHARING_TYPES: Shape(parameters={"types": Kind.TEXTS}),
    RuleId.RESTRICTED_TYPE_NEEDS_BASIS: Shape(statements=Need.MUST, parameters={"types": Kind.TEXTS}),
    RuleId.SHARING_TYPE_FINAL: _FINAL,
    RuleId.OPENING_TYPES: Shape(parameters={"types": Kind.TEXTS}),
    RuleId.CLOSED_TYPE_NEEDS_BASIS: Shape(statements=Need.MUST, parameters={"types": Kind.TEXTS}),
    RuleId.CLOSED_TYPE_RELEASE: Shape(statements=Need.MUST, parameters={"types": Kind.TEXTS}),
    RuleId.OPENING_TYPE_FINAL: _FINAL,
    RuleId.SINGLE_SOURCE: _PAPERS,
    RuleId.PROJECT_CATALOG: _DUTY,
    RuleId.PROJECT_AGGREGATION: _DUTY,
    RuleId.QUALITY_RESPONSIBILITY: _DUTY,
    RuleId.QUALITY_MONITORING: _DUTY,
    RuleId.TRACEABILITY: _PLAIN,
    RuleId.AGGREGATION_DUTY: Shape(parts=_ACTS, parameters={"types": Kind.TEXTS}),
    RuleId.AGGREGATION_EXEMPTION: _DECISION,
    RuleId.OPENING_TYPE_MARK: _DUTY,
    RuleId.AGGREGATION_CHANNEL: _DUTY,
    RuleId.AGGREGATION_FORMS: Shape(parts=_ACTS, parameters={"forms": Kind.TEXTS}),
    RuleId.AGGREGATION_PACE: Shape(
        parts=_ACTS, parameters={"stock_years": Kind.NUMBERS, "increments": Kind.TEXT, "messaging": Kind.TEXT}
    ),
    RuleId.AGGREGATION_CERTIFICATE: Shape(
        parts=_ACTS, statements=Need.MUST, parameters={"form": Kind.FORM, "ways": Kind.TEXTS}
    ),
    RuleId.STRUCTURE_CHANGE_DEADLINE: _DUE,
    RuleId.STRUCTURE_CHANGE_NOTICE: Shape(parts=_ACTS | {Part.RECEIVES}, deadline=Need.MAY),
    RuleId.VIDEO_AGGREGATION: Shape(parameters={"under": Kind.TEXT}),
    RuleId.EXCHANGE_STANDARD: Shape(parameters={"rows_per_file": Kind.NUMBER}),
    RuleId.SHARE_NEED: _DUTY,
    RuleId.DEMAND_FIRST: Shape(parameters={"priorities": Kind.TEXTS}),
    RuleId.UNRESTRICTED_SHARE: Shape(parts=_ACTS, statements=Need.MAY),
    RuleId.AUTHORIZED_SHARE: Shape(
        parts=_ACTS, statements=Need.MAY, parameters={"states": Kind.TEXTS}, optional=frozenset({"states"})
    ),
    RuleId.APPLICATION_FORM: Shape(
        parts=_ACTS, statements=Need.MUST, parameters={"form": Kind.FORM, "modes": Kind.TEXTS}
    ),
    RuleId.SHARE_APPROVAL: _DECISION,
    RuleId.SHARE_ANSWER_DEADLINE: _DUE,
    RuleId.REFUSAL_NEEDS_BASIS: _PAPERS,
    RuleId.REFUSAL_NEEDS_REASON: _PAPERS,
    RuleId.GRANT_PAPERS: Shape(parts=_ACTS | {Part.RECEIVES}, statements=Need.MUST),
    RuleId.SECURITY_AGREEMENT: Shape(parts=_ACTS, statements=Need.MUST),
    RuleId.SHARE_GRANT: _PLAIN,
    RuleId.SHARE_OBJECTION: Shape(parts=_ACTS | _DECIDES, deadline=Need.MAY, statements=Need.MAY),
    RuleId.PURPOSE_LIMIT: _DUTY,
    RuleId.NO_COMMERCIAL_USE: _DUTY,
    RuleId.ONWARD_DISCLOSURE_CONSENT: Shape(parts=_ACTS | _DECIDES, statements=Need.MUST),
    RuleId.SECURITY_RESPONSIBILITY: _DUTY,
    RuleId.DATA_OBJECTION: Shape(
        parts=_ACTS, deadline=Need.MAY, parameters={"under": Kind.TEXT}, optional=frozenset({"under"})
    ),
    RuleId.OPENING_DATASET: Shape(parameters={"qualities": Kind.TEXTS}),
    RuleId.OPENING_PROMOTION: _DUTY,
    RuleId.OPENING_PLATFORM: Shape(parts=_ACTS, parameters={"name": Kind.TEXT}),
    RuleId.SECURITY_CONTROLS: Shape(parts=_ACTS, parameters={"controls": Kind.TEXTS}),
    RuleId.DISASTER_RECOVERY: _DUTY,
    RuleId.EMERGENCY_HANDLING: _DUTY,
    RuleId.EMERGENCY_DRILL: _DUTY,
    RuleId.ASSESSMENT: Shape(parts=_ACTS, deadline=Need.MUST, parameters={"subjects": Kind.TEXTS}),
    RuleId.VIOLATIONS: Shape(parts=_ACTS, parameters={"consequences": Kind.TEXTS}),
    RuleId.VIOLATION_NOT_IN_CLOUD: _DUTY,
    RuleId.VIOLATION_NOT_AGGREGATED: _DUTY,
    RuleId.VIOLATION_REFUSAL_OR_DELAY: _DUTY,
    RuleId.VIOLATION_FALSE_OR_LATE: _DUTY,
    RuleId.VIOLATION_LOST_CONTROL: _DUTY,
    RuleId.VIOLATION_MISUSE: _DUTY,
}


def shape_of(rule_id: RuleId) -> Shape:
    """The shape of a rule; every id has one."""
    return _SHAPES[rule_id]
