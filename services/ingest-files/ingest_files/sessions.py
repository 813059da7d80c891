"""Sessions of people at a browser: the registry's own, held by a cookie that no script can read."""

import hashlib
import hmac
from typing import Any, Final

import httpx2

from common.auth import Verifier
from common.errors import Refusal, Unauthenticated, Unwell
from common.roles import Caller

WITHIN: Final = 5.0
_LONGEST: Final = 100


class Sessions:
    """Logs people in and out with the registry, and knows them again."""

    def __init__(self, registry_url: str, audience: str, verifier: Verifier) -> None:
        self._url = registry_url.rstrip("/")
        self._audience, self._verifier = audience, verifier

    async def log_in(self, account: str, password: str) -> str:
        """The secret of a new session. Raises Unauthenticated, Unwell."""
        told = await self._ask("/sessions", {"account": account, "password": password})
        return str(told["session"])

    async def caller(self, secret: str | None) -> Caller:
        """Who has this session. Raises Unauthenticated, Unwell."""
        if not secret or len(secret) > _LONGEST:
            raise Unauthenticated("需要登录")
        told = await self._ask("/tokens", {"session": secret, "audience": self._audience})
        return await self._verifier.caller(str(told["token"]))

    async def log_out(self, secret: str) -> None:
        await self._ask("/sessions/end", {"session": secret})

    async def _ask(self, path: str, body: dict[str, str]) -> Any:
        try:
            async with httpx2.AsyncClient(timeout=WITHIN, trust_env=False) as http:
                answer = await http.post(self._url + path, json=body)
        except httpx2.HTTPError as error:
            raise Unwell("registry") from error
        if answer.status_code >= 500:
            raise Unwell("registry")
        if not answer.is_success:
            raise _refusal(answer)
        return answer.json() if answer.content else None


def _refusal(answer: httpx2.Response) -> Refusal:
    """What the registry says, in its own words: they are for people."""
    try:
        text = str(answer.json().get("title"))
    except ValueError:
        text = "登录无效"
    return Unauthenticated(text)


def csrf(secret: str) -> str:
    """What a form of this session carries, and no other site can know."""
    return hmac.digest(secret.encode(), b"shuqiao csrf", hashlib.sha256).hex()
