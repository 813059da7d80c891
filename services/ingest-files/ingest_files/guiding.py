"""The guided profile of a resource, as its provider sets, sees and corrects it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from common.clock import Clock
from common.roles import Caller, Role
from ingest_files import errors, mappings, store
from ingest_files.domain import mapping
from ingest_files.domain.mapping import Intake
from ingest_files.domain.uploads import Entry
from vetting.report import Profile


async def _entry(tx: AsyncSession, code: str, caller: Caller) -> Entry:
    found = await store.entry(tx, code)
    inside = caller.may(Role.PLATFORM_REVIEWER, Role.AUDITOR)
    if found is None or (found.provider != caller.unit and not inside):
        raise errors.EntryUnknown(code)
    return found


async def _own(tx: AsyncSession, code: str, caller: Caller) -> Entry:
    caller.need(Role.COMPILER, Role.PUBLISHER)
    found = await _entry(tx, code, caller)
    if found.provider != caller.unit:
        raise errors.EntryUnknown(code)
    return found


async def intake(tx: AsyncSession, entry: str, caller: Caller) -> Intake:
    """How the files of a resource are read.

    Raises:
        EntryUnknown: no entry of the caller's unit.
    """
    await _entry(tx, entry, caller)
    return await mappings.intake(tx, entry)


async def choose(tx: AsyncSession, entry: str, profile: Profile, *, caller: Caller, clock: Clock) -> Intake:
    """The provider says by which profile its files are read; what it corrected before stays.

    Raises:
        EntryUnknown: no entry of the caller's unit.
    """
    await _own(tx, entry, caller)
    held = await mappings.intake(tx, entry, lock=True)
    chosen = replace(held, profile=profile, set_by=caller.account, set_at=clock())
    await mappings.save_intake(tx, chosen)
    return chosen


async def correct(
    tx: AsyncSession,
    entry: str,
    titles: Mapping[str, str | None],
    headers: Mapping[str, Sequence[int]],
    *,
    caller: Caller,
    clock: Clock,
) -> Intake:
    """The provider corrects what was found; it holds for all later files of the resource.

    Raises:
        EntryUnknown: no entry of the caller's unit.
        BadMapping: what is said does not go with the entry.
    """
    known = await _own(tx, entry, caller)
    held = await mappings.intake(tx, entry, lock=True)
    corrected = mapping.correct(held, known.items, titles, headers, by=caller.account, at=clock())
    await mappings.save_intake(tx, corrected)
    return corrected


async def detection(tx: AsyncSession, upload_id: UUID, caller: Caller) -> list[Any] | None:
    """What was found in a file: None before it was read, or if it was read strictly.

    Raises:
        UploadUnknown: no upload of the caller's unit.
    """
    held = await store.upload(tx, upload_id)
    if held.provider != caller.unit and not caller.may(Role.PLATFORM_REVIEWER, Role.AUDITOR):
        raise errors.UploadUnknown
    return await mappings.detection(tx, upload_id)
