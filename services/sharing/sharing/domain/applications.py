"""An application's way (Annex 2, REQ-S1 to S3): submission with its number, opinions, decision by the edition's body.

Which body decides, who is heard before, which papers must be on file and what is due when: all of it is asked of the
edition in force, nothing of it stands here.
"""

import unicodedata
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from common.events import Basis, ServiceState, ShareApproved, ShareRefused, ShareRequested, SharingType, UseMode
from policy import Body, Calendar, DueOn, InForce, Part, Rule, RuleId, Statement, due
from sharing import errors

MAX_ITEMS: Final = 200
MAX_SERVICES: Final = 50
PROVIDER: Final = "provider"
UNSEEN: Final = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})
"""Categories of characters that leave nothing to see: blanks, controls, zero width."""


class State(StrEnum):
    DRAFT = "draft"
    SUBMITTED = "submitted"
    GRANTED = "granted"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked for, in the fields of Annex 2."""

    entry: str
    services: tuple[str, ...]
    items: tuple[str, ...]
    use_mode: UseMode
    using_system: str | None
    reason: str
    contact: str
    commitment: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What a department concerned says, on record with who and when."""

    unit: str
    by: str
    at: datetime
    agree: bool
    reason: str | None
    legal_basis: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    approved: bool
    by: str
    at: datetime
    reason: str | None
    legal_basis: str | None
    basis: Basis


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """An application with all that is on record of it."""

    id: UUID
    number: str | None
    unit: str
    applicant: str
    provider: str
    request: Request
    state: State
    sharing_type: SharingType | None = None
    submitted_at: datetime | None = None
    due_on: date | None = None
    due_open: str | None = None
    due_source: str | None = None
    basis: Basis | None = None
    opinions: tuple[Opinion, ...] = ()
    papers: frozenset[Statement] = field(default_factory=frozenset)
    decision: Decision | None = None

    @property
    def own(self) -> bool:
        """Whether a unit asks to write its own resource; nothing else of its own is applied for."""
        return self.unit == self.provider


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """What sharing knows of an entry, from `catalog-changed`."""

    entry: str
    provider: str
    published: bool
    items: dict[str, SharingType]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """What sharing knows of a service, from `service-changed`."""

    service: str
    entry: str
    state: ServiceState
    writes: bool = False
    """Whether its calls bring rows of the provider's instead of asking for some."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Procedure:
    """How applications of one sharing type are decided under what is in force."""

    rule: Rule
    decider: Body | None
    """Who decides; None where the exchange's own record is enough."""
    heard: bool
    """Whether the provider is heard before."""
    papers: tuple[Statement, ...]
    """What must be on file before the grant."""


def procedure(in_force: InForce, sharing_type: SharingType, *, own: bool = False) -> Procedure:
    """The procedure by the edition in force: 无条件共享 at once, 授权共享 as its rule says.

    `own`: a unit asks to write its own resource. Nothing is shared by that, so nobody is to decide: it is the technical
    channel that the unit has to build (汇聚技术通道), and it is on record like every other grant.
    """
    if own:
        return Procedure(rule=in_force.require(RuleId.AGGREGATION_CHANNEL), decider=None, heard=False, papers=())
    if sharing_type is SharingType.UNRESTRICTED:
        rule = in_force.require(RuleId.UNRESTRICTED_SHARE)
        return Procedure(rule=rule, decider=None, heard=False, papers=())
    rule = in_force.require(RuleId.SHARE_APPROVAL)
    papers: list[Statement] = []
    for rule_id in (RuleId.GRANT_PAPERS, RuleId.SECURITY_AGREEMENT):
        found = in_force.rule(rule_id)
        papers += found.requires if found is not None else ()
    heard = bool(rule.bodies(Part.TOGETHER_WITH))
    return Procedure(rule=rule, decider=rule.decider, heard=heard, papers=tuple(dict.fromkeys(papers)))


def _writes(request: Request, offered: dict[str, Offered], *, own: bool) -> bool:
    """Whether a unit asks to write: its own resource and nothing beside; to read its own nobody has to ask."""
    writing = {code in offered and offered[code].writes for code in request.services}
    if len(writing) > 1:
        raise errors.NotApplicable("写入服务须单独申请", entry=request.entry)
    if writing == {True} and not own:
        raise errors.NotApplicable("写入服务只供提供单位自己使用", entry=request.entry)
    if writing != {True} and own:
        raise errors.NotApplicable("本单位的数据不需要申请", entry=request.entry)
    return own


def check_request(request: Request, unit: str, resource: Resource | None, offered: dict[str, Offered]) -> SharingType:
    """Whether what is asked for can be applied for, and as what sharing type.

    The strictest sharing type among the items asked for counts.

    Raises:
        NotApplicable: the entry is not published, an item or service is not its own, or an item is not shared.
        CommitmentMissing: the applicant does not commit to security.
    """
    if resource is None or not resource.published:
        raise errors.NotApplicable("没有这个已发布的目录条目", entry=request.entry)
    writing = _writes(request, offered, own=resource.provider == unit)
    if not request.commitment:
        raise errors.CommitmentMissing("须作出安全保密承诺")
    for group, known in ((request.items, resource.items), (request.services, offered)):
        if not group or len(set(group)) != len(group):
            raise errors.NotApplicable("信息项和服务各须至少一个且不重复")
        unknown = sorted(set(group) - set(known))
        if unknown:
            raise errors.NotApplicable("该资源没有这些信息项或服务", unknown=unknown)
    for service in request.services:
        if offered[service].entry != request.entry or offered[service].state is ServiceState.WITHDRAWN:
            raise errors.NotApplicable("服务不属于该资源或已撤销", service=service)
    types = {resource.items[item] for item in request.items}
    if writing:
        return max(types, key=list(SharingType).index)
    if SharingType.NOT_SHARED in types:
        closed = sorted(item for item in request.items if resource.items[item] is SharingType.NOT_SHARED)
        raise errors.NotApplicable("其中有非共享的信息项", items=closed)
    return SharingType.AUTHORIZED if SharingType.AUTHORIZED in types else SharingType.UNRESTRICTED


def submit(
    application: Application,
    *,
    by: str,
    number: str,
    sharing_type: SharingType,
    at: datetime,
    in_force: InForce,
    calendar: Calendar,
) -> Application:
    """Submit a draft: it gets its number, the rule it goes by, and the day its answer is due.

    Whoever submits it is its applicant: the commitment to security is given now. A year whose working days are not
    known leaves the day open, with the reason; the submission stands.

    Raises:
        ApplicationState: it is no draft.
    """
    if application.state is not State.DRAFT:
        raise errors.ApplicationState("申请已提交或已结束", state=application.state.value)
    found = procedure(in_force, sharing_type, own=application.own)
    submitted = replace(
        application,
        applicant=by,
        number=number,
        state=State.SUBMITTED,
        sharing_type=sharing_type,
        submitted_at=at,
        basis=Basis.model_validate(in_force.basis(found.rule.id).values()),
    )
    deadline = in_force.rule(RuleId.SHARE_ANSWER_DEADLINE) if found.decider is not None else None
    if deadline is None:
        return submitted
    counted = due(at, deadline, calendar)
    if isinstance(counted, DueOn):
        return replace(submitted, due_on=counted.on, due_source=deadline.source_zh)
    return replace(submitted, due_open=counted.alert_zh, due_source=deadline.source_zh)


def _under_decision(application: Application) -> None:
    if application.state is not State.SUBMITTED:
        raise errors.ApplicationState("申请不在审核中", state=application.state.value)


def says(text: str | None) -> bool:
    """Whether anything can be read in it."""
    return any(unicodedata.category(char) not in UNSEEN for char in text or "")


def _need_refusal_basis(reason: str | None, legal_basis: str | None, in_force: InForce) -> None:
    missing = [name for name, value in (("reason", reason), ("legal_basis", legal_basis)) if not says(value)]
    if missing:
        rule = in_force.require(RuleId.REFUSAL_NEEDS_BASIS)
        raise errors.BasisMissing(f"不同意须说明具体原因和法律、法规、规章依据（{rule.citation}）", missing=missing)


def hear(application: Application, opinion: Opinion, in_force: InForce) -> Application:
    """Take down the provider's opinion. A refusal with its basis ends the application (2019§17, 2021§17).

    Raises:
        ApplicationState: it is not under decision, or has the provider's opinion already.
        BasisMissing: a refusal without reason or basis in law.
    """
    _under_decision(application)
    if any(held.unit == opinion.unit for held in application.opinions):
        raise errors.ApplicationState("本单位已提出意见", state=application.state.value)
    heard = replace(application, opinions=(*application.opinions, opinion))
    if opinion.agree:
        return heard
    _need_refusal_basis(opinion.reason, opinion.legal_basis, in_force)
    return _refused(heard, opinion.by, opinion.at, opinion.reason, opinion.legal_basis, in_force)


def file_papers(application: Application, papers: frozenset[Statement]) -> Application:
    """Put papers on file (stamped form, security agreement).

    Raises:
        ApplicationState: it is not under decision.
    """
    _under_decision(application)
    return replace(application, papers=application.papers | papers)


def approve(
    application: Application, *, by: str, at: datetime, in_force: InForce, reason: str | None = None
) -> Application:
    """Approve an application; the grants follow in the same transaction.

    Raises:
        ApplicationState: it is not under decision.
        OwnApplication: the one who decides asked for it.
        OpinionMissing: the provider has not been heard.
        PapersMissing: papers that the edition asks for are not on file.
        BasisMissing: the edition asks for the reason of an approval too (2019§17).
    """
    _under_decision(application)
    assert application.sharing_type is not None
    found = procedure(in_force, application.sharing_type, own=application.own)
    if found.decider is not None and by == application.applicant:
        raise errors.OwnApplication("申请人不能审批自己的申请")
    if found.heard and not any(held.unit == application.provider for held in application.opinions):
        raise errors.OpinionMissing(f"须先征求提供单位意见（{found.rule.citation}）")
    missing = [paper.value for paper in found.papers if paper not in application.papers]
    if missing:
        raise errors.PapersMissing(f"授权前须备齐材料（{found.rule.citation}）", missing=missing)
    if Statement.REASON in found.rule.requires and not says(reason):
        raise errors.BasisMissing(f"审核意见须说明理由（{found.rule.citation}）", missing=["reason"])
    basis = Basis.model_validate(in_force.basis(found.rule.id).values())
    decision = Decision(approved=True, by=by, at=at, reason=reason, legal_basis=None, basis=basis)
    return replace(application, state=State.GRANTED, decision=decision)


def refuse(
    application: Application, *, by: str, at: datetime, reason: str | None, legal_basis: str | None, in_force: InForce
) -> Application:
    """Refuse an application, with the reason and the basis that a refusal needs.

    Raises:
        ApplicationState: it is not under decision.
        BasisMissing: the reason or the basis is missing.
    """
    _under_decision(application)
    _need_refusal_basis(reason, legal_basis, in_force)
    return _refused(application, by, at, reason, legal_basis, in_force)


def _refused(
    application: Application,
    by: str,
    at: datetime,
    reason: str | None,
    legal_basis: str | None,
    in_force: InForce,
) -> Application:
    basis = Basis.model_validate(in_force.basis(RuleId.REFUSAL_NEEDS_BASIS).values())
    decision = Decision(approved=False, by=by, at=at, reason=reason, legal_basis=legal_basis, basis=basis)
    return replace(application, state=State.REFUSED, decision=decision)


def withdraw(application: Application) -> Application:
    """Take an application back; one that was submitted keeps its number.

    Raises:
        ApplicationState: it is decided already.
    """
    if application.state not in {State.DRAFT, State.SUBMITTED}:
        raise errors.ApplicationState("申请已办结，不能撤回", state=application.state.value)
    return replace(application, state=State.WITHDRAWN)


def requested(done: Application) -> ShareRequested:
    """What the exchange is told of a submission."""
    assert done.number is not None
    assert done.sharing_type is not None
    assert done.submitted_at is not None
    assert done.basis is not None
    return ShareRequested(
        application=done.number,
        unit=done.unit,
        applicant=done.applicant,
        entry=done.request.entry,
        provider=done.provider,
        sharing_type=done.sharing_type,
        services=done.request.services,
        items=done.request.items,
        use_mode=done.request.use_mode,
        using_system=done.request.using_system,
        submitted_at=done.submitted_at,
        due_on=done.due_on,
        due_open=done.due_open,
        basis=done.basis,
    )


def approved(done: Application, grants: tuple[UUID, ...]) -> ShareApproved:
    """What the exchange is told of an approval and the grants that it made or renewed."""
    assert done.number is not None
    assert done.decision is not None
    return ShareApproved(
        application=done.number,
        unit=done.unit,
        entry=done.request.entry,
        services=done.request.services,
        items=done.request.items,
        grants=grants,
        decided_by=done.decision.by,
        decided_at=done.decision.at,
        basis=done.decision.basis,
    )


def refused(done: Application) -> ShareRefused:
    """What the exchange is told of a refusal."""
    assert done.number is not None
    assert done.decision is not None
    return ShareRefused(
        application=done.number,
        unit=done.unit,
        entry=done.request.entry,
        legal_basis=done.decision.legal_basis or "",
        decided_by=done.decision.by,
        decided_at=done.decision.at,
        basis=done.decision.basis,
    )
