"""Takes rows that a provider's own system pushes: one effect for one push, however often it is sent."""

import hashlib
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from common import log, outbox
from common.clock import Clock
from common.db import Db
from common.errors import Forbidden, Unwell
from common.events import UnitState
from common.ids import uuid7
from common.roles import Caller, Role
from exchange.loading import Clash
from exchange.ways import Way
from ingest_files import errors, noted, store
from ingest_files.blobs import Blobs
from ingest_files.domain import judgement, pushes
from ingest_files.domain.judgement import Bad, Good, Rules
from ingest_files.domain.pushes import Push, State
from ingest_files.domain.uploads import Entry
from ingest_files.exchange_store import ExchangeStore
from ingest_files.referring import Referring

SENDER: Final = "service:gateway"
"""Who brings pushes: it has authenticated, metered and recorded them. Nobody else is heard."""
BUCKET: Final = "inbox"
_AT_ONCE: Final = 100
_log = log.get(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A push as it came."""

    call: UUID
    service: str
    entry: str
    unit: str
    resource_version: str
    way: Way
    key: str | None
    rows: bytes
    """A JSON array of objects, as it was sent."""


@dataclass(frozen=True, slots=True)
class Pushing:
    """What pushes are taken with."""

    clock: Clock
    db: Db
    blobs: Blobs
    exchange: ExchangeStore

    async def take(self, sent: Sent, caller: Caller) -> Push | Bad:
        """Check and load; the batch, or everything that was found, and then nothing was changed.

        The push is on record before anything is done, and its id is the batch's, which the exchange store takes once:
        sent again after a lost answer, a crash or a fault, it goes on where it was, or finds its first result.

        Raises:
            Forbidden: not from the gateway. NotTheProvider, UnitNotActive, EntryUnknown: the unit may not write this.
            ResourceChanged: it has another structure by now. PushDiffers: its key was used for other rows.
            Unwell: the object store or the exchange store is away; the same again may work.
        """
        caller.need(Role.SERVICE)
        if caller.account != SENDER:
            raise Forbidden("只接受网关转来的数据")
        sha256 = hashlib.sha256(sent.rows).hexdigest()
        async with self.db.begin() as tx:
            entry = await _entry(tx, sent)
            rule_set = await noted.rule_set(tx, entry)
            code_sets = await store.code_sets(tx, rule_set.code_sets)
            around = await noted.surroundings(tx, entry, sent.way, self.clock())
            await store.serialize_pushes(tx, sent.service)
            push = await self._before(tx, sent, sha256) or self._new(sent, sha256)
            if push.state is State.LOADED:
                return push
            push = replace(push, tried_at=self.clock())
            await store.save_push(tx, push)
        if push.object_version is None:
            version = await self.blobs.put(push.bucket, push.object_key, sent.rows)
            async with self.db.begin() as tx:
                push = await store.push(tx, push.id)
                if push.object_version is None:
                    push = replace(push, object_version=version)
                    await store.save_push(tx, push)
        bad = _unfit(push, entry)
        if bad is None:
            judged = await self._judged(sent, entry, Rules(code_sets, rule_set, around))
            bad = judged if isinstance(judged, Bad) else await self._load(push, entry, judged)
        return await self._reject(push.id, bad) if bad is not None else await self._finish(push.id)

    async def _before(self, tx: AsyncSession, sent: Sent, sha256: str) -> Push | None:
        """The push that this one is, if it was sent before."""
        if sent.key is not None:
            found = await store.push_of_key(tx, sent.service, sent.key)
            if found is not None and not (
                found.is_same(sent.way, sha256) and found.resource_version == sent.resource_version
            ):
                raise errors.PushDiffers("这个 Idempotency-Key 已用于另一批数据，那一批保持不变")
            return found
        newest = await store.newest_push(tx, sent.service, self.clock() - pushes.AGAIN_WITHIN)
        same = newest is not None and newest.key is None and newest.is_same(sent.way, sha256)
        if newest is None or not same or newest.resource_version != sent.resource_version:
            return None
        if newest.state is State.LOADED and await self.exchange.newest(newest.resource_version) != newest.id:
            # Something came in between: the same rows are another step now.
            return None
        return None if newest.state is State.REJECTED else newest

    def _new(self, sent: Sent, sha256: str) -> Push:
        push_id = uuid7()
        return Push(
            id=push_id,
            call=sent.call,
            service=sent.service,
            entry=sent.entry,
            provider=sent.unit,
            key=sent.key,
            way=sent.way,
            sha256=sha256,
            size=len(sent.rows),
            bucket=BUCKET,
            object_key=f"{sent.unit}/{sent.entry}/{push_id}",
            object_version=None,
            resource_version=sent.resource_version,
            state=State.RECEIVED,
            rows=None,
            reason=None,
            tried_at=self.clock(),
            done_at=None,
            committed_at=None,
        )

    async def _judged(self, sent: Sent, entry: Entry, rules: Rules) -> Good | Bad:
        """The rows by the very rules of files."""
        read = pushes.read(sent.rows)
        if isinstance(read, Bad):
            return read
        assert rules.rule_set is not None
        judged = pushes.judge(read, rules.rule_set, rules.code_sets, rules.around)
        return await Referring(self.db, self.exchange).ended(judged, entry, sent.way)

    async def _load(self, push: Push, entry: Entry, good: Good) -> Bad | None:
        async with self.db.begin() as tx:
            await noted.add_numbers(tx, push.id, good.profile)
        try:
            await self.exchange.load(
                version=push.resource_version,
                batch=push.id,
                sha256=push.sha256,
                columns=judgement.items_by_code(entry.items),
                rows=good.rows,
                way=push.way,
            )
        except Clash as refused:
            return pushes.clash(refused.message)
        return None

    async def _finish(self, push_id: UUID) -> Push:
        """The result of a push whose rows are in the store; told once."""
        loaded = await self.exchange.find(push_id)
        assert loaded is not None
        async with self.db.begin() as tx:
            push = await store.push(tx, push_id)
            if push.state is State.LOADED:
                return push
            done, told = pushes.load(push, rows=loaded.rows, committed_at=loaded.committed_at, at=self.clock())
            await store.save_push(tx, done)
            await outbox.put(tx, told)
        _log.info("ingest.pushed", push=str(push_id), resource=done.resource_version, rows=done.rows)
        return done

    async def _reject(self, push_id: UUID, bad: Bad) -> Push | Bad:
        async with self.db.begin() as tx:
            push = await store.push(tx, push_id)
            if push.state is State.LOADED:
                return push
            if push.state is State.RECEIVED:
                done, told = pushes.reject(push, bad, at=self.clock())
                await store.save_push(tx, done)
                if told is not None:
                    await outbox.put(tx, told)
                _log.info("ingest.push_rejected", push=str(push_id), reason=bad.reason, findings=len(bad.findings))
        return bad

    async def settle(self) -> int:
        """End pushes that nobody tried again: loaded where the rows are in the store, else refused. How many."""
        async with self.db.begin() as tx:
            found = await store.open_pushes(tx, self.clock() - pushes.FORGOTTEN, _AT_ONCE)
        for push_id in found:
            if await self.exchange.find(push_id) is not None:
                await self._finish(push_id)
            else:
                await self._reject(push_id, pushes.not_finished())
        return len(found)


async def _entry(tx: AsyncSession, sent: Sent) -> Entry:
    unit = await store.unit(tx, sent.unit)
    if unit is None or unit.state != UnitState.ACTIVE.value:
        raise errors.UnitNotActive("单位未登记、已暂停或已撤销", unit=sent.unit)
    entry = await store.entry(tx, sent.entry)
    if entry is None:
        # The catalogue told the gateway of its service; the entry is on its way here.
        raise Unwell(f"entry {sent.entry}")
    if not entry.published:
        raise errors.EntryUnknown(sent.entry)
    if entry.provider != sent.unit:
        raise errors.NotTheProvider("只有提供单位可以写入自己的资源")
    if entry.resource_version != sent.resource_version:
        raise errors.ResourceChanged("资源结构已变更", version=entry.resource_version)
    return entry


def _unfit(push: Push, entry: Entry) -> Bad | None:
    """Why this way does not go with the resource."""
    if any(item.key_place is not None for item in entry.items):
        return None
    if push.way is Way.UPSERT:
        return pushes.way_unfit("资源没有主键，不能按主键更新，请用 append 或 replace")
    if push.way is Way.APPEND and push.key is None:
        return pushes.way_unfit("资源没有主键，追加时须有请求头 Idempotency-Key，以免重复")
    return None
