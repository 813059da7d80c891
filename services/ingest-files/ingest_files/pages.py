"""The browser form: log in, choose an entry and a file, see how far it is and what was found; also by keyboard alone.

Pages are written here; one script of our own and one style, nothing from elsewhere, no inline code (strict CSP). The
session is a cookie that scripts cannot read and other sites cannot send; whatever changes something carries its token.
"""

import hmac
from dataclasses import dataclass
from importlib import resources
from typing import Final
from urllib.parse import parse_qs
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from common.errors import Forbidden, Refusal, Unauthenticated
from common.roles import Caller
from ingest_files import service
from ingest_files.api import BegunOut, UploadIn, UploadOut
from ingest_files.domain import markup
from ingest_files.domain.markup import Choice
from ingest_files.reporting import finding_of
from ingest_files.service import MAX_BYTES, Desk
from ingest_files.sessions import Sessions, csrf

COOKIE: Final = "shuqiao_session"
FINDINGS: Final = 1000
RECENT: Final = 20
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1", "[::1]"})
_OWN: Final = frozenset({"same-origin", "none"})
_TYPES: Final = {
    "upload.js": "text/javascript; charset=utf-8",
    "style.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Person:
    """Who sits at the browser, and the token that their forms carry."""

    caller: Caller
    token: str


@dataclass(frozen=True, slots=True)
class Door:
    """Knows who sits there, and sends pages with what a browser is to hold to."""

    sessions: Sessions
    headers: dict[str, str]

    def page(self, html: str, status: int = 200) -> HTMLResponse:
        return HTMLResponse(html, status, self.headers)

    async def person(self, request: Request) -> Person:
        """Raises Unauthenticated, Unwell."""
        secret = request.cookies.get(COOKIE)
        return Person(await self.sessions.caller(secret), csrf(secret or ""))

    async def changing(self, request: Request, token: str) -> Person:
        """Who asks for an effect, if it was this page that asked. Raises Forbidden, Unauthenticated, Unwell."""
        _check_origin(request)
        found = await self.person(request)
        if not hmac.compare_digest(token.encode(), found.token.encode()):
            raise Forbidden("页面已过期，请刷新后重试")
        return found


def routes(desk: Desk, sessions: Sessions, store_origin: str) -> APIRouter:
    """`store_origin` is where browsers reach the object store."""
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        f"connect-src 'self' {store_origin.rstrip('/')}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    door = Door(sessions, {"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer"})
    router = APIRouter(include_in_schema=False, prefix="/pages")
    router.include_router(_coming_and_going(door))
    router.include_router(_uploads(desk, door))

    async def form(request: Request) -> Response:
        try:
            who = await door.person(request)
        except Unauthenticated:
            return door.page(markup.login())
        async with desk.db.begin() as tx:
            choices = [
                Choice(code, name, allowed.ways) for code, name, allowed in await service.published(tx, who.caller)
            ]
            recent = await service.list_uploads(tx, None, RECENT, who.caller)
        return door.page(markup.upload(who.caller.account, who.token, choices, recent, MAX_BYTES))

    router.add_api_route("", form, methods=["GET"])
    return router


def _coming_and_going(door: Door) -> APIRouter:
    router = APIRouter()

    @router.get("/upload.js")
    async def script() -> Response:
        return _asset("upload.js", door)

    @router.get("/style.css")
    async def style() -> Response:
        return _asset("style.css", door)

    @router.get("/icon.svg")
    async def icon() -> Response:
        return _asset("icon.svg", door)

    @router.post("/login")
    async def log_in(request: Request) -> Response:
        _check_origin(request)
        given = await _form(request)
        try:
            secret = await door.sessions.log_in(given.get("account", ""), given.get("password", ""))
        except Refusal as refused:
            return door.page(markup.login(refused.message), 401)
        made = RedirectResponse("/pages", 303, door.headers)
        made.set_cookie(COOKIE, secret, path="/pages", httponly=True, samesite="strict", secure=_secure(request))
        return made

    @router.post("/logout")
    async def log_out(request: Request) -> Response:
        await door.changing(request, (await _form(request)).get("csrf", ""))
        await door.sessions.log_out(request.cookies[COOKIE])
        made = RedirectResponse("/pages", 303, door.headers)
        made.delete_cookie(COOKIE, path="/pages")
        return made

    return router


def _uploads(desk: Desk, door: Door) -> APIRouter:
    router = APIRouter(prefix="/uploads")

    @router.post("", status_code=201)
    async def begin(request: Request, body: UploadIn) -> BegunOut:
        who = await door.changing(request, request.headers.get("x-csrf-token", ""))
        async with desk.db.begin() as tx:
            upload, posting = await service.begin(
                tx, body.entry, body.name, body.size, who.caller, desk, body.way, body.mark
            )
        return BegunOut(upload=UploadOut.of(upload), url=posting.url, fields=posting.fields)

    @router.post("/{upload}/completion", status_code=202)
    async def complete(request: Request, upload: UUID) -> UploadOut:
        who = await door.changing(request, request.headers.get("x-csrf-token", ""))
        return UploadOut.of(await service.complete(upload, who.caller, desk))

    @router.get("/{upload}")
    async def result(request: Request, upload: UUID) -> Response:
        try:
            who = await door.person(request)
        except Unauthenticated:
            return door.page(markup.login())
        async with desk.db.begin() as tx:
            found = await service.upload(tx, upload, who.caller)
            rows = await service.findings(tx, upload, 0, FINDINGS, who.caller)
            names = await service.item_names(tx, found.entry)
        findings = [finding_of(row) for row in rows]
        return door.page(markup.result(who.caller.account, who.token, found, findings, names))

    return router


def _asset(name: str, door: Door) -> Response:
    data = resources.files("ingest_files").joinpath("web", name).read_bytes()
    return Response(data, headers={**door.headers, "Content-Type": _TYPES[name]})


def _check_origin(request: Request) -> None:
    """Raises Forbidden if a browser says that another site asks."""
    if request.headers.get("sec-fetch-site", "none") not in _OWN:
        raise Forbidden("请求来自其他网站")


async def _form(request: Request) -> dict[str, str]:
    given = parse_qs((await request.body()).decode(errors="replace"), keep_blank_values=True, max_num_fields=20)
    return {name: values[0] for name, values in given.items()}


def _secure(request: Request) -> bool:
    """Sent over TLS alone, but for a machine that speaks with itself."""
    return request.url.scheme == "https" or request.url.hostname not in _LOOPBACK
