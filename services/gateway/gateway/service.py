"""A call, from its parameters to its answer: decided, read, formed, recorded; in this order and no other."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from common import log
from common.clock import Clock
from common.events import RecordKind
from common.keys import Pepper
from gateway import linking
from gateway.domain import answers, decisions, records
from gateway.domain.access import Access
from gateway.domain.cursors import Place, Question, Seal
from gateway.domain.decisions import Decided, Format, Plan
from gateway.domain.flood import Flood, Kind
from gateway.domain.freshness import Freshness
from gateway.domain.memory import Memory
from gateway.domain.origins import secure
from gateway.domain.proofs import Proof
from gateway.domain.records import Call
from gateway.domain.requests import Headers, body_kind, notes_of, parameters, service_of
from gateway.domain.signatures import Message
from gateway.errors import Code, Refused, Transport, Trouble, Unavailable
from gateway.providing import Provided, as_kind
from gateway.pushing import Pushing
from gateway.store.claims import Claims
from gateway.store.metering import Meter
from gateway.store.nonces import Nonces
from gateway.store.reading import Reader, Rows
from gateway.store.recording import Recorder

SUCCESS: Final = Code.SUCCESS.value
BAD_KEYS: Final = frozenset({Code.UNIT_KEY.value, Code.METHOD_KEY.value})
MALFORMED: Final = frozenset({400, 408, 414, 431, 505})
_log = log.get(__name__)


Header = tuple[bytes, bytes]
Came = tuple[bytes, bytes, Headers, bytes]
"""A request as it came: path, query, headers, body."""


class Reply(NamedTuple):
    """What is sent: status, media type (None with an empty body), body, further headers."""

    status: int
    media: bytes | None
    body: bytes
    headers: tuple[Header, ...] = ()


@dataclass(frozen=True, slots=True)
class Gateway:
    """What calls are answered with."""

    memory: Memory
    reader: Reader
    recorder: Recorder
    meter: Meter
    claims: Claims
    seal: Seal
    peppers: tuple[Pepper, ...]
    """The secrets of the keyed hashes of keys, the newest first."""
    evidence: Pepper
    """The secret of the keyed hashes in the records."""
    clock: Clock
    fresh: Freshness
    flood: Flood
    nonces: Nonces
    provided: Provided
    pushing: Pushing


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
        reply = await _decide_and_read(gateway, call, given, (raw_path, query, headers, body))
        gateway.meter.check(call.charge)
        # Again: the process may have stood still while the rows were read.
        gateway.fresh.need()
    except Decided as refused:
        call.who = refused.who
        reply = _failed(call, refused.code, output)
    except Refused as refused:
        reply = _failed(call, refused.code, output)
    except Transport as refused:
        return await refuse(gateway, call, refused.status)
    except Unavailable as trouble:
        reply = _unavailable(gateway, call, trouble.trouble, output)
    except Exception as error:  # noqa: BLE001  a caller gets an answer of the protocol whatever happens
        # A defect of ours: the caller is told that the platform cannot answer, and nothing of how it is made.
        _log.error("gateway.broken", call=str(call.id), exc_info=error)
        reply = _unavailable(gateway, call, Trouble.STORE, output)
    return await _recorded(gateway, call, reply, output)


async def _decide_and_read(gateway: Gateway, call: Call, given: dict[str, str], came: Came) -> Reply:
    memory, headers = gateway.memory, came[2]
    seen = memory.changes
    access = _admit(gateway, call, given, came)
    assert call.who.grant is not None
    if call.proof is not None:
        await _use_up(gateway, call.proof)
    if call.who.grant.metered:
        call.charge = gateway.meter.take_at_once(call.who.grant) or await gateway.meter.take(call.who.grant)
    assert call.who.service is not None
    if call.who.service.writes:
        return Reply(*await gateway.pushing.reply(call, given, headers, lambda: _admit(gateway, call, given, came)))
    plan = call.plan = decisions.plan(given, headers, call.who, access, memory)
    question = _question(call, given) if plan.paging.cursor is not None else None
    behind = gateway.seal.open(plan.paging.cursor, question) if plan.paging.cursor and question else None
    call.checked_at = gateway.clock()
    if access.scope.verify:
        await _count_claims(gateway, call, plan)
    found = await _source(gateway, call, plan, behind)
    while memory.changes != seen:
        # The grant is read again just before the answer: what was taken back meanwhile is not given.
        seen = memory.changes
        again = decisions.plan(given, headers, call.who, _admit(gateway, call, given, came), memory)
        if call.proof is not None:
            await _use_up(gateway, call.proof)
        if not again.same_as(plan):
            plan = call.plan = again
            found = await _source(gateway, call, plan, behind)
    call.sourced_at = gateway.clock()
    template = plan.template
    rows = (answers.verified(template, found.rows),) if template.claimed else found.rows
    call.batches, call.rows = found.batches, len(found.rows)
    output = plan.output
    body = answers.success(template, rows, output)
    call.code = SUCCESS
    return Reply(200, answers.MEDIA[output.format], body, _headers(gateway, call, given, plan, found))


def _admit(gateway: Gateway, call: Call, given: dict[str, str], came: Came) -> Access:
    call.who = decisions.identify(given, call.service_name, gateway.memory, gateway.peppers)
    grant = call.who.grant
    if grant is not None and grant.demanding and call.proof is None:
        path, query, headers, body = came
        message = Message(call.method, path, query, headers, body, call.from_ingress and secure(headers))
        call.proof = Proof(message, call.from_ingress)
    return decisions.admit(call.who, gateway.memory, address=call.address, at=call.received_at, proof=call.proof)


async def _use_up(gateway: Gateway, proof: Proof) -> None:
    """The last of check 6: a signature that is right is of now and comes once. A grant read again costs no second one.

    Raises:
        Refused: 203. Unavailable: nobody can say.
    """
    signature = proof.signature
    if signature is None or signature == proof.used:
        return
    proof.fault = await gateway.nonces.take(signature)
    if proof.fault is not None:
        raise Refused(Code.GRANT)
    proof.used = signature


async def _count_claims(gateway: Gateway, call: Call, plan: Plan) -> None:
    identity, claims = records.claimed(call, plan, gateway.evidence)
    assert call.who.unit is not None
    await gateway.claims.admit(call.who.unit, identity, claims)


def _source(gateway: Gateway, call: Call, plan: Plan, behind: Place | None) -> Awaitable[Rows]:
    """The rows of a call: the exchange store's, or the provider's own."""
    assert call.who.service is not None
    if call.who.service.interface is not None:
        return gateway.provided.rows(call, plan)
    rows = _find(gateway, plan) or _page(gateway, plan, behind)
    if call.who.service.links and plan.output.single:
        return linking.linked(gateway.pushing.ingest, call, plan, rows)
    return rows


def _find(gateway: Gateway, plan: Plan) -> "asyncio.Future[Rows] | None":
    """The rows of a call that finds one at most; None if it may find more."""
    shape, paging = plan.template.shape, plan.paging
    return gateway.reader.find(shape, plan.values) if shape.finds_one and paging.first else None


async def _page(gateway: Gateway, plan: Plan, behind: Place | None) -> Rows:
    shape, paging = plan.template.shape, plan.paging
    if plan.output.single or plan.template.claimed:
        # One is asked for; the second tells that it is not the only one.
        return await gateway.reader.page(shape, plan.values, limit=2)
    return await gateway.reader.page(
        shape, plan.values, limit=paging.limit, skip=paging.skip, order=paging.order, behind=behind
    )


def _question(call: Call, given: dict[str, str]) -> Question:
    service = call.who.service
    assert service is not None
    assert call.who.unit is not None
    assert call.plan is not None
    return Question(
        unit=call.who.unit,
        service=service.code,
        resource_version=service.resource_version,
        filters={name: given[name] for name in call.plan.template.filters},
        order=given.get("orderBy"),
    )


def _headers(gateway: Gateway, call: Call, given: dict[str, str], plan: Plan, found: Rows) -> tuple[Header, ...]:
    as_of: tuple[Header, ...] = () if found.as_of is None else ((b"x-data-as-of", found.as_of.encode()),)
    if plan.template.claimed or plan.output.single:
        return as_of
    if call.outside is not None:
        # The provider's whole answer was here: counted, and its pages are told by number.
        return ((b"x-total-count", b"%d" % call.outside.total),)
    if found.place is not None:
        cursor = gateway.seal.close(found.place, _question(call, given))
        return (*as_of, (b"x-next-cursor", cursor.encode()))
    if plan.paging.cursor is None and (found.rows or not plan.paging.skip):
        # The end was seen, so all that match are counted.
        return (*as_of, (b"x-total-count", b"%d" % (plan.paging.skip + len(found.rows))))
    return as_of


async def _recorded(gateway: Gateway, call: Call, reply: Reply, output: Format) -> Reply:
    """The reply, once its record is committed; without a commit in time it is 503 and says so."""
    digest, header = records.content_digest(reply.body)
    call.status = reply.status
    trouble = await _keep(gateway, call, digest)
    if trouble is None and call.code == SUCCESS and not gateway.fresh.holds:
        trouble = Trouble.GRANTS
    if trouble is not None:
        # The record may still be committed; the answer that it speaks of has not been given.
        reply = _unavailable(gateway, call, trouble, output)
        header = records.content_digest(reply.body)[1]
    status, media, body, headers = reply
    return Reply(status, media, body, (*headers, (b"content-digest", header), (b"x-trace-id", call.trace_id.encode())))


async def _keep(gateway: Gateway, call: Call, digest: str | None) -> Trouble | None:
    """Commit the record of a call; what kept it from being committed, if anything did."""
    if call.code != SUCCESS and call.outside is None and not _alone(gateway, call):
        return None
    try:
        made = records.record(call, digest, gateway.evidence, gateway.clock())
        if call.proof is not None:
            made = call.proof.noted(made)
        await gateway.recorder.record(made if call.outside is None else as_kind(RecordKind.END, made))
    except Unavailable as trouble:
        return trouble.trouble
    except Exception as error:  # noqa: BLE001  without its record no answer leaves, whatever is broken
        _log.error("gateway.broken", call=str(call.id), exc_info=error)
        return Trouble.TRAIL
    return None


def _alone(gateway: Gateway, call: Call) -> bool:
    """Whether a refusal is recorded by itself; the later ones of a flood are counted, and the count is recorded."""
    if call.code in BAD_KEYS:
        kind = Kind(call.status, call.code, call.who.unit or "")
        return gateway.flood.bad_key(call.address, kind, call.received_at)
    if call.status in MALFORMED:
        return gateway.flood.malformed(call.address, Kind(call.status, call.code), call.received_at)
    return True


def _failed(call: Call, code: Code, output: Format) -> Reply:
    call.code = code.value
    call.rows, call.batches = 0, ()
    return Reply(200, answers.MEDIA[output], answers.failure(code, output))


def _unavailable(gateway: Gateway, call: Call, trouble: Trouble, output: Format) -> Reply:
    call.code = Code.PLATFORM.value
    if call.charge is not None:
        # What the platform could not answer is not charged.
        gateway.meter.give_back(call.charge)
        call.charge = None
    call.rows, call.batches = 0, ()
    body = answers.failure(Code.PLATFORM, output)
    return Reply(503, answers.MEDIA[output], body, ((b"x-reason", trouble.value.encode()), (b"retry-after", b"1")))


async def refuse(gateway: Gateway, call: Call, status: int) -> Reply:
    """A transport refusal: an HTTP status and an empty body, recorded all the same."""
    call.status, call.code = status, str(status)
    trouble = await _keep(gateway, call, None)
    if trouble is not None:
        return _unavailable(gateway, call, trouble, Format.JSON)
    allow = ((b"allow", b"POST"),) if status == 405 else ()
    return Reply(status, None, b"", (*allow, (b"x-trace-id", call.trace_id.encode())))


def new_call(gateway: Gateway, *, method: str, address: str, trace_id: str) -> Call:
    received: datetime = gateway.clock()
    return Call(method=method, address=address, trace_id=trace_id, received_at=received)
