"""Hands rows that a provider pushes to the ingest, which checks and loads them, and reads what it made of them."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Final, Protocol
from uuid import UUID

import httpx2
from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked

from common import trace
from gateway.domain.pushes import Finding, Push, Result
from gateway.errors import Code, Refused, Trouble, Unavailable

INGEST: Final = "ingest-files"
"""The ingest's name as an audience of tokens."""
WITHIN: Final = 20.0
"""Seconds that a push may take: well within the minute after which a call without an end counts as unknown."""
LINK_WITHIN: Final = 5.0
AT_ONCE: Final = 8
"""Pushes and links of a worker under way; beyond, 503 at once."""


class Token(Protocol):
    """What the ingest is shown."""

    async def get(self) -> str | None: ...

    def forget(self) -> None: ...


@checked(frozen=True)
class _Told:
    batch: UUID | None
    rows: int
    committed_at: datetime | None
    reason: str | None
    message: str | None
    count: int
    findings: list[Finding]


@checked(frozen=True)
class _Problem:
    code: str
    title: str


@checked(frozen=True)
class _Link:
    url: str


_link: Final = TypeAdapter(_Link)
_told: Final = TypeAdapter(_Told)
_problem: Final = TypeAdapter(_Problem)
_REFUSED: Final = {
    "unit-not-active": Code.GRANT,
    "not-the-provider": Code.GRANT,
    "entry-unknown": Code.STOPPED,
}
"""What the ingest knows sooner than this worker."""


@dataclass(slots=True)
class Ingest:
    """The ingest, asked by HTTP."""

    url: str
    http: httpx2.AsyncClient
    token: Token
    _under_way: int = field(default=0, init=False)

    @property
    def free(self) -> bool:
        return self._under_way < AT_ONCE

    async def push(self, push: Push) -> Result:
        """Have the rows loaded, or learn what is wrong with them.

        Raises:
            Refused: 203 or 208, where the ingest knows sooner. Unavailable: it is away, or did not answer in time; the
                rows may be in the store all the same, and sending them again finds their batch.
        """
        self._under_way += 1
        try:
            async with asyncio.timeout(WITHIN):
                return await self._push(push)
        except (TimeoutError, httpx2.HTTPError, httpx2.InvalidURL, ValidationError):
            raise Unavailable(Trouble.STORE) from None
        finally:
            self._under_way -= 1

    async def link(self, entry: str, resource_version: str, object_id: UUID, trace_id: str) -> str:
        """A short-lived link to one object of a resource.

        Raises:
            Unavailable: the ingest is away, does not answer in time, or does not know the object.
        """
        if not self.free:
            raise Unavailable(Trouble.OVERLOAD)
        self._under_way += 1
        try:
            async with asyncio.timeout(LINK_WITHIN):
                token = await self.token.get() if self.url else None
                if token is None:
                    raise Unavailable(Trouble.STORE)
                headers = {"Authorization": f"Bearer {token}"}
                headers["traceparent"] = trace.Trace(trace_id, trace.fresh().span_id).traceparent
                asked = {"entry": entry, "resource_version": resource_version, "object_id": str(object_id)}
                url = f"{self.url.rstrip('/')}/links"
                answer = await self.http.post(url, params=asked, headers=headers, timeout=LINK_WITHIN)
                if answer.status_code == HTTPStatus.UNAUTHORIZED:
                    self.token.forget()
                if answer.status_code != HTTPStatus.OK:
                    raise Unavailable(Trouble.STORE)
                return _link.validate_json(answer.content).url
        except (TimeoutError, httpx2.HTTPError, httpx2.InvalidURL, ValidationError):
            raise Unavailable(Trouble.STORE) from None
        finally:
            self._under_way -= 1

    async def _push(self, push: Push) -> Result:
        token = await self.token.get() if self.url else None
        if token is None:
            raise Unavailable(Trouble.STORE)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        headers["traceparent"] = trace.Trace(push.trace_id, trace.fresh().span_id).traceparent
        if push.key is not None:
            headers["Idempotency-Key"] = push.key
        asked = {
            "call": str(push.call),
            "service": push.service,
            "entry": push.entry,
            "unit": push.unit,
            "resource_version": push.resource_version,
            "mode": push.mode.value,
        }
        answer = await self.http.post(
            f"{self.url.rstrip('/')}/pushes", params=asked, headers=headers, content=push.rows, timeout=WITHIN
        )
        if answer.status_code == HTTPStatus.OK:
            told = _told.validate_json(answer.content)
            return Result(
                told.batch, told.rows, told.committed_at, told.reason, told.message, told.count, told.findings
            )
        if answer.status_code == HTTPStatus.UNAUTHORIZED:
            self.token.forget()
            raise Unavailable(Trouble.STORE)
        problem = _problem.validate_json(answer.content)
        if problem.code == "push-differs":
            finding = Finding(None, None, problem.code, problem.title)
            return Result(None, 0, None, problem.code, problem.title, 1, [finding])
        if problem.code in _REFUSED:
            raise Refused(_REFUSED[problem.code])
        raise Unavailable(Trouble.GRANTS if problem.code == "resource-changed" else Trouble.STORE)
