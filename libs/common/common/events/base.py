"""What an event is, and how it travels: one frozen declaration each, CloudEvents 1.0 in binary mode, JSON value.

An event only ever gains optional fields; anything else is a new topic `….v2`. The JSON Schemas beside this file are
locked: `python -m common.schemas check` fails on any other change.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar, Final
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, TypeAdapter, ValidationError

from common.errors import Refusal, Undecodable

MAX_BYTES: Final = 512 * 1024
"""Size of a value at most; the producer refuses beyond, it never truncates."""

Header = tuple[str, bytes]
_CONTENT_TYPE: Final = b"application/json"
_SPEC_VERSION: Final = b"1.0"
_instant: Final = TypeAdapter(AwareDatetime)


class Nature(StrEnum):
    STATE = "state"
    """Carries the whole current state, compacted by key; applied if its version is higher than the one held."""
    FACT = "fact"
    """Something that happened; kept for a time, in order by key."""


class Part(BaseModel):
    """A value inside an event: frozen, unknown fields ignored, its input never repeated in an error text."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class Event(Part):
    """The root of every event. The topic's name is the event's; only `owner` may write it."""

    topic: ClassVar[str]
    owner: ClassVar[str]
    nature: ClassVar[Nature] = Nature.FACT
    partitions: ClassVar[int] = 4
    retention: ClassVar[timedelta] = timedelta(days=30)

    @property
    def key(self) -> str:
        """The aggregate's id: order holds within it."""
        raise NotImplementedError

    @property
    def order(self) -> int | None:
        """The aggregate's version for a state event, None for a fact."""
        return None


class StateEvent(Event):
    """A compacted event; its aggregate ends by a state, never by a tombstone."""

    nature: ClassVar[Nature] = Nature.STATE
    version: int

    @property
    def order(self) -> int | None:
        return self.version


class TooLarge(Refusal):
    code = "event-too-large"


@dataclass(frozen=True, slots=True, kw_only=True)
class Meta:
    """What the headers say of a record: its id, type, source, time as claimed, and trace."""

    id: UUID
    type: str
    source: str
    time: datetime
    traceparent: str | None
    digest: bytes
    """SHA-256 of the value: the same id with another body is an attack or a defect, never a repetition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A record ready to be sent."""

    topic: str
    key: bytes
    value: bytes
    headers: tuple[Header, ...]


def dump(event: Event) -> bytes:
    """The value of an event as JSON.

    Raises:
        TooLarge: more than MAX_BYTES.
    """
    value = event.model_dump_json().encode()
    if len(value) > MAX_BYTES:
        raise TooLarge("事件超过大小上限", topic=event.topic, bytes=len(value), limit=MAX_BYTES)
    return value


def headers(topic: str, *, event_id: UUID, source: str, time: datetime, traceparent: str) -> tuple[Header, ...]:
    """CloudEvents attributes in binary mode."""
    return (
        ("ce_specversion", _SPEC_VERSION),
        ("ce_id", str(event_id).encode()),
        ("ce_type", topic.encode()),
        ("ce_source", f"/shuqiao/{source}".encode()),
        ("ce_time", time.isoformat().encode()),
        ("traceparent", traceparent.encode()),
        ("content-type", _CONTENT_TYPE),
    )


def read_meta(event_type: type[Event], found: dict[str, str], digest: bytes) -> Meta:
    """What the headers of a record of this event's topic say.

    Raises:
        Undecodable: an attribute is missing or malformed, or names another type or another owner.
    """
    if found.get("ce_specversion") != _SPEC_VERSION.decode():
        raise Undecodable("不是 CloudEvents 1.0 事件", reason="ce-specversion")
    if found.get("ce_type") != event_type.topic:
        raise Undecodable("事件类型与主题不符", reason="ce-type")
    if found.get("ce_source") != f"/shuqiao/{event_type.owner}":
        raise Undecodable("事件来源不是该主题的所有者", reason="ce-source")
    try:
        event_id = UUID(found["ce_id"])
        time = _instant.validate_python(found["ce_time"])
    except (KeyError, ValueError):
        raise Undecodable("事件标识或时间缺失或有误", reason="ce-id-or-time") from None
    return Meta(
        id=event_id,
        type=event_type.topic,
        source=event_type.owner,
        time=time,
        traceparent=found.get("traceparent"),
        digest=digest,
    )


def read(event_type: type[Event], key: bytes | None, value: bytes | None) -> Event:
    """The event in a record's value.

    Raises:
        Undecodable: no value (a tombstone), more than MAX_BYTES, no JSON of this schema, or a key of another aggregate.
    """
    if value is None:
        raise Undecodable("空值（墓碑）不是事件", reason="tombstone")
    if len(value) > MAX_BYTES:
        raise Undecodable("事件超过大小上限", reason="too-large")
    try:
        event = event_type.model_validate_json(value)
    except (ValidationError, RecursionError):
        raise Undecodable("事件内容不符合其结构", reason="schema") from None
    if key != event.key.encode():
        raise Undecodable("事件键不是该对象的标识", reason="key")
    return event


def schema(event_type: type[Event]) -> dict[str, Any]:
    """The JSON Schema of the event's value, as it is written."""
    return event_type.model_json_schema(mode="serialization")
