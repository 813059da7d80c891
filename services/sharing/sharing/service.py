"""What sharing does: one function per use case, inside a transaction that the edge opened."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from common import keys, log, outbox
from common.clock import Clock
from common.errors import Forbidden
from common.events import (
    CatalogChanged,
    EntryState,
    GrantState,
    KeyHash,
    ServiceChanged,
    SharingType,
    SourceKind,
    UnitChanged,
    UnitState,
)
from common.ids import uuid7
from common.keys import KeyKind, Pepper
from common.roles import Caller, Role
from policy import Book, Calendar, FormKind, Statement, form_number, form_year
from sharing import errors, store
from sharing.domain import applications, grants
from sharing.domain.applications import PROVIDER, Application, Opinion, Request, State
from sharing.domain.grants import Grant, Terms
from sharing.store import EntryRow, ServiceRow, UnitRow

_log = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Desk:
    """What the use cases lean on beside the transaction."""

    clock: Clock
    pepper: Pepper
    book: Book
    calendar: Calendar


async def _active_unit(tx: AsyncSession, code: str, *, lock: bool = False) -> UnitRow:
    """The unit, locked if grants of it are to be made: two approvals at once would both make its first grant."""
    unit = await store.unit(tx, code, lock=lock)
    if unit is None or unit.state != UnitState.ACTIVE.value:
        raise errors.UnitNotActive("单位未登记、已暂停或已撤销", unit=code)
    return unit


async def draft(tx: AsyncSession, request: Request, caller: Caller, desk: Desk) -> Application:
    """Begin an application of the caller's unit; it has no number before it is submitted."""
    caller.need(Role.APPLICANT)
    await _active_unit(tx, caller.unit)
    resource = await store.resource(tx, request.entry)
    applications.check_request(request, caller.unit, resource, await store.offered(tx, request.services))
    assert resource is not None
    made = Application(
        id=uuid7(),
        number=None,
        unit=caller.unit,
        applicant=caller.account,
        provider=resource.provider,
        request=request,
        state=State.DRAFT,
    )
    await store.save_application(tx, made, desk.clock())
    return made


async def submit(tx: AsyncSession, name: str, caller: Caller, desk: Desk) -> Application:
    """Submit: the number is given, and 无条件共享 is granted at once (2019§17, 2021§17)."""
    caller.need(Role.APPLICANT)
    held = await _own(tx, name, caller)
    await _active_unit(tx, caller.unit, lock=True)
    sharing_type = await _check_again(tx, held)
    if held.state is not State.DRAFT:
        raise errors.ApplicationState("申请已提交或已结束", state=held.state.value)
    at = desk.clock()
    in_force = desk.book.at(at)
    year = form_year(at)
    number = form_number(
        FormKind.SHARE_APPLICATION, year, await store.next_number(tx, FormKind.SHARE_APPLICATION.value, year)
    )
    done = applications.submit(
        held,
        by=caller.account,
        number=number,
        sharing_type=sharing_type,
        at=at,
        in_force=in_force,
        calendar=desk.calendar,
    )
    if done.due_open is not None:
        _log.error("sharing.calendar_missing", application=number, alert=done.due_open)
    await store.save_application(tx, done, at)
    await outbox.put(tx, applications.requested(done))
    if sharing_type is SharingType.UNRESTRICTED or done.own:
        return await _grant(tx, done, None, "exchange", None, desk)
    return done


async def _check_again(tx: AsyncSession, held: Application) -> SharingType:
    """Whether what was asked for can still be had: entry, items or services may have changed since."""
    resource = await store.resource(tx, held.request.entry)
    offered = await store.offered(tx, held.request.services)
    return applications.check_request(held.request, held.unit, resource, offered)


async def _grant(
    tx: AsyncSession, held: Application, terms: Terms | None, by: str, reason: str | None, desk: Desk
) -> Application:
    """Approve and make the grants of an application, in one transaction with their events."""
    at = desk.clock()
    items = await store.items_of(tx, held.request.entry)
    if terms is not None:
        grants.check_terms(terms, items, at)
    given = grants.granted_items(held.request.items, terms or Terms(), items)
    done = applications.approve(held, by=by, at=at, in_force=desk.book.at(at), reason=reason)
    await store.save_application(tx, done, at)
    assert done.number is not None
    assert done.decision is not None
    made: list[Grant] = []
    for service in sorted(held.request.services):
        grant = grants.renew(
            await store.grant_of(tx, held.unit, service),
            new_id=uuid7(),
            unit=held.unit,
            service=service,
            entry=held.request.entry,
            application=done.number,
            basis=done.decision.basis,
            items=given,
            terms=terms,
            by=by,
            at=at,
        )
        await _save(tx, grant, "granted")
        made.append(grant)
    await outbox.put(tx, applications.approved(done, tuple(grant.id for grant in made)))
    return done


async def _save(tx: AsyncSession, grant: Grant, action: str) -> Grant:
    await store.save_grant(tx, grant, action)
    await outbox.put(tx, grants.event(grant))
    return grant


async def _own(tx: AsyncSession, name: str, caller: Caller) -> Application:
    """An application of the caller's own unit, locked; another unit's is as if it were not there."""
    held = await store.application(tx, name, lock=True)
    if held.unit != caller.unit:
        raise errors.ApplicationUnknown
    return held


def _sees(held: Application, caller: Caller) -> bool:
    """Who asks; and once it was submitted, who provides, decides or audits."""
    if held.unit == caller.unit:
        return True
    inside = caller.may(Role.PLATFORM_REVIEWER, Role.AUDITOR, Role.COORDINATOR)
    return held.number is not None and (held.provider == caller.unit or inside)


async def _to_decide(tx: AsyncSession, name: str, caller: Caller) -> Application:
    """A submitted application, locked; for whoever may not see it, it is as if it were not there."""
    held = await store.application(tx, name, lock=True)
    if held.number is None or not _sees(held, caller):
        raise errors.ApplicationUnknown
    return held


async def give_opinion(
    tx: AsyncSession,
    name: str,
    *,
    agree: bool,
    reason: str | None,
    legal_basis: str | None,
    caller: Caller,
    desk: Desk,
) -> Application:
    """The provider's opinion; a refusal ends the application."""
    caller.need(Role.PROVIDER_REVIEWER)
    held = await _to_decide(tx, name, caller)
    if held.provider != caller.unit:
        raise errors.ApplicationUnknown
    await _active_unit(tx, caller.unit)
    at = desk.clock()
    opinion = Opinion(unit=caller.unit, by=caller.account, at=at, agree=agree, reason=reason, legal_basis=legal_basis)
    done = applications.hear(held, opinion, desk.book.at(at))
    await store.save_application(tx, done, at)
    if done.state is State.REFUSED:
        await outbox.put(tx, applications.refused(done))
    return done


async def _need_decider(tx: AsyncSession, held: Application, caller: Caller, desk: Desk, at: datetime) -> None:
    """Whether the caller's body is the one that decides under the edition in force, and its unit is at work."""
    assert held.sharing_type is not None
    found = applications.procedure(desk.book.at(at), held.sharing_type, own=held.own)
    if found.decider is None:
        raise errors.ApplicationState("该申请无需审核", state=held.state.value)
    if found.decider.is_party and found.decider.code == PROVIDER:
        caller.need(Role.PROVIDER_REVIEWER)
        entitled = caller.unit == held.provider
    else:
        caller.need(Role.PLATFORM_REVIEWER)
        unit = await store.unit(tx, caller.unit)
        entitled = unit is not None and unit.body == found.decider.code
    if not entitled:
        raise errors.NotYours(f"由{found.decider.name}审核（{found.rule.citation}）", decider=found.decider.code)
    await _active_unit(tx, caller.unit)


async def file_papers(
    tx: AsyncSession, name: str, papers: frozenset[Statement], caller: Caller, desk: Desk
) -> Application:
    """Put papers on file: whoever decides has them in hand."""
    held = await _to_decide(tx, name, caller)
    at = desk.clock()
    await _need_decider(tx, held, caller, desk, at)
    done = applications.file_papers(held, papers)
    await store.save_application(tx, done, at)
    return done


async def approve(
    tx: AsyncSession, name: str, terms: Terms, reason: str | None, caller: Caller, desk: Desk
) -> Application:
    """Approve an application on these terms; its grants are in force at once."""
    held = await _to_decide(tx, name, caller)
    at = desk.clock()
    await _need_decider(tx, held, caller, desk, at)
    await _active_unit(tx, held.unit, lock=True)
    if held.state is State.SUBMITTED:
        await _check_again(tx, held)
    return await _grant(tx, held, terms, caller.account, reason, desk)


async def refuse(
    tx: AsyncSession, name: str, *, reason: str | None, legal_basis: str | None, caller: Caller, desk: Desk
) -> Application:
    """Refuse an application with its reason and basis in law."""
    held = await _to_decide(tx, name, caller)
    at = desk.clock()
    await _need_decider(tx, held, caller, desk, at)
    done = applications.refuse(
        held, by=caller.account, at=at, reason=reason, legal_basis=legal_basis, in_force=desk.book.at(at)
    )
    await store.save_application(tx, done, at)
    await outbox.put(tx, applications.refused(done))
    return done


async def withdraw(tx: AsyncSession, name: str, caller: Caller, desk: Desk) -> Application:
    """Take an application back; its number stays its own."""
    caller.need(Role.APPLICANT)
    done = applications.withdraw(await _own(tx, name, caller))
    await store.save_application(tx, done, desk.clock())
    return done


async def application(tx: AsyncSession, name: str, caller: Caller) -> Application:
    """An application as the caller may see it; another's draft is as if it were not there."""
    held = await store.application(tx, name)
    if not _sees(held, caller):
        raise errors.ApplicationUnknown
    return held


async def list_applications(
    tx: AsyncSession, *, state: str | None, limit: int, before: datetime | None, caller: Caller
) -> list[Application]:
    """What the caller may see, the newest first."""
    inside = caller.may(Role.PLATFORM_REVIEWER, Role.AUDITOR, Role.COORDINATOR)
    return await store.applications(tx, caller.unit, all_submitted=inside, state=state, limit=limit, before=before)


async def _grant_seen(tx: AsyncSession, grant_id: UUID, caller: Caller, *, lock: bool = False) -> tuple[Grant, str]:
    """A grant and its provider, for its unit, its provider, and the platform's reviewers and auditors."""
    held = await store.grant(tx, grant_id, lock=lock)
    resource = await store.resource(tx, held.entry)
    provider = resource.provider if resource else ""
    if caller.unit in {held.unit, provider} or caller.may(Role.PLATFORM_REVIEWER, Role.AUDITOR):
        return held, provider
    raise errors.GrantUnknown


async def grant(tx: AsyncSession, grant_id: UUID, caller: Caller) -> Grant:
    return (await _grant_seen(tx, grant_id, caller))[0]


async def list_grants(tx: AsyncSession, *, limit: int, caller: Caller) -> list[Grant]:
    if caller.may(Role.PLATFORM_REVIEWER, Role.AUDITOR):
        return await store.grants(tx, unit=None, entries=None, limit=limit)
    entries = await store.entries_of(tx, caller.unit)
    return await store.grants(tx, unit=caller.unit, entries=entries, limit=limit)


async def move_grant(
    tx: AsyncSession, grant_id: UUID, to: GrantState, reason: str | None, caller: Caller, desk: Desk
) -> Grant:
    """Suspend, resume or revoke: the provider's or the platform's reviewer. Give up: the applicant."""
    held, provider = await _grant_seen(tx, grant_id, caller, lock=True)
    if to is GrantState.WITHDRAWN:
        caller.need(Role.APPLICANT)
        caller.need_unit(held.unit)
    elif not caller.may(Role.PLATFORM_REVIEWER) and not (
        caller.may(Role.PROVIDER_REVIEWER) and caller.unit == provider
    ):
        raise Forbidden("只有提供单位或平台的审核人可以变更授权状态")
    await _active_unit(tx, caller.unit)
    moved = grants.move(held, to, by=caller.account, at=desk.clock(), reason=reason)
    return await _save(tx, moved, to.value)


async def issue_key(tx: AsyncSession, grant_id: UUID, caller: Caller, desk: Desk) -> tuple[KeyHash, str]:
    """A new method key, which the applicant sees now and nobody ever again."""
    caller.need(Role.APPLICANT)
    held, _ = await _grant_seen(tx, grant_id, caller, lock=True)
    caller.need_unit(held.unit)
    await _active_unit(tx, caller.unit)
    clear = keys.generate(KeyKind.METHOD)
    key = KeyHash(
        id=str(uuid7()),
        hash=desk.pepper.digest(clear),
        algorithm=keys.ALGORITHM,
        pepper=desk.pepper.id,
        issued_at=desk.clock(),
    )
    await _save(tx, grants.add_key(held, key, by=caller.account), "key-issued")
    return key, clear


async def revoke_key(tx: AsyncSession, grant_id: UUID, key_id: str, caller: Caller, desk: Desk) -> Grant:
    """Take a method key out of use."""
    caller.need(Role.APPLICANT)
    held, _ = await _grant_seen(tx, grant_id, caller, lock=True)
    caller.need_unit(held.unit)
    dropped = grants.drop_key(held, key_id, by=caller.account, at=desk.clock())
    return await _save(tx, dropped, "key-revoked")


async def note_unit(tx: AsyncSession, told: UnitChanged) -> None:
    await store.note(
        tx,
        UnitRow(code=told.unit, name=told.name, state=told.state.value, body=told.body, version=told.version),
    )


async def note_entry(tx: AsyncSession, told: CatalogChanged) -> None:
    await store.note(
        tx,
        EntryRow(
            code=told.entry,
            provider=told.provider,
            name=told.name,
            published=told.state is EntryState.PUBLISHED,
            items=[item.model_dump(mode="json") for item in told.items],
            version=told.version,
        ),
    )


async def note_service(tx: AsyncSession, told: ServiceChanged) -> None:
    writes = told.source is SourceKind.WRITE
    row = ServiceRow(code=told.service, entry=told.entry, state=told.state.value, writes=writes, version=told.version)
    await store.note(tx, row)
