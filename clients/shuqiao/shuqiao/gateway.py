"""Calls services through the gateway (Annex 3 §5), and checks what comes back against its digest."""

import base64
import hashlib
import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Self

import httpx2

from shuqiao.errors import Away, Falsified

TIMEOUT: Final = 15.0
SUCCESS: Final = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the gateway answered. `code` is `1` for success, else the annex's code; numbers keep all their digits."""

    code: str
    memo: str | None
    data: Any
    trace_id: str
    headers: dict[str, str]

    @property
    def ok(self) -> bool:
        return self.code == SUCCESS


class Gateway:
    """A department's system towards the gateway. The keys travel in headers, so that they stand in no URL."""

    def __init__(self, url: str, unit_key: str, *, timeout: float = TIMEOUT) -> None:
        self._url = url.rstrip("/")
        self._unit_key = unit_key
        self._http = httpx2.Client(timeout=timeout, follow_redirects=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def call(
        self,
        service: str,
        method_key: str,
        parameters: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Call a service; a refusal of the annex is an answer with its code, not an exception.

        Raises:
            Away: no answer, or the platform cannot answer now (503).
            Falsified: the answer does not agree with its digest, or is none of the protocol.
        """
        sent = {**(headers or {}), "X-Unit-Key": self._unit_key, "X-Method-Key": method_key}
        try:
            answer = self._http.post(f"{self._url}/{service}", data=parameters or {}, headers=sent)
        except httpx2.HTTPError as error:
            raise Away(f"网关没有应答（{type(error).__name__}）") from error
        if answer.status_code == 503:
            raise Away(f"平台暂不可用（{answer.headers.get('x-reason', '')}）")
        return _read(answer)


def _read(answer: httpx2.Response) -> Answer:
    trace_id = answer.headers.get("x-trace-id", "")
    _check_digest(answer)
    if answer.status_code != 200:
        raise Falsified(f"网关以 HTTP {answer.status_code} 拒绝了请求（trace_id {trace_id}）")
    try:
        body = json.loads(answer.content, parse_float=Decimal)
    except ValueError:
        raise Falsified("应答不是 JSON") from None
    if not isinstance(body, dict) or body.get("SUCCESS") not in {"0", "1"}:
        raise Falsified("应答不符合接口协议")
    headers = {name: value for name, value in answer.headers.items() if name.startswith("x-")}
    if body["SUCCESS"] == SUCCESS:
        return Answer(code=SUCCESS, memo=None, data=body.get("DATA"), trace_id=trace_id, headers=headers)
    error = body.get("ERROR")
    if not isinstance(error, dict) or not isinstance(error.get("ERROR_CODE"), str):
        raise Falsified("应答不符合接口协议")
    memo = error.get("ERROR_MEMO")
    return Answer(code=error["ERROR_CODE"], memo=memo, data=None, trace_id=trace_id, headers=headers)


def _check_digest(answer: httpx2.Response) -> None:
    """Compare the body with `Content-Digest` (RFC 9530), which every answer of a call carries."""
    given = answer.headers.get("content-digest")
    if given is None:
        if answer.content:
            raise Falsified("应答缺少 Content-Digest")
        return
    made = "sha-256=:" + base64.b64encode(hashlib.sha256(answer.content).digest()).decode() + ":"
    if given != made:
        raise Falsified("应答内容与 Content-Digest 不符")
