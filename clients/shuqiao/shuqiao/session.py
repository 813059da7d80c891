"""A logged-in account: tokens for each service, renewed in time, and requests with them."""

import contextlib
import json
import time
from typing import Any, Final, Self

import httpx2

from shuqiao.errors import Away, Refused
from shuqiao.profile import Profile

TIMEOUT: Final = 20.0
_EARLY: Final = 60.0
Json = Any
"""A decoded JSON document, as the service's OpenAPI describes it."""


class Session:
    """An account's session with one exchange. Usable as a context manager; closing it logs out."""

    def __init__(self, profile: Profile, account: str, password: str) -> None:
        self._profile = profile
        self._http = httpx2.Client(timeout=TIMEOUT, follow_redirects=False)
        self._tokens: dict[str, tuple[str, float]] = {}
        body = {"account": account, "password": password}
        try:
            opened = self._send("POST", self._url("registry", "/sessions"), json=body)
        except BaseException:
            self._http.close()
            raise
        self._secret: str | None = opened["session"]
        self.account: str = opened["account"]
        self.unit: str = opened["unit"]
        self.roles: list[str] = opened["roles"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Log out; a registry that is away is no trouble, the session ends by itself."""
        if self._secret is not None:
            with contextlib.suppress(Away, Refused):
                self._send("POST", self._url("registry", "/sessions/end"), json={"session": self._secret})
            self._secret = None
        self._http.close()

    def get(self, service: str, path: str, **query: Any) -> Json:
        """GET a document. Raises Refused, Away."""
        return self._request(service, "GET", path, params={k: v for k, v in query.items() if v is not None})

    def post(self, service: str, path: str, body: Json | None = None) -> Json:
        """POST a document. Raises Refused, Away."""
        return self._request(service, "POST", path, **({} if body is None else {"json": body}))

    def put(self, service: str, path: str, body: Json) -> Json:
        """PUT a document. Raises Refused, Away."""
        return self._request(service, "PUT", path, json=body)

    def delete(self, service: str, path: str) -> Json:
        """DELETE. Raises Refused, Away."""
        return self._request(service, "DELETE", path)

    def _url(self, service: str, path: str) -> str:
        return self._profile.services[service].rstrip("/") + path

    def _token(self, audience: str) -> str:
        held = self._tokens.get(audience)
        if held is not None and time.monotonic() < held[1]:
            return held[0]
        body = {"session": self._secret, "audience": audience}
        made = self._send("POST", self._url("registry", "/tokens"), json=body)
        self._tokens[audience] = (made["token"], time.monotonic() + max(made["expires_in"] - _EARLY, 1.0))
        return self._tokens[audience][0]

    def _request(self, service: str, method: str, path: str, **options: Any) -> Json:
        headers = {"Authorization": f"Bearer {self._token(service)}"}
        return self._send(method, self._url(service, path), headers=headers, **options)

    def _send(self, method: str, url: str, **options: Any) -> Json:
        try:
            answer = self._http.request(method, url, **options)
        except httpx2.HTTPError as error:
            raise Away(f"{url} 没有应答（{type(error).__name__}）") from error
        if answer.is_success:
            return answer.json() if answer.content else None
        try:
            problem = answer.json()
        except json.JSONDecodeError:
            problem = {}
        if answer.status_code >= 500:
            raise Away(f"{url} 暂不可用（{answer.status_code} {problem.get('code', '')}）")
        raise Refused(answer.status_code, problem if isinstance(problem, dict) else {})
