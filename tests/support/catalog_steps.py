"""The steps of the catalogue over HTTP, each by the person whose step it is."""

from dataclasses import dataclass
from typing import Any

from common.roles import Role
from tests.support.catalog_values import entry_body, service_body
from tests.support.running import Caller, Running

JSON = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Unit:
    """The people of one unit who keep its catalogue."""

    running: Running
    code: str = "mzj"

    @property
    def compiler(self) -> Caller:
        return self.running.as_(f"{self.code}.bianzhi", self.code, Role.COMPILER)

    @property
    def reviewer(self) -> Caller:
        return self.running.as_(f"{self.code}.shenhe", self.code, Role.REVIEWER)

    @property
    def publisher(self) -> Caller:
        return self.running.as_(f"{self.code}.fabu", self.code, Role.PUBLISHER)

    @property
    def platform(self) -> Caller:
        return self.running.as_("dsjzx.shenhe", "dsjzx", Role.PLATFORM_REVIEWER)

    async def draft(self, **content: Any) -> str:
        return (await _done(self.compiler, "POST", "/entries", entry_body(**content)))["code"]

    async def change(self, code: str, **content: Any) -> JSON:
        """Begin a change of an entry, or write its draft anew."""
        held = await _done(self.compiler, "GET", f"/entries/{code}")
        body = {"revision": held["revision"], "content": entry_body(**content)}
        return await _done(self.compiler, "PUT", f"/entries/{code}/draft", body)

    async def submit(self, code: str) -> JSON:
        return await _done(self.compiler, "POST", f"/entries/{code}/submission")

    async def approve(self, code: str, by: Caller | None = None) -> JSON:
        return await _done(by or self.reviewer, "POST", f"/entries/{code}/review", {"approve": True})

    async def publish(self, code: str) -> JSON:
        return await _done(self.publisher, "POST", f"/entries/{code}/publication")

    async def under_review(self, **content: Any) -> str:
        code = await self.draft(**content)
        await self.submit(code)
        return code

    async def approved(self, **content: Any) -> str:
        code = await self.under_review(**content)
        await self.approve(code)
        return code

    async def published(self, **content: Any) -> str:
        code = await self.approved(**content)
        await self.publish(code)
        return code

    async def published_again(self, code: str, **content: Any) -> JSON:
        await self.change(code, **content)
        await self.submit(code)
        await self.approve(code)
        return await self.publish(code)

    async def registered(self, entry: str, service: str, **content: Any) -> JSON:
        body = {"code": service, "entry": entry, "content": service_body(**content)}
        return await _done(self.compiler, "POST", "/services", body)

    async def moved(self, service: str, state: str, reason: str | None = None) -> JSON:
        return await _done(self.publisher, "PUT", f"/services/{service}/state", {"state": state, "reason": reason})

    async def active(self, entry: str, service: str, **content: Any) -> JSON:
        await self.registered(entry, service, **content)
        return await self.moved(service, "active")


async def _done(caller: Caller, method: str, path: str, body: Any = None) -> JSON:
    answer = await caller.ask(method, path, body)
    assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
    return answer.json()
