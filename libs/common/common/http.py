"""The HTTP edge of the control-plane services: problem+json for refusals, a trace for requests, bounded bodies.

Error form: RFC 9457 `application/problem+json` with our stable `code` beside it. Texts are for people, in Chinese; a
value that came in is never repeated.
"""

import time
from typing import Annotated, Any, Final

import orjson
from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi_offline import FastAPIOffline
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from pydantic import BaseModel, ConfigDict, model_validator
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common import db, log, trace
from common.auth import LEASE, Verifier
from common.errors import Forbidden, Refusal, Unauthenticated, Unwell
from common.health import Health
from common.roles import Caller, Role

MAX_BODY: Final = 1024 * 1024
"""Bytes of a request body at most; files go to the object store, not through a service."""
_PROBLEM: Final = "application/problem+json"
_LONGEST_LENGTH: Final = 12
"""Digits of a content length that are looked at."""
_MOST_PLACES: Final = 100
_LONGEST_PLACE: Final = 200
# What of an error's context comes from the declaration; all else (`tag`, `error`) may repeat what came in.
_LIMITS: Final = frozenset(
    {
        *("ge", "gt", "le", "lt", "multiple_of", "min_length", "max_length", "actual_length", "field_type"),
        *("pattern", "expected", "expected_tags", "discriminator", "max_digits", "decimal_places", "whole_digits"),
    }
)
_log = log.get(__name__)
_bearer = HTTPBearer(auto_error=False, description="登记服务 registry 签发的令牌")


def problem(status: int, code: str, message: str, **more: Any) -> Response:
    body = {
        "type": f"urn:shuqiao:problem:{code}",
        "title": message,
        "status": status,
        "code": code,
        "trace_id": trace.current().trace_id,
        **more,
    }
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    return Response(orjson.dumps(body, default=str), status, headers, _PROBLEM)


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return problem(error.status, error.code, error.message, **({"details": error.details} if error.details else {}))


def also_refused(app: FastAPI, kind: type[Exception], status: int = 409) -> None:
    """Answer errors of a pure library as refusals: they carry `code` and `message` as ours do."""

    async def answer(_request: Request, error: Exception) -> Response:
        return problem(status, str(getattr(error, "code", "refused")), str(getattr(error, "message", "")))

    app.add_exception_handler(kind, answer)


async def _malformed(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    places = [
        # A place may be a name that came in: of any length.
        {"at": ".".join(map(str, e["loc"]))[:_LONGEST_PLACE], "rule": e["type"], "message": _rule_text(e)}
        for e in error.errors()[:_MOST_PLACES]
    ]
    return problem(422, "malformed", "请求内容不符合接口要求，见 errors", errors=places)


def _rule_text(error: Any) -> str:
    """What a field broke, from the rule and its limits alone: pydantic's own texts may repeat the value."""
    context = {k: v for k, v in (error.get("ctx") or {}).items() if k in _LIMITS}
    limits = "，".join(f"{k}={v}" for k, v in context.items())
    known = {"missing": "缺少必填项", "extra_forbidden": "不允许的字段"}
    return known.get(error["type"], f"不符合规则 {error['type']}" + (f"（{limits}）" if limits else ""))


async def _by_starlette(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if isinstance(error, _BodyTooLargeError):
        return _too_large()
    texts = {404: "没有这个地址", 405: "此地址不支持该方法", 401: "需要登录", 415: "不支持的内容类型"}
    answer = problem(error.status_code, f"http-{error.status_code}", texts.get(error.status_code, "请求无法处理"))
    answer.headers.update(error.headers or {})
    return answer


def _too_large() -> Response:
    return problem(413, "too-large", f"请求体超过 {MAX_BODY} 字节")


def _broken(error: Exception) -> Response:
    if isinstance(error, Unwell) or db.is_unwell(error):
        _log.warning("http.unwell", error=type(error).__name__)
        return problem(503, "unwell", "平台暂不可用，请稍后重试")
    _log.error("http.broken", error=type(error).__name__, exc_info=error)
    return problem(500, "broken", "平台内部错误，请将 trace_id 告知管理员")


class Edge:
    """Around every request: trace, bounded body, metrics, one line in the log; and the last net under every error."""

    def __init__(self, app: ASGIApp, service: str, metrics: CollectorRegistry) -> None:
        self._app = app
        self._count = Counter(
            "http_requests", "Requests by route and status", ["service", "method", "route", "status"], registry=metrics
        )
        self._seconds = Histogram(
            "http_request_seconds", "Duration of requests in seconds", ["service", "route"], registry=metrics
        )
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        headers = dict(scope["headers"])
        current, token = trace.enter(headers.get(b"traceparent", b"").decode("latin-1"))
        status, started = 500, False

        async def traced_send(message: Message) -> None:
            nonlocal status, started
            if message["type"] == "http.response.start":
                started = True
                status = message["status"]
                message["headers"] = [
                    *message.get("headers", ()),
                    (b"x-trace-id", current.trace_id.encode()),
                    (b"x-content-type-options", b"nosniff"),
                    (b"cache-control", b"no-store"),
                ]
            await send(message)

        try:
            length = headers.get(b"content-length", b"0")
            if not length.isdigit() or len(length) > _LONGEST_LENGTH or int(length) > MAX_BODY:
                await _too_large()(scope, receive, traced_send)
            else:
                await self._app(scope, _bounded(receive), traced_send)
        except _BodyTooLargeError:
            if started:
                raise
            await _too_large()(scope, receive, traced_send)
        except Exception as error:
            # Answered here, once; further out it would be raised again and logged with every frame of the frameworks.
            if started:
                raise
            await _broken(error)(scope, receive, traced_send)
        finally:
            route = getattr(scope.get("route"), "path", "-")
            seconds = time.perf_counter() - began
            if not route.startswith("/health"):
                self._count.labels(self._service, scope["method"], route, str(status)).inc()
                self._seconds.labels(self._service, route).observe(seconds)
                _log.info(
                    "http.answered", method=scope["method"], route=route, status=status, ms=round(seconds * 1000, 1)
                )
            trace.leave(token)


class _BodyTooLargeError(HTTPException):
    """Of a kind that the framework passes on: any other error while a body is read it answers itself, with 400."""

    def __init__(self) -> None:
        super().__init__(413)


def _bounded(receive: Receive) -> Receive:
    """The body as it comes, up to the limit: a chunked body names no length beforehand."""
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        if message["type"] == "http.request":
            seen += len(message.get("body", b""))
            if seen > MAX_BODY:
                raise _BodyTooLargeError
        return message

    return counted


class In(BaseModel):
    """What comes in: unknown fields are refused, so that nothing can be set that is not named."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _text_is_unicode(cls, given: Any) -> Any:
        # JSON's escapes can write half a character; nothing that takes text (a hash, a database) takes that.
        if not _encodable(given):
            raise ValueError("text that is no Unicode")
        return given


def _encodable(given: Any) -> bool:
    """Whether every text in what JSON gave is Unicode; however deeply it is nested."""
    open_ends = [given]
    while open_ends:
        match open_ends.pop():
            case str(text):
                try:
                    text.encode()
                except UnicodeEncodeError:
                    return False
            case dict(members):
                open_ends += [*members, *members.values()]
            case list(members):
                open_ends += members
    return True


class Out(BaseModel):
    """What goes out: every field is always there."""

    model_config = ConfigDict(from_attributes=True)


async def caller_of(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Caller:
    """The person's account that the request's token names; a refusal with status 401 without one."""
    caller = await _named(request, credentials)
    if caller.may(Role.SERVICE):
        # A service is let in where it is named; what every account may see is not its affair.
        raise Forbidden("平台服务的令牌不能用于此接口")
    return caller


async def service_of(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Caller:
    """The service of the exchange that the request's token names, which may have ended less than a lease ago."""
    caller = await _named(request, credentials, late=LEASE)
    caller.need(Role.SERVICE)
    return caller


async def sender_of(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Caller:
    """The service of the exchange that the request's token names, which is good now: what it asks for has an effect."""
    caller = await _named(request, credentials)
    caller.need(Role.SERVICE)
    return caller


async def _named(request: Request, credentials: HTTPAuthorizationCredentials | None, late: int = 0) -> Caller:
    if credentials is None:
        raise Unauthenticated("需要登录：请先向登记服务取得令牌")
    verifier: Verifier = request.app.state.verifier
    return await verifier.caller(credentials.credentials, late=late)


Authenticated = Annotated[Caller, Depends(caller_of)]
EffectOfService = Annotated[Caller, Depends(sender_of)]
"""For what one service has another do."""
FromService = Annotated[Caller, Depends(service_of)]
"""For `GET /changes` alone: no other route hears a token that has ended, and nobody but services is let in."""


def application(
    service: str,
    *,
    title: str,
    description: str,
    verifier: Verifier,
    health: Health,
    metrics: CollectorRegistry,
    lifespan: Any,
) -> FastAPI:
    """A FastAPI application with our edge and error form, health, metrics, and API pages that need no network."""
    app = FastAPIOffline(
        "/docs",
        None,
        title=title,
        description=description,
        version="1",
        lifespan=lifespan,
        # 422 of a malformed request is problem+json, not FastAPI's own form.
        responses={422: {"description": "不符合要求", "content": {_PROBLEM: {}}}},
    )
    app.state.verifier = verifier
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _by_starlette)
    app.add_middleware(Edge, service=service, metrics=metrics)

    @app.get("/health/live", include_in_schema=False)
    async def live() -> dict[str, str]:
        return {"status": "live"}

    @app.get("/health/ready", include_in_schema=False)
    async def ready() -> Response:
        report = await health.report()
        body = {"ready": report.ready, "needed": report.needed, "degraded": report.degraded}
        return Response(orjson.dumps(body), 200 if report.ready else 503, media_type="application/json")

    @app.get("/metrics", include_in_schema=False)
    async def measured() -> Response:
        return Response(generate_latest(metrics), media_type="text/plain; version=0.0.4")

    return app
