"""The road in over HTTP, beside the posted form: files in parts, and what was laid down in the watched bucket."""

import hmac
from datetime import datetime
from typing import Annotated, Final
from urllib.parse import unquote_plus
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field, SecretStr, ValidationError

from common.errors import Unauthenticated
from common.events.parts import Digest, EntryCode
from common.http import Authenticated, In, Out
from exchange.ways import Way
from ingest_files.api import UploadOut
from ingest_files.domain.transfers import LINKS
from ingest_files.receiving import Progress, Receiving, Wanted
from ingest_files.watching import Watching

_BEARER: Final = "Bearer "


class TransferIn(In):
    entry: EntryCode
    name: Annotated[str, Field(min_length=1, max_length=400, pattern=r"^[^\x00]*$", description="文件名")]
    size: Annotated[int, Field(ge=1, description="字节数")]
    sha256: Annotated[Digest, Field(description="文件内容的 SHA-256；中断后凭它续传")]
    way: Annotated[Way, Field(description="replace 全量替换，append 追加，upsert 按主键更新，delete 按主键删除")] = (
        Way.REPLACE
    )
    mark: Annotated[
        str | None,
        Field(max_length=100, pattern=r"^[^\x00]*$", description="upsert 时标记要删除的行的列名（1/是/删除）"),
    ] = None


class PartOut(Out):
    number: int
    size: int
    etag: str


class TransferOut(Out):
    """A file in parts: `held` are those that have come; the others are put by links."""

    upload: UploadOut
    size: int
    part_bytes: int
    parts: int
    held: list[PartOut]
    whole: bool
    expires_at: datetime

    @classmethod
    def of(cls, progress: Progress) -> "TransferOut":
        transfer = progress.transfer
        return cls(
            upload=UploadOut.of(progress.upload),
            size=transfer.size,
            part_bytes=transfer.part_bytes,
            parts=transfer.parts,
            held=[PartOut.model_validate(part) for part in progress.held],
            whole=progress.whole,
            expires_at=transfer.expires_at,
        )


class LinksIn(In):
    numbers: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1, max_length=LINKS)]


class LinkOut(Out):
    """PUT exactly `size` bytes there."""

    number: int
    size: int
    url: str


class ArrivalOut(Out):
    """A version that was seen in the watched bucket: the upload that it became, or why it is none."""

    key: str
    version: str
    seen_at: datetime
    upload: UUID | None
    reason: str | None
    message: str | None


def transfers(receiving: Receiving) -> APIRouter:
    router = APIRouter(tags=["分段上传"])

    @router.post("/transfers", status_code=201, summary="开始或续传一个大文件")
    async def begin(body: TransferIn, caller: Authenticated) -> TransferOut:
        return TransferOut.of(await receiving.begin(Wanted(**body.model_dump()), caller))

    @router.get("/transfers/{upload}", summary="已到达的各段")
    async def progress(upload: UUID, caller: Authenticated) -> TransferOut:
        return TransferOut.of(await receiving.progress(upload, caller))

    @router.post("/transfers/{upload}/links", summary="各段的上传地址")
    async def links(upload: UUID, body: LinksIn, caller: Authenticated) -> list[LinkOut]:
        return [LinkOut.model_validate(link) for link in await receiving.links(upload, body.numbers, caller)]

    @router.post("/transfers/{upload}/completion", status_code=202, summary="各段已上传完毕")
    async def complete(upload: UUID, caller: Authenticated) -> UploadOut:
        return UploadOut.of(await receiving.complete(upload, caller))

    @router.delete("/transfers/{upload}", status_code=204, summary="放弃分段上传")
    async def abandon(upload: UUID, caller: Authenticated) -> Response:
        await receiving.abandon(upload, caller)
        return Response(status_code=204)

    return router


class _Object(BaseModel):
    key: str = Field(max_length=3 * 1024)


class _S3(BaseModel):
    object: _Object


class _Record(BaseModel):
    s3: _S3


class _Notification(BaseModel):
    """What of an S3 notification is heard."""

    Records: list[_Record] = Field(default=[], max_length=1000)


def arrivals(watching: Watching, token: SecretStr | None) -> APIRouter:
    router = APIRouter(tags=["监视的存储桶"])

    @router.get("/arrivals", summary="本单位放入存储桶的文件及其登记")
    async def list_arrivals(caller: Authenticated, limit: Annotated[int, Query(ge=1, le=200)] = 50) -> list[ArrivalOut]:
        return [ArrivalOut.model_validate(row, from_attributes=True) for row in await watching.seen(caller, limit)]

    if token is not None:

        @router.post("/hints", status_code=204, summary="对象存储的通知（仅作提示）", include_in_schema=False)
        async def hint(request: Request) -> Response:
            given = request.headers.get("authorization", "")
            expected = _BEARER + token.get_secret_value()
            if not hmac.compare_digest(given.encode(), expected.encode()):
                raise Unauthenticated("令牌无效")
            for key in _keys(await request.body()):
                watching.hint(key)
            return Response(status_code=204)

    return router


def _keys(given: bytes) -> list[str]:
    """The keys that a notification names; one that is malformed names none, and the listing finds everything."""
    try:
        told = _Notification.model_validate_json(given)
    except ValidationError:
        return []
    return [unquote_plus(record.s3.object.key) for record in told.Records]
