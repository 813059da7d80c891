"""The catalogue over HTTP: parse, one call, reply."""

import json
import unicodedata
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse, PlainTextResponse, Response
from pydantic import AfterValidator, Field, StringConstraints, field_validator

from catalog import service
from catalog.domain import description, entries, pages, services
from catalog.domain.keeper import Keeper
from catalog.domain.services import ServiceContent, State
from common import schemas
from common.db import Db
from common.entry import EntryContent
from common.events import CodeName, ItemType
from common.events.parts import EntryCode, ServiceCode, UnitCode
from common.http import Authenticated, In, Out
from quality import national, standard

TEXT = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
"""No control characters but tab and line breaks: the database holds no NUL, and logs and screens none of the rest."""


def _said(text: str) -> str:
    if not entries.says(text):
        raise ValueError("nothing to see in it")
    return text


def _storable(content: EntryContent) -> EntryContent:
    if any(unicodedata.category(char) == "Cc" for item in content.items for char in item.standard or ""):
        raise ValueError("a standard field's code holds no control characters")
    return content


Why = Annotated[str, Field(min_length=2, max_length=500, pattern=TEXT), AfterValidator(_said)]
ContentIn = Annotated[EntryContent, AfterValidator(_storable)]


class ChangeIn(In):
    revision: int
    content: ContentIn


class ReviewIn(In):
    approve: bool
    opinion: Annotated[str | None, Field(max_length=2000, pattern=TEXT)] = None


class ReasonIn(In):
    reason: Why


class EntriesQuery(In):
    provider: UnitCode | None = None
    name: Annotated[str | None, Field(max_length=100, pattern=TEXT, description="名称包含")] = None
    after: Annotated[str, Field(pattern=r"^[0-9-]{0,40}$", description="上一页最后一条的代码")] = ""
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class DraftOut(Out):
    state: entries.DraftState
    content: EntryContent
    compiled_by: str
    reviewed_by: str | None
    reviewed_as: entries.ReviewedAs | None


class EditionOut(Out):
    number: int
    content: EntryContent
    structure: int
    compiled_by: str
    reviewed_by: str
    published_by: str
    separation: entries.Separation
    basis: dict[str, Any]
    published_at: datetime

    @classmethod
    def of(cls, edition: entries.Edition) -> "EditionOut":
        return cls(
            number=edition.number,
            content=edition.content,
            structure=edition.structure,
            compiled_by=edition.compiled_by,
            reviewed_by=edition.reviewed_by,
            published_by=edition.published_by,
            separation=edition.separation,
            basis=edition.basis.model_dump(),
            published_at=edition.published_at,
        )


class DataOut(Out):
    batch: str
    rows: int
    committed_at: datetime


class EntryOut(Out):
    code: str
    provider: str
    state: str
    revision: int
    version: int
    draft: DraftOut | None
    edition: EditionOut | None
    resource_version: str | None
    data: DataOut | None
    term_notice: str | None

    @classmethod
    def of(cls, entry: entries.Entry, keeper: Keeper, data: DataOut | None = None) -> "EntryOut":
        state = "withdrawn" if entry.withdrawn else "published" if entry.edition else "draft"
        return cls(
            code=entry.code,
            provider=entry.provider,
            state="changed" if state == "published" and entry.draft else state,
            revision=entry.revision,
            version=entry.version,
            draft=DraftOut.model_validate(entry.draft) if entry.draft else None,
            edition=EditionOut.of(entry.edition) if entry.edition else None,
            resource_version=entry.resource_version if entry.edition else None,
            data=data,
            term_notice=keeper.book.at(keeper.clock()).notice_zh,
        )


class StepOut(Out):
    action: str
    service: str | None
    done_by: str
    done_at: datetime
    opinion: str | None


class HistoryOut(Out):
    editions: list[EditionOut]
    steps: list[StepOut]


class ServiceIn(In):
    code: ServiceCode
    entry: EntryCode
    content: ServiceContent


class ServiceStateIn(In):
    state: State
    reason: Annotated[str | None, Field(max_length=500, pattern=TEXT)] = None


class ServiceOut(Out):
    code: str
    entry: str
    provider: str
    content: ServiceContent
    resource_version: str
    state: State
    registered_by: str
    version: int
    changed_at: datetime
    changed_by: str
    reason: str | None

    @classmethod
    def of(cls, found: services.Service) -> "ServiceOut":
        return cls(
            code=found.code,
            entry=found.entry,
            provider=found.provider,
            content=found.content,
            resource_version=entries.resource_version(found.entry, found.structure),
            state=found.state,
            registered_by=found.registered_by,
            version=found.version,
            changed_at=found.changed_at,
            changed_by=found.changed_by,
            reason=found.reason,
        )


class CodeIn(In):
    code: Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=TEXT)]
    name: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=TEXT)]


class CodeSetIn(In):
    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
    name: Annotated[str, Field(min_length=1, max_length=100, pattern=TEXT)]
    source: Annotated[str, Field(min_length=1, max_length=200, pattern=TEXT, description="出处，如国家标准编号")]
    codes: Annotated[list[CodeIn], Field(min_length=1, max_length=20_000)]

    @field_validator("codes")
    @classmethod
    def each_code_stands_once(cls, codes: list[CodeIn]) -> list[CodeIn]:
        if len({one.code for one in codes}) != len(codes):
            raise ValueError("a code stands twice")
        return codes


class CodeSetOut(Out):
    id: str
    edition: int
    name: str
    source: str
    codes: list[CodeIn]


class StandardFieldOut(Out):
    """A field of the naming standard (Annex 3 §3), as an item takes it over."""

    code: str
    name: str
    type: ItemType
    length: int | None
    precision: int | None
    scale: int | None
    tables: list[str]
    synonyms: list[str]
    code_set: str | None
    source: str


class MatchedFieldOut(Out):
    by: standard.MatchedBy
    field: StandardFieldOut


class ProposedCodeSetOut(Out):
    """A national code set that may be published as it is."""

    id: str
    name: str
    standard: str
    source: str
    codes: list[CodeIn]
    fields: list[str]


def routes(db: Db, keeper: Keeper) -> APIRouter:  # noqa: C901  a list of routes, each thin
    router = APIRouter()

    @router.get("/entry-schema", tags=["目录条目"], summary="目录条目的 JSON Schema")
    async def entry_schema() -> dict[str, Any]:
        found: dict[str, Any] = json.loads(schemas.ENTRY.read_text())
        return found

    @router.get("/entries", tags=["目录条目"], summary="目录条目列表")
    async def list_entries(caller: Authenticated, asked: Annotated[EntriesQuery, Query()]) -> list[EntryOut]:
        async with db.begin() as tx:
            found = await service.list_entries(
                tx, provider=asked.provider, text=asked.name, after=asked.after, limit=asked.limit, caller=caller
            )
        return [EntryOut.of(entry, keeper) for entry in found]

    @router.post("/entries", status_code=201, tags=["目录条目"], summary="编制条目")
    async def compile_entry(body: ContentIn, caller: Authenticated) -> EntryOut:
        async with db.begin() as tx:
            return EntryOut.of(await service.compile_entry(tx, body, caller, keeper), keeper)

    @router.get("/entries/{code}", tags=["目录条目"], summary="一个条目")
    async def entry(code: EntryCode, caller: Authenticated) -> EntryOut:
        async with db.begin() as tx:
            found = await service.entry(tx, code, caller)
            row = await service.data_of(tx, found.resource_version) if found.edition else None
        data = DataOut(batch=str(row.batch), rows=row.rows, committed_at=row.committed_at) if row else None
        return EntryOut.of(found, keeper, data)

    @router.get("/entries/{code}/history", tags=["目录条目"], summary="条目的版本和办理记录")
    async def history(code: EntryCode, caller: Authenticated) -> HistoryOut:
        async with db.begin() as tx:
            editions, steps = await service.history(tx, code, caller)
        return HistoryOut(
            editions=[EditionOut.of(edition) for edition in editions],
            steps=[StepOut.model_validate(step) for step in steps],
        )

    @router.put("/entries/{code}/draft", tags=["目录条目"], summary="修改草稿，或开始变更")
    async def compile_again(code: EntryCode, body: ChangeIn, caller: Authenticated) -> EntryOut:
        async with db.begin() as tx:
            changed = await service.compile_again(tx, code, body.content, body.revision, caller, keeper)
            return EntryOut.of(changed, keeper)

    @router.post("/entries/{code}/submission", tags=["目录条目"], summary="提交审核")
    async def submit(code: EntryCode, caller: Authenticated) -> EntryOut:
        async with db.begin() as tx:
            return EntryOut.of(await service.submit(tx, code, caller, keeper), keeper)

    @router.post("/entries/{code}/review", tags=["目录条目"], summary="审核")
    async def review(code: EntryCode, body: ReviewIn, caller: Authenticated) -> EntryOut:
        async with db.begin() as tx:
            done = await service.review(
                tx, code, approve=body.approve, opinion=body.opinion, caller=caller, keeper=keeper
            )
            return EntryOut.of(done, keeper)

    @router.post("/entries/{code}/publication", tags=["目录条目"], summary="发布")
    async def publish(code: EntryCode, caller: Authenticated) -> EntryOut:
        async with db.begin() as tx:
            return EntryOut.of(await service.publish(tx, code, caller, keeper), keeper)

    @router.post("/entries/{code}/withdrawal", tags=["目录条目"], summary="撤销")
    async def withdraw(code: EntryCode, body: ReasonIn, caller: Authenticated) -> EntryOut:
        async with db.begin() as tx:
            return EntryOut.of(await service.withdraw(tx, code, body.reason, caller, keeper), keeper)

    @router.get("/entries/{code}/services", tags=["服务"], summary="资源的服务")
    async def list_services(code: EntryCode, caller: Authenticated) -> list[ServiceOut]:
        async with db.begin() as tx:
            return [ServiceOut.of(found) for found in await service.list_services(tx, code, caller)]

    @router.post("/services", status_code=201, tags=["服务"], summary="登记服务")
    async def register_service(body: ServiceIn, caller: Authenticated) -> ServiceOut:
        async with db.begin() as tx:
            made = await service.register_service(tx, body.code, body.entry, body.content, caller, keeper)
            return ServiceOut.of(made)

    @router.get("/services/{code}", tags=["服务"], summary="一个服务")
    async def one_service(code: ServiceCode, caller: Authenticated) -> ServiceOut:
        async with db.begin() as tx:
            return ServiceOut.of(await service.service(tx, code, caller))

    @router.get("/services/{code}/description", response_class=HTMLResponse, tags=["服务"], summary="接口说明（网页）")
    async def described(code: ServiceCode, caller: Authenticated) -> Response:
        async with db.begin() as tx:
            found = await service.described(tx, code, caller)
        page = pages.html(description.title(found), description.document(found))
        return HTMLResponse(page, headers={"Content-Security-Policy": pages.CONTENT_SECURITY_POLICY})

    @router.get(
        "/services/{code}/description.md",
        response_class=PlainTextResponse,
        tags=["服务"],
        summary="接口说明（Markdown）",
    )
    async def described_as_text(code: ServiceCode, caller: Authenticated) -> Response:
        async with db.begin() as tx:
            found = await service.described(tx, code, caller)
        return PlainTextResponse(pages.markdown(description.document(found)), media_type="text/markdown")

    @router.put("/services/{code}/state", tags=["服务"], summary="启用、停用或撤销服务")
    async def move_service(code: ServiceCode, body: ServiceStateIn, caller: Authenticated) -> ServiceOut:
        async with db.begin() as tx:
            return ServiceOut.of(await service.move_service(tx, code, body.state, body.reason, caller, keeper))

    @router.get("/code-sets", tags=["代码集"], summary="代码集")
    async def code_sets(_caller: Authenticated) -> list[CodeSetOut]:
        async with db.begin() as tx:
            return [CodeSetOut.model_validate(row) for row in await service.code_sets(tx)]

    @router.post("/code-sets", status_code=201, tags=["代码集"], summary="发布代码集的新版本")
    async def publish_code_set(body: CodeSetIn, caller: Authenticated) -> CodeSetOut:
        codes = [CodeName(code=found.code, name=found.name) for found in body.codes]
        async with db.begin() as tx:
            row = await service.publish_code_set(tx, body.id, body.name, body.source, codes, caller, keeper)
            return CodeSetOut.model_validate(row)

    return router


def standards() -> APIRouter:
    """The naming standard and the national code sets, offered to the compiler (REQ-A7)."""
    router = APIRouter()

    @router.get("/code-sets/proposals", tags=["代码集"], summary="可发布的国家标准代码集")
    async def proposals(_caller: Authenticated) -> list[ProposedCodeSetOut]:
        return [
            ProposedCodeSetOut(
                id=one.id,
                name=one.name,
                standard=one.standard,
                source=one.source,
                codes=[CodeIn(code=code, name=name) for code, name in one.codes],
                fields=list(one.fields),
            )
            for one in national.code_sets()
        ]

    @router.get("/standard-fields", tags=["标准字段"], summary="附件3第三章的标准字段")
    async def standard_fields(_caller: Authenticated) -> list[StandardFieldOut]:
        return [StandardFieldOut.model_validate(field) for field in standard.fields()]

    @router.get("/standard-fields/match", tags=["标准字段"], summary="名称或代码对应的标准字段")
    async def matched_field(
        _caller: Authenticated, title: Annotated[str, Query(min_length=1, max_length=100, pattern=TEXT)]
    ) -> MatchedFieldOut | None:
        return MatchedFieldOut.model_validate(found) if (found := standard.match(title)) else None

    return router
