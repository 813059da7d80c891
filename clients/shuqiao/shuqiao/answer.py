"""What the gateway answered, checked before anybody believes it: its digest, its form, its headers (Annex 3 §5)."""

import base64
import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NoReturn

import httpx2

from shuqiao.errors import Falsified, Refused

SUCCESS: Final = "1"
_TRANSPORT: Final = {
    405: "网关只接受 POST",
    408: "请求未按时到达网关",
    413: "请求体过大",
    414: "请求地址过长",
    415: "请求体的类型不支持",
    429: "错误密钥过多，此地址暂时不能调用",
    431: "请求头过大",
}
_MOST_DIGITS: Final = 18
"""Digits of a count that are believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the gateway answered. `code` is `1` for success, else the annex's code; numbers keep all their digits."""

    code: str
    memo: str | None
    data: Any
    """Of a refusal None, but for a write service: there what was found."""
    trace_id: str
    headers: dict[str, str]
    as_of: datetime | None = None
    """The time of the newest batch of the data; None before the first, and of a refusal."""
    total: int | None = None
    """How many rows match in all, where the gateway knows it."""
    next_cursor: str | None = None
    """With which the next page is asked for; None on the last."""

    @property
    def ok(self) -> bool:
        return self.code == SUCCESS

    def refused(self) -> Refused:
        """The refusal that this answer is, for those who want it raised."""
        return Refused(200, {"code": self.code, "title": self.memo or "请求被拒绝", "trace_id": self.trace_id})


def read(answer: httpx2.Response) -> Answer:
    """Check and read an answer.

    Raises:
        Refused: the transport refused the request; `code` is `http-` and the status.
        Falsified: the answer does not agree with its digest, or is none of the protocol.
    """
    trace_id = answer.headers.get("x-trace-id", "")
    _check_digest(answer)
    if answer.status_code != 200:
        text = _TRANSPORT.get(answer.status_code)
        if text is None and not 400 <= answer.status_code <= 505:
            raise Falsified(f"应答不符合接口协议（HTTP {answer.status_code}）")
        code = f"http-{answer.status_code}"
        raise Refused(answer.status_code, {"code": code, "title": text or "网关拒绝了请求", "trace_id": trace_id})
    try:
        body = json.loads(answer.content, parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Falsified("应答不是 JSON") from None
    if not isinstance(body, dict) or body.get("SUCCESS") not in ("0", SUCCESS):
        raise Falsified("应答不符合接口协议")
    headers = {name: value for name, value in answer.headers.items() if name.startswith("x-")}
    if body["SUCCESS"] == SUCCESS:
        if "DATA" not in body:
            raise Falsified("应答不符合接口协议")
        return Answer(
            code=SUCCESS,
            memo=None,
            data=body["DATA"],
            trace_id=trace_id,
            headers=headers,
            as_of=_as_of(headers.get("x-data-as-of")),
            total=_total(headers.get("x-total-count")),
            next_cursor=headers.get("x-next-cursor"),
        )
    error = body.get("ERROR")
    if not isinstance(error, dict) or not isinstance(error.get("ERROR_CODE"), str):
        raise Falsified("应答不符合接口协议")
    memo = error.get("ERROR_MEMO")
    return Answer(code=error["ERROR_CODE"], memo=memo, data=body.get("DATA"), trace_id=trace_id, headers=headers)


def _no_constant(_name: str) -> NoReturn:
    raise ValueError("NaN and the infinities are no JSON")


def _as_of(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise Falsified("应答的 X-Data-As-Of 不是时间")
    return found


def _total(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal()) or len(text) > _MOST_DIGITS:
        raise Falsified("应答的 X-Total-Count 不是行数")
    return int(text)


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
