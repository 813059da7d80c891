"""An entry's way: draft, review, publication, change, withdrawal; by named people, each kept apart from the other."""

import unicodedata
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from catalog import errors
from common import entry as common_entry
from common.entry import EntryContent
from common.events import Basis, CatalogChanged, EntryState, OpeningType, SharingType
from policy import InForce, Rule, RuleId, Statement

SHARING_NAMES: Final = {
    SharingType.UNRESTRICTED: "无条件共享",
    SharingType.AUTHORIZED: "授权共享",
    SharingType.NOT_SHARED: "非共享",
}
UNSEEN: Final = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})
"""Categories of characters that leave nothing to see: blanks, controls, zero width."""
OPENING_NAMES: Final = {
    OpeningType.UNRESTRICTED: "无条件开放",
    OpeningType.CONDITIONAL: "有条件开放",
    OpeningType.NOT_OPEN: "非开放",
}


class DraftState(StrEnum):
    DRAFT = "draft"
    UNDER_REVIEW = "under-review"
    APPROVED = "approved"


class ReviewedAs(StrEnum):
    """On whose behalf a draft was reviewed."""

    UNIT = "unit"
    PLATFORM = "platform"


class Separation(StrEnum):
    """How the publisher was kept apart from the compiler; on record with each publication (REQ-U2)."""

    TWO_PERSON = "two-person"
    PLATFORM_REVIEW = "platform-review"
    NONE_ASKED = "none-asked"
    """No rule in force asks for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    content: EntryContent
    state: DraftState
    compiled_by: str
    reviewed_by: str | None = None
    reviewed_as: ReviewedAs | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """A published edition of an entry; it never changes."""

    number: int
    content: EntryContent
    structure: int
    compiled_by: str
    reviewed_by: str
    published_by: str
    separation: Separation
    basis: Basis
    published_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An entry: the draft in work, if any, and the edition in force, if any.

    `revision` counts every change of the draft, so that two people do not overwrite each other; `version` counts what
    the exchange was told.
    """

    code: str
    provider: str
    draft: Draft | None
    edition: Edition | None
    withdrawn: bool
    revision: int
    version: int

    @property
    def resource_version(self) -> str:
        assert self.edition is not None
        return resource_version(self.code, self.edition.structure)


def resource_version(code: str, structure: int) -> str:
    return f"{code}_v{structure}"


def _in_work(entry: Entry, *states: DraftState) -> Draft:
    if entry.withdrawn:
        raise errors.EntryState("条目已撤销", state="withdrawn")
    if entry.draft is None or entry.draft.state not in states:
        raise errors.EntryState("条目当前没有处于该步骤的草稿", state=entry.draft.state if entry.draft else None)
    return entry.draft


def _next(entry: Entry, draft: Draft | None) -> Entry:
    return replace(entry, draft=draft, revision=entry.revision + 1)


def compile_again(entry: Entry, content: EntryContent, *, revision: int, by: str) -> Entry:
    """Write the draft anew, or begin one on a published entry.

    Raises:
        EntryState: the draft is under review, or the entry is withdrawn.
        StaleRevision: it was changed meanwhile.
    """
    if entry.withdrawn:
        raise errors.EntryState("条目已撤销", state="withdrawn")
    if entry.draft is not None and entry.draft.state is DraftState.UNDER_REVIEW:
        raise errors.EntryState("条目正在审核，不能修改", state=entry.draft.state.value)
    if revision != entry.revision:
        raise errors.StaleRevision("条目已被他人修改，请刷新后重试", revision=entry.revision)
    if entry.edition is not None and entry.edition.content.classification != content.classification:
        raise errors.EntryState("已发布条目的分类代码不能更改", state="published")
    return _next(entry, Draft(content=content, state=DraftState.DRAFT, compiled_by=by))


def submit(entry: Entry, in_force: InForce) -> Entry:
    """Hand the draft in for review.

    Raises:
        EntryState: there is no draft.
        BasisMissing: its types need a reason and a basis in law that it does not state.
    """
    draft = _in_work(entry, DraftState.DRAFT)
    content = draft.content
    for rule_id, named in (
        (RuleId.RESTRICTED_TYPE_NEEDS_BASIS, {SHARING_NAMES[t] for t in _sharing_types(content)}),
        (RuleId.CLOSED_TYPE_NEEDS_BASIS, {OPENING_NAMES[content.opening_type]}),
    ):
        rule = in_force.rule(rule_id)
        if rule is not None and not named.isdisjoint(rule.texts("types")):
            _need_statements(content, rule)
    return _next(entry, replace(draft, state=DraftState.UNDER_REVIEW, reviewed_by=None, reviewed_as=None))


def _sharing_types(content: EntryContent) -> set[SharingType]:
    return {content.sharing_type} | {item.sharing_type for item in content.items if item.sharing_type is not None}


def says(text: str | None) -> bool:
    """Whether anything can be read in it."""
    return any(unicodedata.category(char) not in UNSEEN for char in text or "")


def _need_statements(content: EntryContent, rule: Rule) -> None:
    stated = {Statement.REASON: content.reason, Statement.LEGAL_BASIS: content.legal_basis}
    missing = [statement.value for statement in rule.requires if not says(stated.get(statement))]
    if missing:
        raise errors.BasisMissing(f"须说明理由并提供法律依据（{rule.citation}）", missing=missing)


def review(
    entry: Entry, *, by: str, reviewed_as: ReviewedAs, keepers: int, approve: bool, opinion: str | None
) -> Entry:
    """Approve a draft, or send it back with an opinion.

    The platform reviews for a unit whose catalogue one person keeps alone; else the unit reviews its own.

    Raises:
        EntryState: nothing is under review.
        NotSeparated: the reviewer compiled it, or the platform was asked where the unit must review.
        OpinionMissing: sent back without saying why.
    """
    draft = _in_work(entry, DraftState.UNDER_REVIEW)
    if by == draft.compiled_by:
        raise errors.NotSeparated("编制人不能审核自己编制的条目")
    if reviewed_as is ReviewedAs.PLATFORM and keepers > 1:
        raise errors.NotSeparated("该单位有多名目录人员，应由本单位审核")
    if not approve and not says(opinion):
        raise errors.OpinionMissing("退回须说明意见")
    state = DraftState.APPROVED if approve else DraftState.DRAFT
    return _next(entry, replace(draft, state=state, reviewed_by=by, reviewed_as=reviewed_as))


def publish(entry: Entry, *, by: str, keepers: int, at: datetime, in_force: InForce) -> Entry:
    """Put the approved draft in force as the next edition; the draft is done.

    Raises:
        EntryState: nothing is approved.
        NotSeparated: the publisher compiled it and no exception applies.
    """
    draft = _in_work(entry, DraftState.APPROVED)
    assert draft.reviewed_by is not None
    held = entry.edition
    same = held is not None and _structure(held.content) == _structure(draft.content)
    edition = Edition(
        number=held.number + 1 if held else 1,
        content=draft.content,
        structure=1 if held is None else held.structure + (0 if same else 1),
        compiled_by=draft.compiled_by,
        reviewed_by=draft.reviewed_by,
        published_by=by,
        separation=_separation(draft, by=by, keepers=keepers, in_force=in_force),
        basis=Basis.model_validate(in_force.basis(RuleId.CATALOG_ENTRY).values()),
        published_at=at,
    )
    return replace(_next(entry, None), edition=edition, version=entry.version + 1)


def _structure(content: EntryContent) -> tuple[tuple[object, ...], ...]:
    return common_entry.structure(content.described())


def _separation(draft: Draft, *, by: str, keepers: int, in_force: InForce) -> Separation:
    if by != draft.compiled_by:
        return Separation.TWO_PERSON
    rule = in_force.rule(RuleId.PUBLISH_SEPARATION)
    if rule is None or rule.flag("publisher_may_be_compiler"):
        return Separation.NONE_ASKED
    alone = keepers <= 1 and draft.reviewed_as is ReviewedAs.PLATFORM
    if alone and rule.flag("single_person_needs_platform_review"):
        return Separation.PLATFORM_REVIEW
    raise errors.NotSeparated(f"发布人不能是编制人（{rule.source_zh}）", rule=rule.id.value)


def withdraw(entry: Entry) -> Entry:
    """End a published entry.

    Raises:
        EntryState: it is not published, or ended already.
    """
    if entry.edition is None or entry.withdrawn:
        raise errors.EntryState("只有已发布的条目可以撤销", state="withdrawn" if entry.withdrawn else "draft")
    return replace(_next(entry, None), withdrawn=True, version=entry.version + 1)


def event(entry: Entry, at: datetime) -> CatalogChanged:
    """What the exchange is told of a published or withdrawn entry."""
    edition = entry.edition
    assert edition is not None
    content = edition.content
    return CatalogChanged(
        version=entry.version,
        entry=entry.code,
        name=content.name,
        provider=entry.provider,
        classification=content.classification,
        abstract=content.abstract,
        source_system=content.source_system,
        format=content.format.value,
        update_frequency=content.update_frequency.value,
        data_grade=content.data_grade.value,
        sharing_type=content.sharing_type,
        opening_type=content.opening_type,
        reason=content.reason,
        legal_basis=content.legal_basis,
        items=content.described(),
        edition_number=edition.number,
        resource_version=entry.resource_version,
        state=EntryState.WITHDRAWN if entry.withdrawn else EntryState.PUBLISHED,
        compiled_by=edition.compiled_by,
        reviewed_by=edition.reviewed_by,
        published_by=edition.published_by,
        separation=edition.separation.value,
        basis=edition.basis,
        changed_at=at,
        rules=content.ruled(),
        thresholds=content.tolerance(),
    )
