"""What a push is sent as and what comes back: rows of a provider's own resource (the write interface)."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from shuqiao.answer import Answer
from shuqiao.errors import BadArgument, Falsified

MEDIA: Final = "application/vnd.shuqiao.rows+json"
MAX_ROWS: Final = 2000
MAX_BYTES: Final = 1024 * 1024
_KEY: Final = re.compile(r"[!-~]{1,64}")


class Way(StrEnum):
    """What becomes of the rows that are there."""

    UPSERT = "upsert"
    """Each row takes the place of the one with its key, or comes beside."""
    APPEND = "append"
    """The rows are new."""
    REPLACE = "replace"
    """The rows take the place of all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong: row from 1 and item where it has a place; never a value."""

    row: int | None
    item: str | None
    rule: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """What became of a push: its batch, or the code of the refusal and what was found; then nothing was changed."""

    code: str
    memo: str | None
    trace_id: str
    batch: UUID | None = None
    rows: int = 0
    committed_at: datetime | None = None
    count: int = 0
    """Findings in all; at most 1,000 are told."""
    findings: tuple[Finding, ...] = ()

    @property
    def ok(self) -> bool:
        return self.batch is not None


def body(rows: Sequence[Mapping[str, Any]] | bytes) -> bytes:
    """The rows as they are sent. Bytes are a JSON array already; dates and decimals are written as the protocol wants.

    Raises:
        BadArgument: no rows, too many, too large, or a value that has no form in the protocol.
    """
    if isinstance(rows, bytes):
        sent = rows
    else:
        if not 0 < len(rows) <= MAX_ROWS:
            raise BadArgument(f"一次推送1至{MAX_ROWS}行")
        try:
            listed = [dict(row) for row in rows]
            sent = json.dumps(listed, ensure_ascii=False, allow_nan=False, default=_plain).encode()
        except (TypeError, ValueError):
            raise BadArgument("数据行中有不能发送的值") from None
    if len(sent) > MAX_BYTES:
        raise BadArgument("请求体超过 1 MiB，请分次推送")
    return sent


def checked_key(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise BadArgument("Idempotency-Key 应为1至64个可打印的 ASCII 字符，无空格")
    return key


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.strftime("%Y/%m/%d %H:%M:%S")
    if isinstance(value, date):
        return value.strftime("%Y/%m/%d")
    if isinstance(value, Decimal):
        return format(value, "f")
    raise TypeError(type(value).__name__)


def pushed(answer: Answer) -> Pushed:
    """An answer as what became of a push.

    Raises:
        Falsified: it is none of a write service.
    """
    told = answer.data
    try:
        if answer.ok:
            return Pushed(
                code=answer.code,
                memo=None,
                trace_id=answer.trace_id,
                batch=UUID(str(told["batch"])),
                rows=int(told["rows"]),
                committed_at=datetime.fromisoformat(told["committed_at"]),
            )
        told = told or {"count": 0, "findings": []}
        findings = tuple(
            Finding(row=one["row"], item=one["item"], rule=one["rule"], message=one["message"])
            for one in told["findings"]
        )
        return Pushed(
            code=answer.code, memo=answer.memo, trace_id=answer.trace_id, count=int(told["count"]), findings=findings
        )
    except (KeyError, TypeError, ValueError):
        raise Falsified("应答不是写入服务的应答") from None
