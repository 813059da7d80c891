"""Over HTTP: what proves a unit's calls, and by which keys the gateway's answers are checked."""

from typing import Annotated, Any, Final

from fastapi import APIRouter
from pydantic import Field

from common.db import Db
from common.http import Authenticated, In
from registry.api import TEXT, Code, UnitOut
from registry.domain.proofs import MAX_PEM
from registry.service import Registrar, proving

Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{36,43}$")]
_TAG: Final = "调用方身份"


class SigningKeyIn(In):
    public: Annotated[
        str, Field(min_length=43, max_length=MAX_PEM, pattern=TEXT, description="PEM，或32字节的 base64url")
    ]


class CertificateIn(In):
    subject: Annotated[str | None, Field(max_length=500, examples=["CN=mzj-1,O=Example"])] = None
    fingerprint: Annotated[str | None, Field(max_length=95, description="SHA-256，十六进制")] = None


def routes(db: Db, reg: Registrar, answer_keys: list[dict[str, Any]]) -> APIRouter:
    router = APIRouter()

    @router.post("/units/{code}/signing-keys", status_code=201, tags=[_TAG], summary="登记签名公钥（Ed25519）")
    async def register(code: Code, body: SigningKeyIn, caller: Authenticated) -> UnitOut:
        async with db.begin() as tx:
            return UnitOut.of(await proving.register_signing_key(tx, code, body.public, caller, reg))

    @router.delete("/units/{code}/signing-keys/{key}", tags=[_TAG], summary="撤销签名公钥，不能再次登记")
    async def withdraw(code: Code, key: Id, caller: Authenticated) -> UnitOut:
        async with db.begin() as tx:
            return UnitOut.of(await proving.withdraw_signing_key(tx, code, key, caller, reg))

    @router.post("/units/{code}/certificates", status_code=201, tags=[_TAG], summary="绑定客户端证书")
    async def bind(code: Code, body: CertificateIn, caller: Authenticated) -> UnitOut:
        async with db.begin() as tx:
            return UnitOut.of(await proving.bind_certificate(tx, code, body.subject, body.fingerprint, caller, reg))

    @router.delete("/units/{code}/certificates/{certificate}", tags=[_TAG], summary="解除客户端证书的绑定")
    async def release(code: Code, certificate: Id, caller: Authenticated) -> UnitOut:
        async with db.begin() as tx:
            return UnitOut.of(await proving.release_certificate(tx, code, certificate, caller, reg))

    @router.get("/.well-known/answer-keys.json", tags=[_TAG], summary="核对网关应答签名的公钥（JWKS）")
    async def keys() -> dict[str, Any]:
        return {"keys": answer_keys}

    return router
