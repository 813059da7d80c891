"""Unstructured objects over HTTP: begun and completed by providers, linked to by the gateway alone."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from common.events.parts import EntryCode, ItemCode, ResourceVersion
from common.http import Authenticated, EffectOfService, In, Out
from ingest_files.domain.objects import Object, State
from ingest_files.objects import Keeping, Wanted

Text = Annotated[str, Field(max_length=4000, pattern=r"^[^\x00]*$")]


class ObjectIn(In):
    entry: EntryCode
    name: Annotated[str, Field(min_length=1, max_length=400, pattern=r"^[^\x00]*$", description="文件名")]
    size: Annotated[int, Field(ge=1, description="字节数")]
    note: Annotated[Text | None, Field(description="说明")] = None
    values: dict[ItemCode, Text | None] = Field(
        default_factory=dict, max_length=200, description="目录条目的其他信息项，按代码"
    )


class ObjectOut(Out):
    id: UUID
    entry: str
    provider: str
    name: str
    note: str | None
    state: State
    size: int | None
    sha256: str | None
    media_type: str | None
    reason: str | None
    message: str | None
    uploaded_by: str
    created_at: datetime
    received_at: datetime | None
    done_at: datetime | None

    @classmethod
    def of(cls, one: Object) -> "ObjectOut":
        return cls.model_validate(one)


class ObjectBegunOut(Out):
    """Where the object goes: a form post with these fields, the file's own field `file` last."""

    object: ObjectOut
    url: str
    fields: dict[str, str]


class LinkOut(Out):
    url: str
    expires_at: datetime


def routes(keeping: Keeping) -> APIRouter:
    router = APIRouter()

    @router.post("/objects", status_code=201, tags=["对象"], summary="开始上传文档、图像、音视频等对象")
    async def begin(body: ObjectIn, caller: Authenticated) -> ObjectBegunOut:
        made, posting = await keeping.begin(Wanted(**body.model_dump()), caller)
        return ObjectBegunOut(object=ObjectOut.of(made), url=posting.url, fields=posting.fields)

    @router.post("/objects/{object_id}/completion", status_code=202, tags=["对象"], summary="对象已上传完毕")
    async def complete(object_id: UUID, caller: Authenticated) -> ObjectOut:
        return ObjectOut.of(await keeping.complete(object_id, caller))

    @router.get("/objects/{object_id}", tags=["对象"], summary="一个对象及其登记结果")
    async def one(object_id: UUID, caller: Authenticated) -> ObjectOut:
        return ObjectOut.of(await keeping.one(object_id, caller))

    @router.get("/objects", tags=["对象"], summary="本单位的对象")
    async def mine(
        caller: Authenticated, entry: EntryCode | None = None, limit: Annotated[int, Query(ge=1, le=200)] = 50
    ) -> list[ObjectOut]:
        return [ObjectOut.of(found) for found in await keeping.mine(caller, entry, limit)]

    @router.post("/links", tags=["平台服务"], summary="一个对象的短时下载地址（仅限网关转来）")
    async def link(
        caller: EffectOfService, entry: EntryCode, resource_version: ResourceVersion, object_id: UUID
    ) -> LinkOut:
        given = await keeping.link(entry, resource_version, object_id, caller)
        return LinkOut(url=given.url, expires_at=given.expires_at)

    return router
