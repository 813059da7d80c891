"""The ingest of files over HTTP: parse, one call, reply."""

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import Field

from common.events.parts import EntryCode, ResourceVersion, ServiceCode, UnitCode
from common.http import Authenticated, EffectOfService, In, Out
from exchange.batches import Batch
from exchange.ways import Way
from ingest_files import service, undoing
from ingest_files.domain.judgement import Bad
from ingest_files.domain.pushes import Push
from ingest_files.domain.summary import POLICY
from ingest_files.domain.uploads import State, Upload
from ingest_files.loadings import Loading
from ingest_files.pushing import Pushing, Sent
from ingest_files.reporting import LINK_LASTS, Reporting
from ingest_files.service import Desk
from quality.model import Severity


class UploadIn(In):
    entry: EntryCode
    # Whatever else is wrong with a name is found when the file is judged; this character no database can hold.
    name: Annotated[
        str, Field(min_length=1, max_length=400, pattern=r"^[^\x00]*$", description="文件名：资源名称-时间戳.xls")
    ]
    size: Annotated[int, Field(ge=1, description="字节数")]
    way: Annotated[Way, Field(description="replace 全量替换，append 追加，upsert 按主键更新，delete 按主键删除")] = (
        Way.REPLACE
    )
    mark: Annotated[
        str | None,
        Field(max_length=100, pattern=r"^[^\x00]*$", description="upsert 时标记要删除的行的列名（1/是/删除）"),
    ] = None


class UploadOut(Out):
    id: UUID
    entry: str
    provider: str
    name: str
    state: State
    size: int | None
    sha256: str | None
    rows: int | None
    reason: str | None
    message: str | None
    findings: int
    uploaded_by: str
    created_at: datetime
    received_at: datetime | None
    done_at: datetime | None
    way: Way
    mark: str | None
    difference: dict[str, Any] | None
    """How the columns differ from the resource's items: missing, extra, repeated, renamed, retyped."""

    @classmethod
    def of(cls, upload: Upload) -> "UploadOut":
        return cls.model_validate(upload)


class BegunOut(Out):
    """Where the file goes: a form post with these fields, the file's own field `file` last."""

    upload: UploadOut
    url: str
    fields: dict[str, str]


class FindingOut(Out):
    place: int
    sheet: str | None
    row: int | None
    column: int | None
    item: str | None
    rule: str
    severity: Severity
    message: str
    value: str | None
    """Masked."""


def routes(desk: Desk) -> APIRouter:
    router = APIRouter()

    @router.post("/uploads", status_code=201, tags=["上传"], summary="开始上传文件")
    async def begin(body: UploadIn, caller: Authenticated) -> BegunOut:
        async with desk.db.begin() as tx:
            upload, posting = await service.begin(
                tx, body.entry, body.name, body.size, caller, desk, body.way, body.mark
            )
        return BegunOut(upload=UploadOut.of(upload), url=posting.url, fields=posting.fields)

    @router.post("/uploads/{upload}/completion", status_code=202, tags=["上传"], summary="文件已上传完毕")
    async def complete(upload: UUID, caller: Authenticated) -> UploadOut:
        return UploadOut.of(await service.complete(upload, caller, desk))

    @router.get("/uploads", tags=["上传"], summary="本单位的上传")
    async def list_uploads(
        caller: Authenticated,
        entry: EntryCode | None = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> list[UploadOut]:
        async with desk.db.begin() as tx:
            return [UploadOut.of(found) for found in await service.list_uploads(tx, entry, limit, caller)]

    @router.get("/uploads/{upload}", tags=["上传"], summary="一次上传及其结果")
    async def one(upload: UUID, caller: Authenticated) -> UploadOut:
        async with desk.db.begin() as tx:
            return UploadOut.of(await service.upload(tx, upload, caller))

    @router.get("/uploads/{upload}/findings", tags=["上传"], summary="检查发现的全部问题")
    async def findings(
        upload: UUID,
        caller: Authenticated,
        after: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=1, le=1000)] = 200,
    ) -> list[FindingOut]:
        async with desk.db.begin() as tx:
            found = await service.findings(tx, upload, after, limit, caller)
        return [
            FindingOut(
                place=row.place,
                sheet=row.sheet,
                row=row.row,
                column=row.col,
                item=row.item,
                rule=row.rule,
                severity=Severity(row.severity),
                message=row.message,
                value=row.value,
            )
            for row in found
        ]

    return router


class LoadingIn(In):
    ways: Annotated[list[Way], Field(min_length=1, max_length=4, description="允许的导入方式")]
    whole: Annotated[bool, Field(description="任意行数的文件整体导入，不受每个文件2000行之限")] = False


class LoadingOut(Out):
    ways: list[Way]
    whole: bool


class TakeBackIn(In):
    why: Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00]*$", description="撤回的原因")]


class BatchOut(Out):
    """A batch of a resource; what it displaced is kept as long as `kept` says so."""

    batch: UUID
    version: str
    number: int
    mode: str
    rows: int
    deleted: int
    sha256: str
    sheet: str | None
    committed_at: datetime
    kept: bool
    taken_back_at: datetime | None
    taken_back_by: str | None
    taken_back_why: str | None

    @classmethod
    def of(cls, batch: Batch) -> "BatchOut":
        return cls.model_validate(batch)


def batches(desk: Desk) -> APIRouter:
    router = APIRouter()

    @router.get("/entries/{entry}/loading", tags=["批次"], summary="资源允许的导入方式")
    async def loading(entry: EntryCode, caller: Authenticated) -> LoadingOut:
        async with desk.db.begin() as tx:
            return LoadingOut.model_validate(await undoing.loading(tx, entry, caller))

    @router.put("/entries/{entry}/loading", tags=["批次"], summary="规定资源允许的导入方式")
    async def allow(entry: EntryCode, body: LoadingIn, caller: Authenticated) -> LoadingOut:
        new = Loading(ways=tuple(dict.fromkeys(body.ways)), whole=body.whole)
        async with desk.db.begin() as tx:
            return LoadingOut.model_validate(await undoing.allow(tx, entry, new, caller, desk))

    @router.get("/entries/{entry}/batches", tags=["批次"], summary="资源的批次，最新的在前")
    async def listed(entry: EntryCode, caller: Authenticated) -> list[BatchOut]:
        return [BatchOut.of(found) for found in await undoing.listed(entry, caller, desk)]

    @router.post("/entries/{entry}/batches/{batch}/taking-back", tags=["批次"], summary="撤回最新的批次")
    async def take_back(entry: EntryCode, batch: UUID, body: TakeBackIn, caller: Authenticated) -> BatchOut:
        return BatchOut.of(await undoing.take_back(entry, batch, body.why, caller, desk))

    return router


TOLD: Final = 1000
"""Findings of one push that are told; of more their number."""
_ROWS: Final = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"type": "array", "items": {"type": "object"}}}},
    }
}


class PushFindingOut(Out):
    row: int | None
    item: str | None
    rule: str
    message: str
    severity: Severity


class PushOut(Out):
    """A batch, or why there is none."""

    batch: UUID | None
    rows: int
    committed_at: datetime | None
    reason: str | None
    message: str | None
    count: int
    findings: list[PushFindingOut]

    @classmethod
    def of(cls, found: Push | Bad) -> "PushOut":
        if isinstance(found, Bad):
            told = [PushFindingOut.model_validate(one) for one in found.findings[:TOLD]]
            bad: dict[str, object] = {"reason": found.reason, "message": found.message, "findings": told}
            return cls.model_validate(
                {"batch": None, "rows": 0, "committed_at": None, "count": len(found.findings), **bad}
            )
        good: dict[str, object] = {"batch": found.id, "rows": found.rows, "committed_at": found.committed_at}
        return cls.model_validate({**good, "reason": None, "message": None, "count": 0, "findings": []})


def pushes(pushing: Pushing) -> APIRouter:
    router = APIRouter()

    @router.post("/pushes", tags=["平台服务"], summary="提供单位推送的数据行（仅限网关转来）", openapi_extra=_ROWS)
    async def push(
        request: Request,
        caller: EffectOfService,
        call: UUID,
        service: ServiceCode,
        entry: EntryCode,
        unit: UnitCode,
        resource_version: ResourceVersion,
        mode: Way,
        idempotency_key: Annotated[str | None, Header(pattern="^[!-~]{1,64}$")] = None,
    ) -> PushOut:
        sent = Sent(
            call=call,
            service=service,
            entry=entry,
            unit=unit,
            resource_version=resource_version,
            way=mode,
            key=idempotency_key,
            rows=await request.body(),
        )
        return PushOut.of(await pushing.take(sent, caller))

    return router


class LinkOut(Out):
    url: str
    lasts: int
    """Seconds."""


def reports(reporting: Reporting) -> APIRouter:
    router = APIRouter()

    @router.get("/uploads/{upload}/annotated", tags=["上传"], summary="标注了问题的文件副本的下载地址")
    async def annotated(upload: UUID, caller: Authenticated) -> LinkOut:
        url = await reporting.annotated(upload, caller)
        return LinkOut(url=url, lasts=int(LINK_LASTS.total_seconds()))

    @router.get("/uploads/{upload}/summary", tags=["上传"], summary="检查结果的汇总页", response_class=HTMLResponse)
    async def summed(upload: UUID, caller: Authenticated) -> HTMLResponse:
        page = await reporting.summary(upload, caller)
        return HTMLResponse(page, headers={"Content-Security-Policy": POLICY, "Cache-Control": "no-store"})

    return router
