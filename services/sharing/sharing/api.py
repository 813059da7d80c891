"""Sharing over HTTP: parse, one call, reply."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AfterValidator, AwareDatetime, Field, computed_field

from common.db import Db
from common.events import Basis, GrantedItem, GrantState, UseMode
from common.events.parts import EntryCode, ItemCode, ServiceCode
from common.http import Authenticated, In, Out
from policy import DecisionBasis, Statement
from sharing import service
from sharing.domain.applications import MAX_ITEMS, MAX_SERVICES, Application, Request, State, says
from sharing.domain.grants import EARLIEST, LATEST, Grant, Terms
from sharing.service import Desk

Name = Annotated[str, Field(pattern=r"^(CNZYSQ[0-9]{6,7}|[0-9a-f-]{36})$", description="编号，提交前用标识")]
TEXT = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
"""No control characters but tab and line breaks: the database holds no NUL, and logs and screens none of the rest."""
Why = Annotated[str | None, Field(max_length=2000, pattern=TEXT)]


def _said(text: str) -> str:
    if not says(text):
        raise ValueError("nothing to see in it")
    return text


class ApplicationIn(In):
    """The fields of 《长宁区公共数据共享申请审核表》 (Annex 2)."""

    entry: EntryCode
    services: Annotated[list[ServiceCode], Field(min_length=1, max_length=MAX_SERVICES)]
    items: Annotated[list[ItemCode], Field(min_length=1, max_length=MAX_ITEMS)]
    use_mode: UseMode
    using_system: Annotated[str | None, Field(max_length=100, pattern=TEXT)] = None
    reason: Annotated[str, Field(min_length=2, max_length=2000, pattern=TEXT), AfterValidator(_said)]
    contact: Annotated[
        str, Field(min_length=2, max_length=100, pattern=TEXT, description="联络方式"), AfterValidator(_said)
    ]
    commitment: bool = Field(description="安全保密承诺")


class ApplicationsQuery(In):
    state: State | None = None
    before: Annotated[AwareDatetime | None, Field(ge=EARLIEST, lt=LATEST)] = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class GrantsQuery(In):
    limit: Annotated[int, Field(ge=1, le=1000)] = 100


class OpinionIn(In):
    agree: bool
    reason: Why = None
    legal_basis: Why = None


class PapersIn(In):
    papers: Annotated[list[Statement], Field(min_length=1, max_length=10)]


class DecisionIn(In):
    approve: bool
    terms: Terms = Terms()
    reason: Why = None
    legal_basis: Why = None


class MoveIn(In):
    state: GrantState
    reason: Annotated[str | None, Field(max_length=500, pattern=TEXT)] = None


class OpinionOut(Out):
    unit: str
    by: str
    at: datetime
    agree: bool
    reason: str | None
    legal_basis: str | None


class BasisOut(Out, Basis):
    """The rule of a decision, with its place as people cite it."""

    @computed_field(description="文号和条款，如：长府规〔2021〕2号第十七条第一款")  # type: ignore[prop-decorator]
    @property
    def citation(self) -> str:
        return DecisionBasis.of(self.model_dump(exclude={"citation"})).citation


class DecisionOut(Out):
    approved: bool
    by: str
    at: datetime
    reason: str | None
    legal_basis: str | None
    basis: BasisOut


class RequestOut(Out):
    entry: str
    services: list[str]
    items: list[str]
    use_mode: UseMode
    using_system: str | None
    reason: str
    contact: str
    commitment: bool


class ApplicationOut(Out):
    id: UUID
    number: str | None
    unit: str
    applicant: str
    provider: str
    request: RequestOut
    state: State
    sharing_type: str | None
    submitted_at: datetime | None
    due_on: date | None
    due_open: str | None
    due_source: str | None
    basis: BasisOut | None
    opinions: list[OpinionOut]
    papers: list[Statement]
    decision: DecisionOut | None
    term_notice: str | None

    @classmethod
    def of(cls, found: Application, desk: Desk) -> "ApplicationOut":
        return cls(
            id=found.id,
            number=found.number,
            unit=found.unit,
            applicant=found.applicant,
            provider=found.provider,
            request=RequestOut.model_validate(found.request),
            state=found.state,
            sharing_type=found.sharing_type,
            submitted_at=found.submitted_at,
            due_on=found.due_on,
            due_open=found.due_open,
            due_source=found.due_source,
            basis=BasisOut.model_validate(found.basis) if found.basis else None,
            opinions=[OpinionOut.model_validate(opinion) for opinion in found.opinions],
            papers=sorted(found.papers),
            decision=DecisionOut.model_validate(found.decision) if found.decision else None,
            term_notice=desk.book.at(desk.clock()).notice_zh,
        )


class KeyOut(Out):
    id: str
    issued_at: datetime


class GrantOut(Out):
    id: UUID
    unit: str
    service: str
    entry: str
    application: str
    basis: BasisOut
    items: list[GrantedItem]
    terms: Terms
    valid_from: datetime
    state: GrantState
    keys: list[KeyOut]
    version: int
    changed_at: AwareDatetime
    changed_by: str
    reason: str | None

    @classmethod
    def of(cls, grant: Grant) -> "GrantOut":
        return cls.model_validate(grant)


class NewKeyOut(Out):
    id: str
    methodKey: str  # noqa: N815  the annex's name of the parameter


def routes(db: Db, desk: Desk) -> APIRouter:  # noqa: C901  a list of routes, each thin
    router = APIRouter()

    @router.get("/applications", tags=["申请"], summary="本单位提出的和收到的申请")
    async def list_applications(
        caller: Authenticated, asked: Annotated[ApplicationsQuery, Query()]
    ) -> list[ApplicationOut]:
        async with db.begin() as tx:
            found = await service.list_applications(
                tx, state=asked.state, limit=asked.limit, before=asked.before, caller=caller
            )
        return [ApplicationOut.of(held, desk) for held in found]

    @router.post("/applications", status_code=201, tags=["申请"], summary="起草申请（提交前没有编号）")
    async def draft(body: ApplicationIn, caller: Authenticated) -> ApplicationOut:
        asked = Request(
            entry=body.entry,
            services=tuple(body.services),
            items=tuple(body.items),
            use_mode=body.use_mode,
            using_system=body.using_system,
            reason=body.reason,
            contact=body.contact,
            commitment=body.commitment,
        )
        async with db.begin() as tx:
            return ApplicationOut.of(await service.draft(tx, asked, caller, desk), desk)

    @router.get("/applications/{name}", tags=["申请"], summary="一个申请")
    async def application(name: Name, caller: Authenticated) -> ApplicationOut:
        async with db.begin() as tx:
            return ApplicationOut.of(await service.application(tx, name, caller), desk)

    @router.post("/applications/{name}/submission", tags=["申请"], summary="提交申请")
    async def submit(name: Name, caller: Authenticated) -> ApplicationOut:
        async with db.begin() as tx:
            return ApplicationOut.of(await service.submit(tx, name, caller, desk), desk)

    @router.post("/applications/{name}/withdrawal", tags=["申请"], summary="撤回申请")
    async def withdraw(name: Name, caller: Authenticated) -> ApplicationOut:
        async with db.begin() as tx:
            return ApplicationOut.of(await service.withdraw(tx, name, caller, desk), desk)

    @router.post("/applications/{name}/opinions", tags=["审核"], summary="提供单位的意见")
    async def opinion(name: Name, body: OpinionIn, caller: Authenticated) -> ApplicationOut:
        async with db.begin() as tx:
            done = await service.give_opinion(
                tx,
                name,
                agree=body.agree,
                reason=body.reason,
                legal_basis=body.legal_basis,
                caller=caller,
                desk=desk,
            )
            return ApplicationOut.of(done, desk)

    @router.post("/applications/{name}/papers", tags=["审核"], summary="登记备齐的书面材料")
    async def papers(name: Name, body: PapersIn, caller: Authenticated) -> ApplicationOut:
        async with db.begin() as tx:
            done = await service.file_papers(tx, name, frozenset(body.papers), caller, desk)
            return ApplicationOut.of(done, desk)

    @router.post("/applications/{name}/decision", tags=["审核"], summary="审核决定：授权或不同意")
    async def decide(name: Name, body: DecisionIn, caller: Authenticated) -> ApplicationOut:
        async with db.begin() as tx:
            if body.approve:
                return ApplicationOut.of(await service.approve(tx, name, body.terms, body.reason, caller, desk), desk)
            done = await service.refuse(
                tx, name, reason=body.reason, legal_basis=body.legal_basis, caller=caller, desk=desk
            )
            return ApplicationOut.of(done, desk)

    @router.get("/grants", tags=["授权"], summary="本单位的授权")
    async def list_grants(caller: Authenticated, asked: Annotated[GrantsQuery, Query()]) -> list[GrantOut]:
        async with db.begin() as tx:
            return [GrantOut.of(grant) for grant in await service.list_grants(tx, limit=asked.limit, caller=caller)]

    @router.get("/grants/{grant}", tags=["授权"], summary="一个授权")
    async def one_grant(grant: UUID, caller: Authenticated) -> GrantOut:
        async with db.begin() as tx:
            return GrantOut.of(await service.grant(tx, grant, caller))

    @router.put("/grants/{grant}/state", tags=["授权"], summary="暂停、恢复、撤销或放弃授权")
    async def move_grant(grant: UUID, body: MoveIn, caller: Authenticated) -> GrantOut:
        async with db.begin() as tx:
            return GrantOut.of(await service.move_grant(tx, grant, body.state, body.reason, caller, desk))

    @router.post("/grants/{grant}/keys", status_code=201, tags=["授权"], summary="领取 methodKey（只显示这一次）")
    async def issue_key(grant: UUID, caller: Authenticated) -> NewKeyOut:
        async with db.begin() as tx:
            key, clear = await service.issue_key(tx, grant, caller, desk)
        return NewKeyOut(id=key.id, methodKey=clear)

    @router.delete("/grants/{grant}/keys/{key}", tags=["授权"], summary="撤销 methodKey")
    async def revoke_key(grant: UUID, key: str, caller: Authenticated) -> GrantOut:
        async with db.begin() as tx:
            return GrantOut.of(await service.revoke_key(tx, grant, key, caller, desk))

    return router
