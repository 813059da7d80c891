"""Asks the services that own state what changed (`GET /changes`), with tokens got by the gateway's own secret."""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import httpx2
import orjson
from pydantic import SecretStr, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked

from common import log
from common.errors import Undecodable
from common.events import StateEvent, base

CLIENT: Final = "gateway"
"""The gateway's name at the register."""
WITHIN: Final = 1.0
"""Seconds that one answer may take."""
RETRY_TOKEN: Final = 5.0
"""Seconds between two tries to renew a token that is still heard."""
MOST_BYTES: Final = 32 * 1024 * 1024
"""Of an answer; it is sized by its events' values, which grow a little on the way."""
_MOST_PAGES: Final = 200
_AT_A_TIME: Final = 100
"""Events applied before calls get their turn."""
_log = log.get(__name__)

Apply = Callable[[StateEvent], None]


class NotTold(Exception):  # noqa: N818  the state of a service
    """A service did not tell what changed; the text names why."""


class BeginAnew(Exception):  # noqa: N818  an answer
    """A service does not know any more what it told last."""


@checked(frozen=True)
class Change:
    topic: str
    key: str
    headers: dict[str, str]
    value: str


@checked(frozen=True)
class Page:
    until: str
    events: list[Change]
    beyond: int
    more: bool


@checked(frozen=True)
class Token:
    token: str
    expires_in: float


_page: Final = TypeAdapter(Page)
_token: Final = TypeAdapter(Token)


@dataclass(slots=True)
class _Held:
    token: str
    renew_at: float


class Tokens:
    """Tokens of the register, one per service that is asked: kept, and renewed at half of their life."""

    def __init__(self, http: httpx2.AsyncClient, registry_url: str, secret: SecretStr) -> None:
        self._http = http
        self._url = registry_url.rstrip("/") + "/service-tokens"
        self._secret = secret
        self._held: dict[str, _Held] = {}

    async def of(self, audience: str) -> str:
        """A token for this service; an old one while the register does not answer.

        Raises:
            NotTold: there is none, and the register gives none.
        """
        now = asyncio.get_running_loop().time()
        held = self._held.get(audience)
        if held is not None and now < held.renew_at:
            return held.token
        try:
            made = await self._get(audience)
        except NotTold:
            if held is None:
                raise
            held.renew_at = now + RETRY_TOKEN
            return held.token
        self._held[audience] = _Held(made.token, now + made.expires_in / 2)
        return made.token

    def forget(self, audience: str) -> None:
        """It is not heard any more."""
        self._held.pop(audience, None)

    async def _get(self, audience: str) -> Token:
        asked = {"client": CLIENT, "secret": self._secret.get_secret_value(), "audience": audience}
        try:
            async with asyncio.timeout(WITHIN):
                answer = await self._http.post(self._url, json=asked)
            if answer.status_code != httpx2.codes.OK:
                raise NotTold(f"token: {answer.status_code}")
            return _token.validate_json(answer.content)
        except (TimeoutError, httpx2.HTTPError, ValidationError) as error:
            raise NotTold(f"token: {type(error).__name__}") from None


@dataclass(frozen=True, slots=True)
class Shown:
    """The token that one service is shown."""

    tokens: Tokens
    audience: str

    async def get(self) -> str | None:
        """The token; None if there is none."""
        try:
            return await self.tokens.of(self.audience)
        except NotTold:
            return None

    def forget(self) -> None:
        self.tokens.forget(self.audience)


@dataclass(slots=True)
class Source:
    """A service that owns state, and how far it has told it."""

    service: str
    url: str
    states: Sequence[type[StateEvent]]
    http: httpx2.AsyncClient
    tokens: Tokens
    apply: Apply
    told: int = 0
    """Events taken so far."""
    unreadable: int = 0
    _after: str | None = None
    _by_topic: dict[str, type[StateEvent]] = field(init=False)

    def __post_init__(self) -> None:
        self._by_topic = {event.topic: event for event in self.states}

    async def ask(self) -> None:
        """Take what changed since this was asked last; when it returns, all of it is applied.

        Raises:
            NotTold: the service is away, or did not answer as it should; nothing is lost, ask again.
            BeginAnew: it cannot tell any more what changed since; the next answer begins anew.
        """
        token = await self.tokens.of(self.service)
        until: str | None = None
        beyond = 0
        for _ in range(_MOST_PAGES):
            page = await self._page(token, beyond)
            until = until or page.until
            await self._take(page.events)
            if not page.more:
                # What changed while the pages were turned is told next time.
                self._after = until
                return
            beyond = page.beyond
        raise NotTold("no end of pages")

    async def _page(self, token: str, beyond: int) -> Page:
        after = {} if self._after is None else {"after": self._after}
        try:
            async with asyncio.timeout(WITHIN):
                status, body = await self._get(token, {"topic": list(self._by_topic), "beyond": beyond, **after})
        except (TimeoutError, httpx2.HTTPError) as error:
            raise NotTold(type(error).__name__) from None
        if status == httpx2.codes.GONE:
            self._after = None
            raise BeginAnew
        if status == httpx2.codes.UNAUTHORIZED:
            self.tokens.forget(self.service)
        if status != httpx2.codes.OK:
            raise NotTold(str(status))
        try:
            return _page.validate_python(orjson.loads(body))
        except ValueError as error:
            raise NotTold(type(error).__name__) from None

    async def _get(self, token: str, asked: dict[str, str | int | list[str]]) -> tuple[int, bytes]:
        headers = {"Authorization": f"Bearer {token}"}
        async with self.http.stream("GET", f"{self.url}/changes", params=asked, headers=headers) as answer:
            body = bytearray()
            async for part in answer.aiter_bytes():
                body += part
                if len(body) > MOST_BYTES:
                    raise NotTold("too large")
            return answer.status_code, bytes(body)

    async def _take(self, changes: list[Change]) -> None:
        for number, change in enumerate(changes, 1):
            try:
                self.apply(self._read(change))
                self.told += 1
            except Exception as error:  # noqa: BLE001  one that cannot be applied must not stop all others
                # As on the road of the topics, which puts it into the dead letters when it comes there.
                self.unreadable += 1
                _log.warning("gateway.change_unreadable", service=self.service, error=type(error).__name__)
            if number % _AT_A_TIME == 0:
                await asyncio.sleep(0)

    def _read(self, change: Change) -> StateEvent:
        event_type = self._by_topic.get(change.topic)
        if event_type is None:
            raise Undecodable("不是所问的主题", reason="topic")
        value = change.value.encode()
        base.read_meta(event_type, change.headers, hashlib.sha256(value).digest())
        event = base.read(event_type, change.key.encode(), value)
        assert isinstance(event, StateEvent)
        return event
