"""Whatever is sent, the gateway answers by its protocol, shows nothing that is not granted, and repeats no key.

Over real sockets, with the real parser, store and trail. The same requests in every run (IN-G2, G9, G10, G14, G20 to
G24, G27, G32 to G34 at large; REQ-G1).
"""

import asyncio
import dataclasses
import logging
from collections import Counter

import asyncpg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from prometheus_client import generate_latest
from structlog.testing import capture_logs

from exchange.layout import READER
from gateway import api, jobs
from gateway.domain.flood import Flood
from tests.support import called_people, edge_server, gateway_door
from tests.support import generated_requests as made
from tests.support.called_people import GRANTS, ITEMS, ROWS
from tests.support.gateway_world import World
from tests.support.waiting import eventually

BY_UNIT = {one.unit: one for one in GRANTS}
ENDED_WITHIN = 15.0
"""Seconds in which a connection whose caller says no more is ended, whatever it said."""


def bounded(examples):
    """The same in every run, with no search for a smaller example: the time is bounded."""
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )


class Spoken:
    """A gateway at a socket, and everything that it ever said in answers and log lines."""

    def __init__(self, door, edge, measures):
        self.door, self.edge, self.measures = door, edge, measures
        self.keys = made.Keys({(unit, s): door.world.keys(unit, s) for unit in BY_UNIT for s in ("people", "check")})
        self.said = []
        self.loop = asyncio.get_running_loop()

    async def exchange(self, raw):
        """Say something and no more; all that comes until the server ends the connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.edge.server.port)
        try:
            writer.write(raw)
            try:
                await writer.drain()
                writer.write_eof()
            except ConnectionError:
                pass  # answered and ended before all was said
            async with asyncio.timeout(ENDED_WITHIN):
                came = await reader.read()
        except ConnectionError:
            came = b""
        finally:
            writer.close()
        self.said.append(came)
        return came

    async def each(self, raws, *, heads=()):
        """What came of each, all of them said at once."""
        came = await asyncio.gather(*(self.exchange(raw) for raw in raws))
        return [made.answers(one, heads=n in heads) for n, one in enumerate(came)]

    def run(self, work):
        """From hypothesis, which works in a thread of its own."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout=60)


@pytest.fixture(scope="module")
async def people(store):
    resource = await store.made(*ITEMS, provider="generated")
    await store.load(resource, ROWS)
    return resource


@pytest.fixture
async def spoken(people, store, outbox):
    world = World()
    called_people.tell(world, people)
    url, measures = store.database.url(READER), jobs.Measures()
    async with gateway_door.opened(
        world=world, store_url=url, outbox_url=outbox.app_url, admin_url=outbox.admin_url()
    ) as door:
        # Nobody is shut out: each refusal is looked at by itself.
        gateway = dataclasses.replace(door.gateway, flood=Flood(recorded_each=10**9, shut_after=10**9))
        app = api.calls(
            gateway,
            lambda reply, code, _: measures.counted(reply.status, code),
            timed=lambda call, took: measures.timed(call.who.service.code if call.who.service else None, took),
        )
        async with edge_server.beside(app) as edge:
            yield Spoken(door, edge, measures)
        await app.recorded()


async def no_key_is_seen(spoken, entries):
    """Of no key any part: in no answer, log line, metric or record."""
    connection = await asyncpg.connect(spoken.door.outbox_url)
    try:
        rows = await connection.fetch(
            "select headers::text as headers, payload from outbox where key = $1", spoken.door.gateway.recorder.worker
        )
    finally:
        await connection.close()
    assert rows
    places = {
        "answers": b"\n".join(spoken.said),
        "log lines": repr(entries).encode(),
        "metrics": generate_latest(spoken.measures.registry),
        "records": b"\n".join(row["headers"].encode() + bytes(row["payload"]) for row in rows),
    }
    for place, text in places.items():
        shown = text.decode("utf-8", "replace").lower()
        assert [part for part in spoken.keys.parts() if part.lower() in shown] == [], place


async def test_calls_over_many_grants_give_what_the_model_says_and_nothing_else(spoken):
    met = Counter()
    hidden = {unit: [text.encode() for text in one.hidden()] for unit, one in BY_UNIT.items()}

    def judge(call, came):
        granted = BY_UNIT[call.unit]
        wanted = called_people.expected(granted, call.parameters)
        (answer,) = came
        assert made.faults(answer) == [], call
        assert [text for text in hidden[call.unit] if text in answer.raw] == [], call
        got = called_people.read(answer.body, call.parameters, granted.shown)
        if isinstance(wanted, list) and call.parameters.get("format") == "xml":
            wanted = called_people.as_texts(wanted)
            if call.parameters.get("rsStructure") == "SR" and wanted == [(None,)]:
                wanted = []
        elif call.parameters.get("rsStructure") == "SR" and wanted == [(None,)]:
            wanted = []  # null, and nobody found, are the same
        assert got == wanted, call
        met[wanted if isinstance(wanted, str) else "rows" if wanted else "none"] += 1

    @bounded(80)
    @given(st.lists(made.calls(), min_size=8, max_size=16))
    def play(calls):
        raws = [call.request(spoken.keys.of[call.unit, "people"]).raw for call in calls]
        for call, came in zip(calls, spoken.run(spoken.each(raws)), strict=True):
            judge(call, came)

    with capture_logs() as entries:
        await asyncio.to_thread(play)
    assert {"rows", "none", "101", "206", "301"} <= set(met), met
    assert met["rows"] > 100
    await no_key_is_seen(spoken, entries)


async def test_pages_by_cursor_are_the_whole_and_a_cursor_serves_nobody_else(spoken):
    walked = Counter()

    @bounded(60)
    @given(made.calls(), st.sampled_from(GRANTS))
    def play(call, other):
        granted = BY_UNIT[call.unit]
        parameters = {n: v for n, v in call.parameters.items() if n not in {"page", "rsStructure", "format", "rsStyle"}}
        call = dataclasses.replace(call, parameters=parameters)
        whole = called_people.expected(granted, {**parameters, "pageSize": "1000"})
        keys = spoken.keys.of[call.unit, "people"]
        rows, cursor = [], None
        while True:
            (came,) = spoken.run(spoken.each([call.request(keys, cursor).raw]))[0]
            got = called_people.read(came.body, parameters, granted.shown)
            if isinstance(whole, str):
                assert got == whole
                return
            rows += got
            cursor = came.headers.get("x-next-cursor")
            if cursor is None:
                break
            walked["pages"] += 1
            altered = cursor[:-2] + ("A" if cursor[-2] != "A" else "B") + cursor[-1]
            foreign = [] if other.unit == call.unit else [(other.unit, cursor)]
            for unit, bad in [(call.unit, altered), *foreign]:
                request = dataclasses.replace(call, unit=unit).request(spoken.keys.of[unit, "people"], bad)
                (refused,) = spoken.run(spoken.each([request.raw]))[0]
                assert called_people.read(refused.body, {}, []) in {"101", "206"}
        assert rows == whole

    await asyncio.to_thread(play)
    assert walked["pages"] > 20


async def test_hostile_requests_are_answered_by_the_protocol(spoken):
    met = Counter()

    @bounded(120)
    @given(st.lists(made.hostile(spoken.keys), min_size=8, max_size=16))
    def play(requests):
        heads = {n for n, one in enumerate(requests) if one.method == "HEAD"}
        for sent, came in zip(
            requests, spoken.run(spoken.each([one.raw for one in requests], heads=heads)), strict=True
        ):
            assert came, f"no answer to {sent}"
            for answer in came:
                assert made.faults(answer) == [], sent
                met[answer.status] += 1

    kinds = (b"application/json", b"application/x-www-form-urlencoded")
    junk = [made.Request(headers=((b"Content-Type", kind),), body=body) for body in made.JUNK for kind in kinds]
    with capture_logs() as entries:
        for sent, came in zip(junk, await spoken.each([one.raw for one in junk]), strict=True):
            assert [made.faults(answer) for answer in came] == [[]], sent
        await asyncio.to_thread(play)
    assert {200, 400, 405, 413, 415, 505} <= set(met), met
    assert met[200] > 150
    assert [entry for entry in entries if entry["event"] == "gateway.broken"] == []
    await no_key_is_seen(spoken, entries)


async def test_whatever_bytes_come_the_answer_is_http_and_of_the_protocol(spoken, caplog):
    met = Counter()

    @bounded(100)
    @given(st.lists(made.bytes_of(spoken.keys), min_size=8, max_size=16))
    def play(raws):
        for raw, came in zip(raws, spoken.run(spoken.each(raws)), strict=True):
            for answer in came:
                assert made.faults(answer) == [], raw
                met[answer.status] += 1

    with capture_logs() as entries, caplog.at_level(logging.DEBUG):
        await asyncio.to_thread(play)
    assert {200, 400} <= set(met), met
    assert [entry for entry in entries if entry["event"] == "gateway.broken"] == []
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
    # It still serves.
    keys = spoken.keys.of["clear", "people"]
    sound = made.Asked("clear", {"id": "0001"}, "query", keys_in_headers=False).request(keys)
    ((answer,),) = await spoken.each([sound.raw])
    assert answer.status == 200
    await eventually(lambda: asyncio.sleep(0, not spoken.edge.server.connections), what="no connection left")
    await no_key_is_seen(spoken, [*entries, *caplog.messages])
