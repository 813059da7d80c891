"""A gateway that a test writes the answers of, and the calls that it saw."""

import base64
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import httpx2

from shuqiao import Gateway, Patience

UNIT_KEY, METHOD_KEY = "cnu_" + "a" * 49, "cnm_" + "b" * 49
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
Told = httpx2.Response | Exception


def answer(body: Any, status: int = 200, **headers: str) -> httpx2.Response:
    """An answer with a right digest; `X_Total_Count="3"` is a header."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    digest = "sha-256=:" + base64.b64encode(hashlib.sha256(raw).digest()).decode() + ":"
    told = {"Content-Digest": digest, "X-Trace-Id": TRACE} if raw else {"X-Trace-Id": TRACE}
    return httpx2.Response(
        status, content=raw, headers={**told, **{name.replace("_", "-"): value for name, value in headers.items()}}
    )


def success(data: Any, **headers: str) -> httpx2.Response:
    return answer({"SUCCESS": "1", "DATA": data}, **headers)


def failure(code: str, memo: str = "参数错误或无参数") -> httpx2.Response:
    return answer({"SUCCESS": "0", "ERROR": {"ERROR_CODE": code, "ERROR_MEMO": memo}})


def away(**headers: str) -> httpx2.Response:
    return answer({"SUCCESS": "0", "ERROR": {"ERROR_CODE": "500", "ERROR_MEMO": "平台暂不可用"}}, 503, **headers)


@dataclass
class Scripted:
    """Answers in their order; the last one again and again."""

    told: list[Told]
    seen: list[httpx2.Request] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    now: float = 0.0
    takes: float = 0.0
    """Seconds that each try takes."""

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.seen.append(request)
        self.now += self.takes
        told = self.told.pop(0) if len(self.told) > 1 else self.told[0]
        if isinstance(told, Exception):
            raise told
        # A response that was read cannot be given twice.
        return httpx2.Response(told.status_code, content=told.content, headers=told.headers)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def form(self, place: int = -1) -> dict[str, str]:
        """What a call sent in its body."""
        return dict(parse_qsl(self.seen[place].content.decode(), keep_blank_values=True, strict_parsing=True))

    def gateway(self, **more: Any) -> Gateway:
        patience = Patience(sleep=self.sleep, clock=lambda: self.now, **more)
        return Gateway("http://gateway:8080/", UNIT_KEY, patience=patience, transport=httpx2.MockTransport(self))


def scripted(*told: Told) -> Scripted:
    return Scripted(list(told))
