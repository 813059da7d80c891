"""The bus as every service uses it: typed handlers on Kafka, nothing skipped in silence, nothing answered to anyone.

Reading: FastStream with `NACK_ON_ERROR` (its default acknowledges first and loses the record in hand on a crash,
PIT-F1), `no_reply` (a `reply_to` header must not make us publish, PIT-F15), and our middleware, which decides what a
failure is. *Refused* goes to `dead-letter.<service>` with reason and origin, and the record is let go only after the
dead letter was acknowledged. *Unwell* is tried again with back-off and holds its partition.
"""

import asyncio
import dataclasses
import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.helpers import create_ssl_context
from faststream import AckPolicy, BaseMiddleware
from faststream.kafka import KafkaBroker, KafkaMessage
from faststream.security import SASLScram256
from pydantic import SecretStr, ValidationError

from common import db, events, log, spans, trace
from common.errors import Refusal, Unwell
from common.events import Event, Meta, base
from common.settings import ServiceSettings

if TYPE_CHECKING:
    from types import TracebackType

    from aiokafka import ConsumerRecord

E = TypeVar("E", bound=Event)
Handler = Callable[[Any, Meta], Awaitable[None]]

MAX_HEADERS: Final = 64
"""Headers of a record that are looked at and kept; a record with thousands of them is an attack."""
MAX_HEADER_BYTES: Final = 1024
"""Bytes of a header's name, of its value, and of a dead letter's key at most."""
_BACKOFF_FIRST, _BACKOFF_LAST, _BACKOFF_TOTAL = 0.2, 15.0, 60.0
_UNKNOWN_TRIES: Final = 5
_DEAD_LETTER_PAUSE: Final = 1.0
FETCH_WAIT_MS: Final = 500
"""The longest that a record waits while its partition is left out of the fetch in flight; shorter costs the broker."""
_log = log.get(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class Kafka:
    """Where the broker is and as whom we speak to it."""

    servers: str
    user: str
    password: SecretStr
    tls: bool = False

    @classmethod
    def of(cls, settings: ServiceSettings) -> "Kafka":
        return cls(settings.kafka_servers, settings.kafka_user, settings.kafka_password, settings.kafka_tls)

    def client_options(self) -> dict[str, Any]:
        """Options of a plain aiokafka client."""
        return {
            "bootstrap_servers": self.servers,
            "security_protocol": "SASL_SSL" if self.tls else "SASL_PLAINTEXT",
            "sasl_mechanism": "SCRAM-SHA-256",
            "sasl_plain_username": self.user,
            "sasl_plain_password": self.password.get_secret_value(),
            "ssl_context": create_ssl_context() if self.tls else None,
        }

    def producer(self) -> AIOKafkaProducer:
        """A producer whose records are acknowledged by all in-sync replicas and never doubled by a retry."""
        return AIOKafkaProducer(
            **self.client_options(),
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            # Half the size of lz4 in half the time, measured on records of calls.
            compression_type="zstd",
            max_request_size=2 * base.MAX_BYTES,
            max_batch_size=base.MAX_BYTES,
            request_timeout_ms=10_000,
        )


def dead_letter_topic(service: str) -> str:
    return f"dead-letter.{service}"


def group(service: str, event_type: type[Event]) -> str:
    """One consumer group per service and topic, so that one topic's trouble is not another's."""
    return f"{service}.{event_type.topic}"


@dataclasses.dataclass(frozen=True, slots=True)
class Route:
    event: type[Event]
    handler: Handler


class Routes:
    """Which events a service reads, and what it does with each. Attach them to a broker, or replay one by hand.

    `fetch_wait_ms` is how long a record may have to wait; a service that reads many topics and is in no hurry waits
    longer and costs the broker less.
    """

    def __init__(self, service: str, *, fetch_wait_ms: int = FETCH_WAIT_MS) -> None:
        self.service = service
        self.fetch_wait_ms = fetch_wait_ms
        self.routes: dict[str, Route] = {}

    def on(
        self, event_type: type[E]
    ) -> Callable[[Callable[[E, Meta], Awaitable[None]]], Callable[[E, Meta], Awaitable[None]]]:
        """Declare the handler of an event; one per event."""

        def declare(handler: Callable[[E, Meta], Awaitable[None]]) -> Callable[[E, Meta], Awaitable[None]]:
            if event_type.topic in self.routes:
                raise ValueError(f"{self.service} reads {event_type.topic} twice")
            self.routes[event_type.topic] = Route(event_type, handler)
            return handler

        return declare


def broker(
    kafka: Kafka, service: str, *, spec_url: str = "kafka:9092", parked: "Counter[str] | None" = None
) -> KafkaBroker:
    """A broker with our policy; connects when it is started, not before. `parked` counts dead letters by topic."""
    made = KafkaBroker(
        kafka.servers.split(","),
        security=SASLScram256(
            username=kafka.user,
            password=kafka.password.get_secret_value(),
            use_ssl=kafka.tls,
            ssl_context=create_ssl_context() if kafka.tls else None,
        ),
        client_id=service,
        ack_policy=AckPolicy.NACK_ON_ERROR,
        allow_auto_create_topics=False,
        acks="all",
        enable_idempotence=True,
        linger_ms=0,
        compression_type="lz4",
        graceful_timeout=10,
        parser=tolerant,
        logger=None,
        specification_url=spec_url,
    )

    def delivery(msg: Any, /, *, context: Any) -> "BaseMiddleware[Any, Any]":
        return _Delivery(msg, context=context, service=service, made=made, parked=parked)

    made.add_middleware(delivery)
    return made


def attach(made: KafkaBroker, routes: Routes) -> None:
    """Subscribe the routes; each reads from the earliest record that its group has not committed."""
    for route in routes.routes.values():
        subscriber = made.subscriber(
            route.event.topic,
            group_id=group(routes.service, route.event),
            ack_policy=AckPolicy.NACK_ON_ERROR,
            no_reply=True,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=routes.fetch_wait_ms,
            decoder=_decoder(route.event),
            title=f"{routes.service} reads {route.event.topic}",
            description=(route.event.__doc__ or "").strip(),
        )
        subscriber(_receiver(routes.service, route))


def declare_published(made: KafkaBroker, service: str) -> None:
    """Name the topics that the relay writes, so that the AsyncAPI document holds them."""
    for event in events.ALL:
        if event.owner == service:
            made.publisher(
                event.topic,
                schema=event,
                title=f"{service} writes {event.topic}",
                description=(event.__doc__ or "").strip(),
            )


def declare_read(made: KafkaBroker, service: str, event_type: type[Event]) -> None:
    """Name a topic that a state reader reads, so that the AsyncAPI document holds it; never started as a subscriber."""
    subscriber = made.subscriber(
        event_type.topic,
        ack_policy=AckPolicy.NACK_ON_ERROR,
        group_id=group(service, event_type),
        no_reply=True,
        auto_offset_reset="earliest",
        title=f"{service} reads {event_type.topic}",
        description=(event_type.__doc__ or "").strip(),
    )

    async def never(event: Event) -> None:
        raise AssertionError(type(event))

    never.__annotations__["event"] = event_type
    subscriber(never)


def _receiver(service: str, route: Route) -> Callable[..., Awaitable[None]]:
    async def receive(event: Event, message: KafkaMessage) -> None:
        record: ConsumerRecord[Any, Any] = message.raw_message
        await handle(service, route, event, meta_of(route.event, record))

    # FastStream validates and documents by the annotation; the decoder has made the very type.
    receive.__annotations__["event"] = route.event
    receive.__annotations__["message"] = KafkaMessage
    receive.__name__ = route.event.topic.replace("-", "_")
    return receive


async def handle(service: str, route: Route, event: Event, meta: Meta) -> None:
    """Run a handler in the event's trace."""
    own, token = trace.enter(meta.traceparent)
    began, done = spans.now(), False
    with structlog.contextvars.bound_contextvars(topic=route.event.topic, event_id=str(meta.id)):
        try:
            await route.handler(event, meta)
            done = True
        finally:
            trace.leave(token)
            if (told := spans.active()) is not None:
                told.processed(route.event.topic, own, meta.traceparent, began=began, failed=not done)
    _log.debug("bus.handled", by=service)


def text_headers(raw: object) -> dict[str, str]:
    """The headers of a record as text, bounded; what is no UTF-8, or null, is left out. The first of a name counts."""
    found: dict[str, str] = {}
    for name, value in list(raw)[:MAX_HEADERS] if isinstance(raw, (list, tuple)) else ():
        short = isinstance(value, bytes) and len(value) <= MAX_HEADER_BYTES and len(name) <= MAX_HEADER_BYTES
        if short and name not in found:
            try:
                found[name] = value.decode()
            except UnicodeDecodeError:
                continue
    return found


def digest(value: bytes | None) -> bytes:
    """What tells two bodies apart."""
    return hashlib.sha256(value or b"").digest()


def meta_of(event_type: type[Event], record: "ConsumerRecord[Any, Any]") -> Meta:
    """What the headers of a record say.

    Raises:
        Undecodable: an attribute is missing or malformed, or names another type or another owner.
    """
    return base.read_meta(event_type, text_headers(record.headers), digest(record.value))


async def tolerant(record: Any, original: Callable[[Any], Awaitable[Any]]) -> Any:
    """Parse a record whatever its headers are.

    Null and non-UTF-8 values would raise before anything could be decided, and the record could then be neither
    acknowledged nor refused (PIT-F16). `reply_to` is dropped (PIT-F15).
    """
    kept = [(name, value.encode()) for name, value in text_headers(record.headers).items() if name != "reply_to"]
    return await original(dataclasses.replace(record, headers=tuple(kept)))


def _decoder(event_type: type[Event]) -> Callable[[Any], Awaitable[Event]]:
    async def decode(message: Any) -> Event:
        record = message.raw_message
        return base.read(event_type, record.key, record.value)

    return decode


def reason_of(error: BaseException) -> str:
    """Why a record was refused: a code or a class name of ours, never an error's text, which may hold the payload."""
    if isinstance(error, Refusal):
        detail = error.details.get("reason")
        return f"{error.code}:{detail}" if isinstance(detail, str) else error.code
    if isinstance(error, ValidationError):
        return "undecodable:schema"
    return f"error:{type(error).__name__}"


def unwell(error: BaseException) -> bool:
    """Whether a failure will pass by itself."""
    return isinstance(error, (Unwell, KafkaError)) or db.is_unwell(error)


class _Delivery(BaseMiddleware[Any, Any]):
    """Tries again what may pass, parks what will not, lets go only of what is done or parked."""

    def __init__(
        self, msg: Any, /, *, context: Any, service: str, made: KafkaBroker, parked: "Counter[str] | None"
    ) -> None:
        super().__init__(msg, context=context)
        self._service = service
        self._parked = parked
        self._broker = made
        self._attempts = 1
        self._unknown = 0

    async def consume_scope(self, call_next: Callable[[Any], Awaitable[Any]], msg: Any) -> Any:
        waited, pause = 0.0, _BACKOFF_FIRST
        while True:
            try:
                return await call_next(msg)
            except (Refusal, ValidationError):
                raise
            except Exception as error:
                passing = unwell(error)
                self._unknown += not passing
                # An outage is no try: what is unknown has its own, whatever was away before.
                tried_enough = waited >= _BACKOFF_TOTAL if passing else self._unknown >= _UNKNOWN_TRIES
                if tried_enough:
                    raise
                _log.warning(
                    "bus.trying_again",
                    topic=self.msg.topic,
                    attempt=self._attempts,
                    unwell=passing,
                    error=type(error).__name__,
                )
            await asyncio.sleep(pause)
            waited, pause, self._attempts = waited + pause, min(pause * 2, _BACKOFF_LAST), self._attempts + 1

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_val: BaseException | None = None,
        exc_tb: "TracebackType | None" = None,
    ) -> bool:
        if exc_val is None or not isinstance(exc_val, Exception):
            return False
        if unwell(exc_val):
            return False
        try:
            await self._park(exc_val)
        except (KafkaError, OSError, TimeoutError) as error:
            _log.error("bus.dead_letter_failed", topic=self.msg.topic, error=type(error).__name__)
            await asyncio.sleep(_DEAD_LETTER_PAUSE)
            return False
        return True

    async def _park(self, error: Exception) -> None:
        record = self.msg
        origin = f"{record.topic}/{record.partition}/{record.offset}"
        reason = reason_of(error)
        key, value = carried(record)
        await self._broker.publish(
            value,
            topic=dead_letter_topic(self._service),
            key=key,
            headers=dead_letter_headers(record, reason, self._attempts),
        )
        if self._parked is not None:
            self._parked[record.topic] += 1
        _log.error("bus.dead_lettered", origin=origin, reason=reason, attempts=self._attempts)


def carried(record: "ConsumerRecord[Any, Any]") -> tuple[bytes | None, bytes]:
    """Key and value as the dead letter carries them.

    A value larger than any event can be, or such a key, stays where it is (`x-omitted`): a compressed record may be
    larger than anything that we could write, and would hold its partition for ever.
    """
    key = record.key if record.key is not None and len(record.key) <= MAX_HEADER_BYTES else None
    return key, b"" if _omitted(record) else record.value or b""


def _omitted(record: "ConsumerRecord[Any, Any]") -> bool:
    return record.value is not None and len(record.value) > base.MAX_BYTES


def dead_letter_headers(record: "ConsumerRecord[Any, Any]", reason: str, attempts: int) -> dict[str, str]:
    """Why and whence it is here, and behind that the record's own headers."""
    kept = {k: v for k, v in text_headers(record.headers).items() if not k.startswith("x-") and k != "reply_to"}
    return {
        # First, so that a reader who looks at so many headers only finds them.
        "x-reason": reason,
        "x-origin": f"{record.topic}/{record.partition}/{record.offset}",
        "x-attempts": str(attempts),
        "x-null": "1" if record.value is None else "0",
        **({"x-omitted": str(len(record.value))} if _omitted(record) else {}),
        **kept,
    }
