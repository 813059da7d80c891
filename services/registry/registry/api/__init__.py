"""The register over HTTP: parse, one call, reply."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Response
from joserfc import jwt
from joserfc.jwk import OKPKey
from pydantic import AfterValidator, Field, SecretStr

from common.auth import ALGORITHM, ISSUER, MAX_LIFETIME
from common.db import Db
from common.events import CertificateMark, ExchangeState, UnitState
from common.http import Authenticated, In, Out
from common.ids import uuid7
from common.roles import Caller, Role
from registry import errors, service
from registry.domain import Exchange, Unit, UnitKind
from registry.service import NewAccount, NewPerson, NewUnit, Registrar

AUDIENCES = ("registry", "catalog", "sharing", "ingest-files", "audit")
TEXT = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
"""No control characters but tab and line breaks: the database holds no NUL, and logs and screens none of the rest."""
UNSEEN = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})
"""Categories of characters that leave nothing to see: blanks, controls, zero width."""

Code = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,31}$", examples=["mzj"])]
AccountName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9._-]{2,39}$", examples=["mzj.bianzhi"])]


def _said(text: str) -> str:
    """As it is kept: in one Unicode form (NFC), so that a name is taken once, and with something in it to see."""
    if all(unicodedata.category(char) in UNSEEN for char in text):
        raise ValueError("nothing to see in it")
    return unicodedata.normalize("NFC", text)


Short = Annotated[str, Field(min_length=1, max_length=100, pattern=TEXT), AfterValidator(_said)]
Why = Annotated[str, Field(min_length=2, max_length=500, pattern=TEXT), AfterValidator(_said)]


class LoginIn(In):
    account: Annotated[str, Field(min_length=1, max_length=40, pattern=TEXT)]
    password: SecretStr = Field(min_length=1, max_length=200)


class SessionOut(Out):
    session: str
    expires_at: datetime
    account: str
    unit: str
    roles: list[str]


class SessionIn(In):
    session: SecretStr = Field(min_length=20, max_length=100)


class TokenIn(SessionIn):
    audience: Annotated[str, Field(pattern="^(" + "|".join(AUDIENCES) + ")$")]


class ServiceTokenIn(In):
    client: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,31}$")]
    secret: SecretStr = Field(min_length=20, max_length=100)
    audience: Annotated[str, Field(pattern="^(" + "|".join(AUDIENCES) + ")$")]


class TokenOut(Out):
    token: str
    expires_in: int


class UnitIn(In):
    code: Code
    name: Short
    kind: UnitKind
    body: Annotated[str | None, Field(pattern=r"^[a-z][a-z-]{1,39}$")] = None


class ContactsIn(In):
    leader: UUID | None
    dedicated: UUID | None


class MoveIn(In):
    state: UnitState
    reason: Why


class KeyOut(Out):
    id: UUID
    last: str
    issued_at: datetime
    issued_by: str


class NewKeyOut(Out):
    id: UUID
    unitKey: str  # noqa: N815  the annex's name of the parameter


class SigningKeyOut(Out):
    id: str
    public: str


class CertificateOut(Out):
    id: str
    mark: CertificateMark
    value: str


class UnitOut(Out):
    code: str
    name: str
    kind: UnitKind
    body: str | None
    state: UnitState
    leader: UUID | None
    dedicated: UUID | None
    missing: list[str]
    keys: list[KeyOut]
    signing_keys: list[SigningKeyOut]
    certificates: list[CertificateOut]
    version: int
    changed_at: datetime
    changed_by: str
    reason: str | None

    @classmethod
    def of(cls, unit: Unit) -> "UnitOut":
        return cls.model_validate(unit)


class ChangeOut(Out):
    version: int
    action: str
    changed_at: datetime
    changed_by: str
    reason: str | None


class PersonIn(In):
    name: Short
    post: Short
    phone: Annotated[str, Field(pattern=r"^[0-9+() -]{3,30}$")]


class PersonOut(Out):
    id: UUID
    name: str
    post: str
    phone: str


class AccountIn(In):
    name: AccountName
    person: UUID
    roles: frozenset[Role] = Field(min_length=1)
    password: SecretStr = Field(min_length=1, max_length=200)


class AccountChangeIn(In):
    roles: frozenset[Role]
    enabled: bool


class AccountOut(Out):
    name: str
    unit: str
    person: UUID
    roles: list[str]
    enabled: bool


class ExchangeIn(In):
    state: ExchangeState
    reason: Why


class ExchangeOut(Out):
    state: ExchangeState
    version: int
    changed_at: datetime
    changed_by: str
    reason: str | None

    @classmethod
    def of(cls, exchange: Exchange) -> "ExchangeOut":
        return cls.model_validate(exchange)


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs tokens; its public half is what everybody verifies them by."""

    key: OKPKey

    def token(self, caller: Caller, audience: str, at: datetime) -> str:
        issued = int(at.timestamp())
        claims = {
            "iss": ISSUER,
            "aud": audience,
            "sub": caller.account,
            "unit": caller.unit,
            "roles": sorted(caller.roles),
            "iat": issued,
            "exp": issued + MAX_LIFETIME,
            "jti": str(uuid7()),
        }
        return jwt.encode({"alg": ALGORITHM, "kid": self.key.kid}, claims, self.key, algorithms=[ALGORITHM])

    def public(self) -> dict[str, Any]:
        return {"keys": [{**self.key.as_dict(private=False), "kid": self.key.kid, "alg": ALGORITHM, "use": "sig"}]}


def routes(db: Db, reg: Registrar, signer: Signer) -> APIRouter:  # noqa: C901, PLR0915  a list of routes, each thin
    router = APIRouter()

    @router.post("/sessions", status_code=201, tags=["登录"], summary="登录")
    async def log_in(body: LoginIn) -> SessionOut:
        async with db.begin() as tx:
            found = await service.log_in(tx, body.account, body.password.get_secret_value(), reg)
        if found is None:
            raise errors.LoginRefused
        account, secret, until = found
        return SessionOut(
            session=secret, expires_at=until, account=account.name, unit=account.unit, roles=account.roles
        )

    @router.post("/sessions/end", status_code=204, tags=["登录"], summary="退出登录")
    async def log_out(body: SessionIn) -> Response:
        async with db.begin() as tx:
            await service.log_out(tx, body.session.get_secret_value())
        return Response(status_code=204)

    @router.post("/tokens", tags=["登录"], summary="以会话换取某一服务的令牌（10分钟有效）")
    async def token(body: TokenIn) -> TokenOut:
        async with db.begin() as tx:
            caller = await service.session_caller(tx, body.session.get_secret_value(), reg)
        return TokenOut(token=signer.token(caller, body.audience, reg.clock()), expires_in=MAX_LIFETIME)

    @router.post("/service-tokens", tags=["平台服务"], summary="平台服务以其凭据换取某一服务的令牌（10分钟有效）")
    async def service_token(body: ServiceTokenIn) -> TokenOut:
        caller = service.service_caller(body.client, body.secret.get_secret_value(), reg)
        return TokenOut(token=signer.token(caller, body.audience, reg.clock()), expires_in=MAX_LIFETIME)

    @router.get("/.well-known/jwks.json", tags=["登录"], summary="验证令牌的公钥")
    async def public_keys() -> dict[str, Any]:
        return signer.public()

    @router.get("/units", tags=["单位"], summary="单位名册")
    async def units(_caller: Authenticated) -> list[UnitOut]:
        async with db.begin() as tx:
            return [UnitOut.of(unit) for unit in await service.units(tx)]

    @router.post("/units", status_code=201, tags=["单位"], summary="登记单位")
    async def register(body: UnitIn, caller: Authenticated) -> UnitOut:
        new = NewUnit(code=body.code, name=body.name, kind=body.kind, body=body.body)
        async with db.begin() as tx:
            return UnitOut.of(await service.register_unit(tx, new, caller, reg))

    @router.get("/units/{code}", tags=["单位"], summary="一个单位")
    async def unit(code: Code, _caller: Authenticated) -> UnitOut:
        async with db.begin() as tx:
            return UnitOut.of(await service.unit(tx, code))

    @router.get("/units/{code}/changes", tags=["单位"], summary="单位登记的变更记录")
    async def changes(code: Code, caller: Authenticated) -> list[ChangeOut]:
        async with db.begin() as tx:
            return [ChangeOut.model_validate(row) for row in await service.changes(tx, code, caller)]

    @router.put("/units/{code}/contacts", tags=["单位"], summary="分管领导和专人备案")
    async def contacts(code: Code, body: ContactsIn, caller: Authenticated) -> UnitOut:
        async with db.begin() as tx:
            return UnitOut.of(await service.name_contacts(tx, code, body.leader, body.dedicated, caller, reg))

    @router.put("/units/{code}/state", tags=["单位"], summary="暂停、恢复或撤销单位")
    async def move(code: Code, body: MoveIn, caller: Authenticated) -> UnitOut:
        async with db.begin() as tx:
            return UnitOut.of(await service.move_unit(tx, code, body.state, body.reason, caller, reg))

    @router.post("/units/{code}/keys", status_code=201, tags=["单位密钥"], summary="发放单位密钥（只显示这一次）")
    async def issue(code: Code, caller: Authenticated) -> NewKeyOut:
        async with db.begin() as tx:
            key, clear = await service.issue_key(tx, code, caller, reg)
        return NewKeyOut(id=key.id, unitKey=clear)

    @router.delete("/units/{code}/keys/{key}", tags=["单位密钥"], summary="撤销单位密钥")
    async def revoke(code: Code, key: UUID, caller: Authenticated) -> UnitOut:
        async with db.begin() as tx:
            return UnitOut.of(await service.revoke_key(tx, code, key, caller, reg))

    @router.get("/units/{code}/people", tags=["人员与账号"], summary="本单位人员")
    async def people(code: Code, caller: Authenticated) -> list[PersonOut]:
        async with db.begin() as tx:
            return [PersonOut.model_validate(row) for row in await service.people(tx, code, caller)]

    @router.post("/units/{code}/people", status_code=201, tags=["人员与账号"], summary="登记人员")
    async def add_person(code: Code, body: PersonIn, caller: Authenticated) -> PersonOut:
        new = NewPerson(name=body.name, post=body.post, phone=body.phone)
        async with db.begin() as tx:
            return PersonOut.model_validate(await service.add_person(tx, code, new, caller, reg))

    @router.get("/units/{code}/accounts", tags=["人员与账号"], summary="本单位账号")
    async def accounts(code: Code, caller: Authenticated) -> list[AccountOut]:
        async with db.begin() as tx:
            return [AccountOut.model_validate(row) for row in await service.accounts(tx, code, caller)]

    @router.post("/units/{code}/accounts", status_code=201, tags=["人员与账号"], summary="开设账号")
    async def open_account(code: Code, body: AccountIn, caller: Authenticated) -> AccountOut:
        new = NewAccount(
            name=body.name, person=body.person, roles=body.roles, password=body.password.get_secret_value()
        )
        async with db.begin() as tx:
            return AccountOut.model_validate(await service.open_account(tx, code, new, caller, reg))

    @router.put("/units/{code}/accounts/{name}", tags=["人员与账号"], summary="变更账号的角色或停用账号")
    async def change_account(code: Code, name: AccountName, body: AccountChangeIn, caller: Authenticated) -> AccountOut:
        async with db.begin() as tx:
            row = await service.change_roles(tx, code, name, body.roles, body.enabled, caller, reg)
            return AccountOut.model_validate(row)

    @router.get("/exchange", tags=["应急"], summary="平台运行状态")
    async def exchange(_caller: Authenticated) -> ExchangeOut:
        async with db.begin() as tx:
            return ExchangeOut.of(await service.exchange(tx))

    @router.put("/exchange", tags=["应急"], summary="停止或恢复整个交换平台")
    async def move_exchange(body: ExchangeIn, caller: Authenticated) -> ExchangeOut:
        async with db.begin() as tx:
            return ExchangeOut.of(await service.move_exchange(tx, body.state, body.reason, caller, reg))

    return router
