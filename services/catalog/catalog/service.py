"""What the catalogue does: one function per use case, inside a transaction that the edge opened."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from sqlmodel.ext.asyncio.session import AsyncSession

from catalog import errors, referring, store
from catalog.domain import code_sets as code_set_events
from catalog.domain import declared, entries, interfaces, services
from catalog.domain.description import CodeSet, Described
from catalog.domain.entries import Draft, DraftState, Entry, ReviewedAs
from catalog.domain.keeper import Keeper
from catalog.domain.services import Service, ServiceContent, State
from catalog.store import CodeSetRow, DataRow, StepRow, UnitRow
from common import outbox
from common.entry import EntryContent
from common.events import BatchIngested, CodeName, UnitChanged, UnitState
from common.ids import uuid7
from common.roles import Caller, Role

TOLD_OUTSIDE: Final = frozenset({"published", "withdrawn"})
"""Steps of an entry that are everybody's business; how it came to be is the unit's own."""


async def _step(tx: AsyncSession, entry: str, action: str, by: str, at: datetime, **more: str | None) -> None:
    await store.add_step(
        tx,
        StepRow(
            id=uuid7(),
            entry=entry,
            service=more.get("service"),
            action=action,
            done_by=by,
            done_at=at,
            opinion=more.get("opinion"),
        ),
    )


async def _active_unit(tx: AsyncSession, code: str) -> UnitRow:
    unit = await store.unit(tx, code)
    if unit is None or unit.state != UnitState.ACTIVE.value:
        raise errors.UnitNotActive("单位未登记、已暂停或已撤销", unit=code)
    return unit


async def _check_content(tx: AsyncSession, content: EntryContent, code: str | None = None) -> None:
    declared.check(content)
    await referring.check(tx, content, code)
    for item, named in declared.code_sets(content):
        if await store.code_set(tx, named.id, named.version) is None:
            raise errors.CodeSetUnknown(f"信息项“{item}”的代码集不存在", item=item, code_set=named.id)


async def compile_entry(tx: AsyncSession, content: EntryContent, caller: Caller, keeper: Keeper) -> Entry:
    """Begin an entry of the caller's unit; its code is given now."""
    caller.need(Role.COMPILER)
    await _active_unit(tx, caller.unit)
    await _check_content(tx, content)
    at = keeper.clock()
    code = await store.next_code(tx, content.classification)
    draft = Draft(content=content, state=DraftState.DRAFT, compiled_by=caller.account)
    made = Entry(code=code, provider=caller.unit, draft=draft, edition=None, withdrawn=False, revision=1, version=0)
    await store.save_entry(tx, made, at)
    await _step(tx, code, "compiled", caller.account, at)
    return made


async def compile_again(
    tx: AsyncSession, code: str, content: EntryContent, revision: int, caller: Caller, keeper: Keeper
) -> Entry:
    """Write the draft of an entry anew, or begin a change of a published one."""
    caller.need(Role.COMPILER)
    held = await _own(tx, code, caller)
    await _check_content(tx, content, code)
    return await _save(
        tx, entries.compile_again(held, content, revision=revision, by=caller.account), "compiled", caller, keeper
    )


async def _own(tx: AsyncSession, code: str, caller: Caller) -> Entry:
    """The entry, locked, if it is the caller's unit's; another unit's draft is as if it were not there.

    A unit that is suspended or withdrawn works on nothing.
    """
    held = await store.entry(tx, code, lock=True)
    if held.provider != caller.unit:
        if held.edition is None:
            raise errors.EntryUnknown(code)
        caller.need_unit(held.provider)
    await _active_unit(tx, caller.unit)
    return held


async def _save(
    tx: AsyncSession, changed: Entry, action: str, caller: Caller, keeper: Keeper, opinion: str | None = None
) -> Entry:
    at = keeper.clock()
    await store.save_entry(tx, changed, at)
    await _step(tx, changed.code, action, caller.account, at, opinion=opinion)
    return changed


async def submit(tx: AsyncSession, code: str, caller: Caller, keeper: Keeper) -> Entry:
    """Hand the draft in for review."""
    caller.need(Role.COMPILER)
    held = await _own(tx, code, caller)
    in_force = keeper.book.at(keeper.clock())
    return await _save(tx, entries.submit(held, in_force), "submitted", caller, keeper)


async def review(
    tx: AsyncSession, code: str, *, approve: bool, opinion: str | None, caller: Caller, keeper: Keeper
) -> Entry:
    """Approve the draft or send it back: the unit's reviewer, or the platform's for a unit with one keeper."""
    caller.need(Role.REVIEWER, Role.PLATFORM_REVIEWER)
    held = await store.entry(tx, code, lock=True)
    if caller.unit == held.provider and caller.may(Role.REVIEWER):
        reviewed_as = ReviewedAs.UNIT
    elif caller.may(Role.PLATFORM_REVIEWER):
        reviewed_as = ReviewedAs.PLATFORM
    else:
        raise errors.EntryUnknown(code)
    unit = await _active_unit(tx, held.provider)
    done = entries.review(
        held,
        by=caller.account,
        reviewed_as=reviewed_as,
        keepers=unit.catalog_keepers,
        approve=approve,
        opinion=opinion,
    )
    return await _save(tx, done, "approved" if approve else "sent-back", caller, keeper, opinion)


async def publish(tx: AsyncSession, code: str, caller: Caller, keeper: Keeper) -> Entry:
    """Put the approved draft in force and tell the exchange; services go on with it, or wait for its first data."""
    caller.need(Role.PUBLISHER)
    held = await _own(tx, code, caller)
    unit = await _active_unit(tx, held.provider)
    at = keeper.clock()
    done = entries.publish(held, by=caller.account, keepers=unit.catalog_keepers, at=at, in_force=keeper.book.at(at))
    await _save(tx, done, "published", caller, keeper)
    await outbox.put(tx, entries.event(done, at))
    assert done.edition is not None
    for service in await store.services(tx, code, lock=True):
        # Items were renamed or reworded: the services of this structure tell of it. A new structure has no data yet,
        # so services stay with the old one until its first batch is in; but for those that bring it.
        structure = done.edition.structure
        if not services.known_outside(service):
            continue
        if service.structure == structure or services.follows_at_once(service):
            moved = replace(service, structure=structure, version=service.version + 1)
            await _tell(tx, replace(moved, changed_at=at, changed_by=caller.account))
    return done


async def _tell(tx: AsyncSession, service: Service) -> Service:
    await store.save_service(tx, service)
    content = await store.content_of_structure(tx, service.entry, service.structure)
    await outbox.put(tx, services.event(service, content.described()))
    return service


async def withdraw(tx: AsyncSession, code: str, reason: str, caller: Caller, keeper: Keeper) -> Entry:
    """End an entry, and with it its services."""
    caller.need(Role.PUBLISHER)
    held = await _own(tx, code, caller)
    at = keeper.clock()
    done = await _save(tx, entries.withdraw(held), "withdrawn", caller, keeper, reason)
    await outbox.put(tx, entries.event(done, at))
    for service in await store.services(tx, code, lock=True):
        if service.state is not State.WITHDRAWN:
            await _move(tx, service, State.WITHDRAWN, caller.account, at, "目录条目已撤销")
    return done


async def entry(tx: AsyncSession, code: str, caller: Caller) -> Entry:
    """An entry as the caller may see it: drafts are for the unit itself and the platform's reviewers."""
    return _seen(await store.entry(tx, code), caller)


def _inside(provider: str, caller: Caller) -> bool:
    return caller.unit == provider or caller.may(Role.PLATFORM_REVIEWER)


def _seen(held: Entry, caller: Caller) -> Entry:
    if _inside(held.provider, caller):
        return held
    if held.edition is None:
        raise errors.EntryUnknown(held.code)
    return replace(held, draft=None)


async def list_entries(
    tx: AsyncSession, *, provider: str | None, text: str | None, after: str, limit: int, caller: Caller
) -> list[Entry]:
    outside_of = None if caller.may(Role.PLATFORM_REVIEWER) else caller.unit
    found = await store.entries(tx, provider=provider, text=text, after=after, limit=limit, outside_of=outside_of)
    return [_seen(held, caller) for held in found]


async def history(tx: AsyncSession, code: str, caller: Caller) -> tuple[list[entries.Edition], list[StepRow]]:
    """Every edition of an entry, and every step on the way to them; to other units, only the steps that told them."""
    held = _seen(await store.entry(tx, code), caller)
    inside = _inside(held.provider, caller)
    steps = [step for step in await store.steps(tx, code) if inside or step.action in TOLD_OUTSIDE]
    return await store.editions(tx, code), steps


async def data_of(tx: AsyncSession, resource_version: str) -> DataRow | None:
    return await store.data(tx, resource_version)


async def register_service(
    tx: AsyncSession, code: str, entry_code: str, content: ServiceContent, caller: Caller, keeper: Keeper
) -> Service:
    """Register a service of a published resource of the caller's unit (REQ-C0)."""
    caller.need(Role.COMPILER)
    held = await _own(tx, entry_code, caller)
    if held.edition is None or held.withdrawn:
        raise errors.EntryState("只有已发布的条目可以登记服务", state="not-published")
    services.check(content, held.edition.content.described())
    interfaces.check_address(content.interface, keeper.reach)
    at = keeper.clock()
    made = Service(
        code=code,
        entry=entry_code,
        provider=held.provider,
        content=content,
        structure=held.edition.structure,
        state=State.REGISTERED,
        registered_by=caller.account,
        version=0,
        changed_at=at,
        changed_by=caller.account,
        reason=None,
    )
    await store.add_service(tx, made)
    await _step(tx, entry_code, "service-registered", caller.account, at, service=code)
    return made


async def move_service(
    tx: AsyncSession, code: str, to: State, reason: str | None, caller: Caller, keeper: Keeper
) -> Service:
    """Let a service out, stop it or end it: the unit's publisher, who did not register it, or the platform."""
    caller.need(Role.PUBLISHER, Role.PLATFORM_REVIEWER)
    found = await service(tx, code, caller)
    if not caller.may(Role.PLATFORM_REVIEWER):
        caller.need_unit(found.provider)
        await _active_unit(tx, caller.unit)
    # The entry first, then its services: whoever publishes or withdraws it takes them in this order too.
    entry = await store.entry(tx, found.entry, lock=True)
    held = await store.service(tx, code, lock=True)
    if to is State.ACTIVE:
        await _active_unit(tx, held.provider)
        if caller.account == held.registered_by:
            raise errors.NotSeparated("登记服务的人不能自己启用它")
        interfaces.check_address(held.content.interface, keeper.reach)
        if not services.known_outside(held):
            # The entry may have been published anew since the service was registered.
            assert entry.edition is not None
            services.check(held.content, entry.edition.content.described())
            held = replace(held, structure=entry.edition.structure)
    return await _move(tx, held, to, caller.account, keeper.clock(), reason)


async def _move(tx: AsyncSession, held: Service, to: State, by: str, at: datetime, reason: str | None) -> Service:
    was_out = services.known_outside(held)
    moved = services.move(held, to, by=by, at=at, reason=reason)
    await _step(tx, held.entry, f"service-{to.value}", by, at, service=held.code, opinion=reason)
    if was_out or to is State.ACTIVE:
        return await _tell(tx, moved)
    # Withdrawn before it was ever let out: the exchange never hears of it.
    quiet = replace(moved, version=0)
    await store.save_service(tx, quiet)
    return quiet


async def list_services(tx: AsyncSession, entry_code: str, caller: Caller) -> list[Service]:
    held = _seen(await store.entry(tx, entry_code), caller)
    found = await store.services(tx, held.code)
    inside = _inside(held.provider, caller)
    if inside:
        return found
    return [services.for_others(service) for service in found if services.known_outside(service)]


async def service(tx: AsyncSession, code: str, caller: Caller) -> Service:
    """A service as the caller may see it: one never let out is for the unit itself and the platform's reviewers."""
    found = await store.service(tx, code)
    if not _inside(found.provider, caller) and not services.known_outside(found):
        raise errors.ServiceUnknown("没有这个服务", service=code)
    return found if _inside(found.provider, caller) else services.for_others(found)


async def described(tx: AsyncSession, code: str, caller: Caller) -> Described:
    """What whoever calls a service needs to know of it, with the code sets that its items name."""
    found = await service(tx, code, caller)
    content = await store.content_of_structure(tx, found.entry, found.structure)
    unit = await store.unit(tx, found.provider)
    items = content.described()
    named = sorted({(item.code_set.id, item.code_set.version) for item in items if item.code_set})
    rows = [row for at in named if (row := await store.code_set(tx, *at)) is not None]
    return Described(
        service=found,
        entry_name=content.name,
        provider_name=unit.name if unit else found.provider,
        items=items,
        code_sets=tuple(
            CodeSet(row.id, row.edition, row.name, row.source, tuple(map(CodeName.model_validate, row.codes)))
            for row in rows
        ),
    )


async def publish_code_set(
    tx: AsyncSession,
    code_set_id: str,
    name: str,
    source: str,
    codes: Sequence[CodeName],
    caller: Caller,
    keeper: Keeper,
) -> CodeSetRow:
    """Publish the next version of a code set; versions that items name never change."""
    caller.need(Role.PLATFORM_REVIEWER)
    held = await store.newest_code_set(tx, code_set_id)
    edition = held.edition + 1 if held else 1
    at = keeper.clock()
    row = CodeSetRow(
        id=code_set_id,
        edition=edition,
        name=name,
        source=source,
        codes=[code.model_dump() for code in codes],
        published_at=at,
        published_by=caller.account,
    )
    await store.add_code_set(tx, row)
    for told in code_set_events.events(code_set_id, edition, name, source, codes, at):
        await outbox.put(tx, told)
    return row


async def code_sets(tx: AsyncSession) -> list[CodeSetRow]:
    return await store.code_sets(tx)


async def note_unit(tx: AsyncSession, told: UnitChanged) -> None:
    """Keep what the register told of a unit."""
    await store.note_unit(
        tx,
        UnitRow(
            code=told.unit,
            name=told.name,
            state=told.state.value,
            catalog_keepers=told.catalog_keepers,
            version=told.version,
        ),
    )


async def note_batch(tx: AsyncSession, told: BatchIngested, keeper: Keeper) -> None:
    """Keep the newest batch; the first one of a new structure brings the resource's services over to it."""
    await store.note_data(
        tx,
        DataRow(
            resource_version=told.resource_version, batch=told.batch, rows=told.rows, committed_at=told.committed_at
        ),
    )
    try:
        held = await store.entry(tx, told.entry, lock=True)
    except errors.EntryUnknown:
        return
    if held.edition is None or held.resource_version != told.resource_version:
        return
    items = held.edition.content.described()
    at = keeper.clock()
    for found in await store.services(tx, told.entry, lock=True):
        ended = found.state is State.WITHDRAWN
        if ended or found.structure >= held.edition.structure or not services.known_outside(found):
            continue
        moved = replace(
            found, structure=held.edition.structure, version=found.version + 1, changed_at=at, changed_by="catalog"
        )
        try:
            services.check(found.content, items)
        except errors.ServiceUnfit as unfit:
            # Its inputs or items are gone: it stays with the old structure and says why it is stopped.
            if found.state is State.ACTIVE:
                await _move(tx, found, State.STOPPED, "catalog", at, f"资源结构已变更：{unfit.message}")
            continue
        await _tell(tx, moved)
