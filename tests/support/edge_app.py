"""A small application behind our edge: an address for each way of failing, and bodies to bend."""

from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import APIRouter, Body, FastAPI, Query
from prometheus_client import CollectorRegistry
from pydantic import Field
from starlette.responses import StreamingResponse

from common import http, trace
from common.auth import Verifier
from common.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated, Unwell
from common.health import Health
from common.http import In, Out

CANARY = "canary-310105199001010018"


class Cat(In):
    kind: Literal["cat"]


class Dog(In):
    kind: Literal["dog"]


class ThingIn(In):
    name: Annotated[str, Field(min_length=2, max_length=5, pattern="^[a-z]+$")]
    size: Annotated[int, Field(ge=1, le=9)] = 1
    state: Literal["on", "off"] = "on"
    by_name: Annotated[dict[str, int], Field(default_factory=dict)]
    pet: Annotated[Cat | Dog, Field(discriminator="kind")] | None = None


class ThingOut(Out):
    name: str
    note: str | None


class PolicyError(Exception):
    code = "no-such-rule"
    message = "没有这条规则"


def routes() -> APIRouter:
    router = APIRouter()
    failures: dict[str, Exception] = {
        "invalid": Invalid("不符合要求", place=3),
        "not-found": NotFound("没有"),
        "conflict": Conflict("已存在"),
        "forbidden": Forbidden("不可以"),
        "unauthenticated": Unauthenticated("需要登录"),
        "unwell": Unwell("registry"),
        "away": ConnectionRefusedError(CANARY),
        "late": TimeoutError(CANARY),
        "broken": RuntimeError(CANARY),
        "policy": PolicyError(),
    }

    @router.get("/fail/{how}")
    async def fail(how: str) -> None:
        raise failures[how]

    @router.post("/things")
    async def thing(given: ThingIn) -> ThingOut:
        return ThingOut(name=given.name, note=None)

    @router.post("/raw")
    async def raw(given: Annotated[bytes, Body()]) -> int:
        return len(given)

    @router.get("/pages")
    async def pages(size: Annotated[int, Query(ge=1, le=100)]) -> int:
        return size

    @router.get("/trace")
    async def traced() -> str:
        return trace.current().trace_id

    @router.get("/half")
    async def half() -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"first"
            raise RuntimeError(CANARY)

        return StreamingResponse(pieces())

    return router


def application(metrics: CollectorRegistry, health: Health) -> FastAPI:
    made = http.application(
        "probe",
        title="probe",
        description="probe",
        verifier=Verifier("http://127.0.0.1:9", "probe"),
        health=health,
        metrics=metrics,
        lifespan=None,
    )
    made.include_router(routes())
    http.also_refused(made, PolicyError)
    return made
