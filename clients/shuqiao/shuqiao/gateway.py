"""Calls services through the gateway (Annex 3 §5): one call, all pages, a verification."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Self
from urllib.parse import quote
from uuid import uuid4

import httpx2

from shuqiao import answer as answers
from shuqiao import pushes
from shuqiao.answer import Answer
from shuqiao.errors import BadArgument, Falsified
from shuqiao.patience import Patience
from shuqiao.proofs import AnswerKeys, ClientCertificate, SigningKey
from shuqiao.pushes import Pushed, Way

TIMEOUT: Final = 15.0
MAX_NOTE: Final = 64
IDLE: Final = 2.0
"""Seconds that a connection is kept for the next call: less than the other side keeps it, so that none dies unseen."""
_KEY: Final = re.compile(r"[!-~]{1,200}")
_NOTE: Final = re.compile(rf"[ -~]{{1,{MAX_NOTE}}}")
_TRACEPARENT: Final = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_NOT_HERE: Final = {
    "unitKey": "密钥不作为参数传入",
    "methodKey": "密钥不作为参数传入",
    "format": "应答固定为 JSON",
    "rsStyle": "应答固定为完整风格",
}
"""Names of the protocol that `parameters` cannot hold, and why."""


class Structure(StrEnum):
    """返回数据格式结构 (Annex 3 §5.2)."""

    LM = "LM"
    """A list of records."""
    KV = "KV"
    """One record; None where nothing matches."""
    SR = "SR"
    """One value; None where nothing matches."""
    MA = "MA"
    """One list of values for each item."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notes:
    """What a call says of itself for the record: at most 64 printable ASCII characters each; a grant may demand it."""

    operator: str | None = None
    """The unit's own pseudonym or staff number of the person, never a name."""
    using_system: str | None = None
    matter: str | None = None
    """The number of the case or item."""
    traceparent: str | None = None
    """The trace that the call belongs to (W3C Trace Context); without one the gateway begins it."""

    def headers(self) -> dict[str, str]:
        """The headers that say it.

        Raises:
            BadArgument: one of them could not be sent as it is.
        """
        given = {"X-Operator": self.operator, "X-Using-System": self.using_system, "X-Matter": self.matter}
        found = {name: value for name, value in given.items() if value is not None}
        for name, value in found.items():
            if not _NOTE.fullmatch(value):
                raise BadArgument(f"{name} 应为1至{MAX_NOTE}个可打印的 ASCII 字符")
        if self.traceparent is not None:
            if not _TRACEPARENT.fullmatch(self.traceparent):
                raise BadArgument("traceparent 不符合 W3C Trace Context")
            found["traceparent"] = self.traceparent
        return found


NOTHING: Final = Notes()


class Gateway:
    """A department's system towards the gateway. The keys travel in headers, so that they stand in no URL."""

    def __init__(
        self,
        url: str,
        unit_key: str,
        *,
        timeout: float = TIMEOUT,
        patience: Patience | None = None,
        sign_with: SigningKey | None = None,
        answer_keys: AnswerKeys | None = None,
        certificate: ClientCertificate | None = None,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        """A caller at this address with this unit key; `transport` is for tests.

        With `sign_with` each call is signed, with `answer_keys` each answer must be, and `certificate` is shown to the
        ingress.

        Raises:
            BadArgument: the key cannot be sent.
            BadProfile: the certificate cannot be used.
        """
        self._url = url.rstrip("/")
        self._unit_key = _key(unit_key, "unitKey")
        self._timeout = timeout
        self._patience = patience or Patience()
        self._sign_with = sign_with
        self._answer_keys = answer_keys
        limits = httpx2.Limits(keepalive_expiry=IDLE)
        verify = True if certificate is None else certificate.context()
        self._http = httpx2.Client(transport=transport, limits=limits, follow_redirects=False, verify=verify)

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
        parameters: Mapping[str, str] | None = None,
        *,
        structure: Structure | None = None,
        order_by: str | None = None,
        page_size: int | None = None,
        page: int | None = None,
        cursor: str | None = None,
        notes: Notes = NOTHING,
    ) -> Answer:
        """Call a service; a refusal of the annex is an answer with its code, not an exception.

        `order_by` is an item, with `-` before it descending. `page` counts from 1 and does not go with `cursor`.

        Raises:
            BadArgument: nothing was sent, because it could not have been.
            Away: no answer, or the platform cannot answer now (503); tried again where that is safe (`Patience`).
            Refused: the transport refused the request (`http-429` after too many bad keys).
            Falsified: the answer does not agree with its digest, is none of the protocol, or lacks the signature.
        """
        options = {
            "rsStructure": None if structure is None else Structure(structure).value,
            "orderBy": order_by,
            "pageSize": None if page_size is None else str(page_size),
            "page": None if page is None else str(page),
            "cursor": cursor,
        }
        sent = _parameters(parameters or {}, {name: value for name, value in options.items() if value is not None})
        keys = {"X-Unit-Key": self._unit_key, "X-Method-Key": _key(method_key, "methodKey")}
        headers = {**notes.headers(), **keys}
        url = f"{self._url}/{quote(service, safe='')}"
        answer = self._patience.send(lambda timeout: self._send(url, sent, headers, timeout), self._timeout)
        if self._answer_keys is not None:
            self._answer_keys.check(answer)
        return answers.read(answer)

    def _send(self, url: str, sent: dict[str, str] | bytes, headers: dict[str, str], timeout: float) -> httpx2.Response:
        """One try; each is signed anew, for a nonce is good for one."""
        form, raw = (None, sent) if isinstance(sent, bytes) else (sent, None)
        request = self._http.build_request("POST", url, data=form, content=raw, headers=headers, timeout=timeout)
        if self._answer_keys is not None:
            self._answer_keys.ask(request)
        if self._sign_with is not None:
            self._sign_with.sign(request)
        return self._http.send(request)

    def push(
        self,
        service: str,
        method_key: str,
        rows: Sequence[Mapping[str, Any]] | bytes,
        *,
        way: Way = Way.UPSERT,
        key: str | None = None,
        notes: Notes = NOTHING,
    ) -> Pushed:
        """Push rows of the own resource; bad rows are an answer with every finding, not an exception.

        `key` names this push: sent again after an answer that stayed away, it has one effect. Without one it gets a
        random one, which makes the tries of this call one push and no more.

        Raises:
            BadArgument: nothing was sent, because it could not have been.
            Away: no answer; whether the rows are there is not known. The same again with the same key tells.
            Refused, Falsified: as of `call`.
        """
        sent = pushes.body(rows)
        keys = {"X-Unit-Key": self._unit_key, "X-Method-Key": _key(method_key, "methodKey")}
        headers = {**notes.headers(), **keys, "Content-Type": pushes.MEDIA}
        headers["Idempotency-Key"] = pushes.checked_key(key if key is not None else uuid4().hex)
        url = f"{self._url}/{quote(service, safe='')}?mode={Way(way).value}&rsStructure=KV"
        answer = self._patience.send(lambda timeout: self._send(url, sent, headers, timeout), self._timeout)
        if self._answer_keys is not None:
            self._answer_keys.check(answer)
        return pushes.pushed(answers.read(answer))

    def pages(
        self,
        service: str,
        method_key: str,
        parameters: Mapping[str, str] | None = None,
        *,
        page_size: int | None = None,
        order_by: str | None = None,
        structure: Structure = Structure.LM,
        notes: Notes = NOTHING,
        cursor: str | None = None,
    ) -> Iterator[Answer]:
        """Every page, one answer each, until the last; with `cursor` those behind the page that gave it.

        Raises:
            Refused: a page was refused; `code` is the annex's.
            BadArgument, Away, Falsified: as of `call`.
        """
        if structure not in (Structure.LM, Structure.MA):
            raise BadArgument(f"{structure} 没有分页")
        return self._walk(service, method_key, dict(parameters or {}), page_size, order_by, structure, notes, cursor)

    def _walk(
        self,
        service: str,
        method_key: str,
        parameters: dict[str, str],
        page_size: int | None,
        order_by: str | None,
        structure: Structure,
        notes: Notes,
        cursor: str | None,
    ) -> Iterator[Answer]:
        page: int | None = None
        seen = 0
        while True:
            answer = self.call(
                service,
                method_key,
                parameters,
                structure=structure,
                order_by=order_by,
                page_size=page_size,
                page=page,
                cursor=cursor,
                notes=notes,
            )
            if not answer.ok:
                raise answer.refused()
            yield answer
            if answer.next_cursor is None:
                # A provider's own interface tells its pages by number: how many rows there are is known, and no cursor.
                here = _rows(answer.data)
                seen += here
                if cursor is not None or answer.total is None or seen >= answer.total or not here:
                    return
                page = (page or 1) + 1
                continue
            if answer.next_cursor == cursor:
                raise Falsified("应答的 X-Next-Cursor 没有前进")
            cursor = answer.next_cursor

    def records(
        self,
        service: str,
        method_key: str,
        parameters: Mapping[str, str] | None = None,
        *,
        page_size: int | None = None,
        order_by: str | None = None,
        notes: Notes = NOTHING,
    ) -> Iterator[dict[str, Any]]:
        """Every row of every page. Raises as `pages`; what came before a refusal has been given."""
        for answer in self.pages(service, method_key, parameters, page_size=page_size, order_by=order_by, notes=notes):
            if not isinstance(answer.data, list) or not all(isinstance(row, dict) for row in answer.data):
                raise Falsified("应答的 DATA 不是记录的列表")
            yield from answer.data

    def verify(
        self,
        service: str,
        method_key: str,
        identity: Mapping[str, str],
        claims: Mapping[str, str],
        *,
        notes: Notes = NOTHING,
    ) -> dict[str, bool]:
        """Whether each claim is true of whom the identity names; of nobody none is.

        Raises:
            Refused: 207 after too many different claims of one identity on a day, 301 if several are meant.
            BadArgument, Away, Falsified: as of `call`.
        """
        if not identity or not claims or not identity.keys().isdisjoint(claims):
            raise BadArgument("验证须有身份项和被验证项，同一项不能两者都是")
        answer = self.call(service, method_key, {**identity, **claims}, structure=Structure.KV, notes=notes)
        if not answer.ok:
            raise answer.refused()
        told = answer.data
        if not isinstance(told, dict) or told.keys() != claims.keys():
            raise Falsified("应答不是所验证的各项")
        if any(value not in ("0", "1") for value in told.values()):
            raise Falsified("应答不是所验证各项的真伪")
        return {item: told[item] == "1" for item in claims}


def _key(key: str, name: str) -> str:
    if not _KEY.fullmatch(key):
        raise BadArgument(f"{name} 为空或含有不能发送的字符")
    return key


def _parameters(given: Mapping[str, str], options: dict[str, str]) -> dict[str, str]:
    for name in given:
        if name in _NOT_HERE:
            raise BadArgument(f"参数 {name}：{_NOT_HERE[name]}")
        if name in options:
            raise BadArgument(f"{name} 给出了两次")
    return {**given, **options}


def _rows(data: Any) -> int:
    """The rows of a list, or of the longest column."""
    columns = data.values() if isinstance(data, dict) else [data]
    return max((len(column) for column in columns if isinstance(column, list)), default=0)
