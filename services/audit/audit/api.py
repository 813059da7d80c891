"""The trail over HTTP: parse, one call, reply."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, Field

from audit import service
from audit.domain import Call, Outcome, Search, Thread
from common.db import Db
from common.events import CallRecord
from common.http import Authenticated, Out


class CallOut(Out):
    worker: str
    start: UUID
    record: CallRecord
    outcome: Annotated[Outcome, Field(description="外部调用有始无终：60 秒内为 pending，之后为 unknown")]

    @classmethod
    def of(cls, call: Call) -> "CallOut":
        return cls(worker=call.worker, start=call.start, record=call.record, outcome=call.outcome)


class ThreadOut(Out):
    """调用 → 授权 → 申请 → 决定（版本与条款）→ 批次 → 文件（摘要）."""

    call: CallOut
    begun: CallOut | None
    unit: dict[str, Any] | None
    service: dict[str, Any] | None
    grant: dict[str, Any] | None
    application: dict[str, Any] | None
    decision: dict[str, Any] | None
    entry: dict[str, Any] | None
    batches: list[dict[str, Any]]
    missing: list[str]

    @classmethod
    def of(cls, thread: Thread) -> "ThreadOut":
        return cls(
            call=CallOut.of(thread.call),
            begun=CallOut.of(thread.begun) if thread.begun else None,
            unit=thread.unit,
            service=thread.service,
            grant=thread.grant,
            application=thread.application,
            decision=thread.decision,
            entry=thread.entry,
            batches=list(thread.batches),
            missing=list(thread.missing),
        )


class GapOut(Out):
    worker: str
    start: UUID
    first: int
    last: int
    found_at: datetime


def routes(db: Db) -> APIRouter:
    router = APIRouter()

    @router.get("/calls", tags=["留痕"], summary="查找调用记录")
    async def find(
        caller: Authenticated,
        trace_id: Annotated[str | None, Query(pattern="^[0-9a-f]{32}$")] = None,
        unit: Annotated[str | None, Query(max_length=40)] = None,
        grant: UUID | None = None,
        entry: Annotated[str | None, Query(max_length=40, description="资源（目录条目）代码")] = None,
        batch: UUID | None = None,
        since: AwareDatetime | None = None,
        until: AwareDatetime | None = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> list[CallOut]:
        search = Search(
            trace_id=trace_id,
            unit=unit,
            grant=grant,
            entry=entry,
            batch=batch,
            since=since,
            until=until,
            limit=limit,
        )
        async with db.begin() as tx:
            return [CallOut.of(call) for call in await service.find(tx, search, caller)]

    @router.get("/calls/{call}/trace", tags=["留痕"], summary="从一次调用追溯到授权、决定、批次和文件")
    async def thread(call: UUID, caller: Authenticated) -> ThreadOut:
        async with db.begin() as tx:
            return ThreadOut.of(await service.thread(tx, call, caller))

    @router.get("/unknown", tags=["留痕"], summary="开始了外部调用而结果不明的调用")
    async def unknown(
        caller: Authenticated, since: AwareDatetime, limit: Annotated[int, Query(ge=1, le=1000)] = 100
    ) -> list[CallOut]:
        async with db.begin() as tx:
            return [CallOut.of(call) for call in await service.unknown(tx, since, limit, caller)]

    @router.get("/gaps", tags=["留痕"], summary="缺失的调用记录编号")
    async def gaps(caller: Authenticated) -> list[GapOut]:
        async with db.begin() as tx:
            return [GapOut.model_validate(gap) for gap in await service.gaps(tx, caller)]

    return router
