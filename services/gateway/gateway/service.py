"""A call, from its parameters to its answer: decided, read, formed, recorded; in this order and no other."""

from dataclasses import dataclass
from datetime import datetime

from common import log
from common.clock import Clock
from common.keys import Pepper
from gateway.domain import answers, decisions, records
from gateway.domain.decisions import Decided, Format, Plan
from gateway.domain.memory import Memory
from gateway.domain.records import Call
from gateway.domain.requests import Headers, body_kind, notes_of, parameters, service_of
from gateway.errors import Code, Refused, Transport, Trouble, Unavailable
from gateway.store import Reader, Recorder

_log = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Reply:
    """What is sent: status, media type (None with an empty body), body, further headers."""

    status: int
    media: bytes | None
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Gateway:
    """What calls are answered with."""

    memory: Memory
    reader: Reader
    recorder: Recorder
    peppers: tuple[Pepper, ...]
    """The secrets of the keyed hashes of keys, the newest first."""
    evidence: Pepper
    """The secret of the keyed hashes in the records."""
    clock: Clock
    fresh: "Freshness"


@dataclass(slots=True)
class Freshness:
    """Whether the state in memory may be relied on."""

    caught_up: bool = False

    def need(self) -> None:
        """Raises Unavailable unless the state may be relied on."""
        if not self.caught_up:
            raise Unavailable(Trouble.GRANTS)


async def answer(gateway: Gateway, call: Call, raw_path: bytes, query: bytes, headers: Headers, body: bytes) -> Reply:
    """Answer a call that came by POST; its record is committed before this returns."""
    call.service_name = service_of(raw_path)
    call.notes = notes_of(headers)
    output = Format.JSON
    try:
        kind = body_kind(headers)
        gateway.fresh.need()
        given = parameters(query, kind, body, headers)
        output = decisions.wanted_format(given)
        await _decide_and_read(gateway, call, given, headers)
        assert call.plan is not None
        output = call.plan.format
        reply = Reply(200, answers.MEDIA[output], call.answer)
    except Decided as refused:
        call.who = refused.who
        reply = _failed(call, refused.code, output)
    except Refused as refused:
        reply = _failed(call, refused.code, output)
    except Transport as refused:
        return await refuse(gateway, call, refused.status)
    except Unavailable as trouble:
        reply = _unavailable(call, trouble.trouble, output)
    except Exception as error:  # noqa: BLE001  a caller gets an answer of the protocol whatever happens
        # A defect of ours: the caller is told that the platform cannot answer, and nothing of how it is made.
        _log.error("gateway.broken", call=str(call.id), exc_info=error)
        reply = _unavailable(call, Trouble.STORE, output)
    return await _recorded(gateway, call, reply, output)


async def _decide_and_read(gateway: Gateway, call: Call, given: dict[str, str], headers: Headers) -> None:
    memory = gateway.memory
    seen = memory.changes
    plan = _decide(gateway, call, given, headers)
    found = await gateway.reader.fetch(plan.shape, plan.values, plan.limit, plan.skip)
    while memory.changes != seen:
        # The grant is read again just before the answer: what was taken back meanwhile is not given.
        seen = memory.changes
        again = _decide(gateway, call, given, headers)
        if again != plan:
            plan = again
            found = await gateway.reader.fetch(plan.shape, plan.values, plan.limit, plan.skip)
    call.sourced_at = gateway.clock()
    call.batches, call.rows = found.batches, len(found.rows)
    call.answer = answers.success(plan.items, found.rows, plan.structure, plan.style, plan.format)
    call.code = Code.SUCCESS.value


def _decide(gateway: Gateway, call: Call, given: dict[str, str], headers: Headers) -> Plan:
    memory = gateway.memory
    call.who = decisions.identify(given, call.service_name, memory, gateway.peppers)
    view = decisions.admit(call.who, memory, address=call.address, at=call.received_at)
    call.plan = plan = decisions.plan(given, headers, call.who, view, memory)
    call.checked_at = gateway.clock()
    return plan


async def _recorded(gateway: Gateway, call: Call, reply: Reply, output: Format) -> Reply:
    """The reply, once its record is committed; without a commit in time it is 503 and says so."""
    digest, header = records.content_digest(reply.body)
    call.status = reply.status
    trouble = await _keep(gateway, call, digest)
    if trouble is not None:
        # The record may still be committed; the answer that it speaks of has not been given.
        reply = _unavailable(call, trouble, output)
        header = records.content_digest(reply.body)[1]
    return Reply(
        reply.status,
        reply.media,
        reply.body,
        (*reply.headers, (b"content-digest", header), (b"x-trace-id", call.trace_id.encode())),
    )


async def _keep(gateway: Gateway, call: Call, digest: str | None) -> Trouble | None:
    """Commit the record of a call; what kept it from being committed, if anything did."""
    try:
        await gateway.recorder.record(records.record(call, digest, gateway.evidence, gateway.clock()))
    except Unavailable as trouble:
        return trouble.trouble
    except Exception as error:  # noqa: BLE001  without its record no answer leaves, whatever is broken
        _log.error("gateway.broken", call=str(call.id), exc_info=error)
        return Trouble.TRAIL
    return None


def _failed(call: Call, code: Code, output: Format) -> Reply:
    call.code = code.value
    call.rows, call.batches = 0, ()
    return Reply(200, answers.MEDIA[output], answers.failure(code, output))


def _unavailable(call: Call, trouble: Trouble, output: Format) -> Reply:
    call.code = Code.PLATFORM.value
    call.rows, call.batches = 0, ()
    body = answers.failure(Code.PLATFORM, output)
    return Reply(503, answers.MEDIA[output], body, ((b"x-reason", trouble.value.encode()), (b"retry-after", b"1")))


async def refuse(gateway: Gateway, call: Call, status: int) -> Reply:
    """A transport refusal: an HTTP status and an empty body, recorded all the same."""
    call.status, call.code = status, str(status)
    trouble = await _keep(gateway, call, None)
    if trouble is not None:
        return _unavailable(call, trouble, Format.JSON)
    allow = ((b"allow", b"POST"),) if status == 405 else ()
    return Reply(status, None, b"", (*allow, (b"x-trace-id", call.trace_id.encode())))


def new_call(gateway: Gateway, *, method: str, address: str, trace_id: str) -> Call:
    received: datetime = gateway.clock()
    return Call(method=method, address=address, trace_id=trace_id, received_at=received)
