"""What may pass is tried again and holds its partition; nothing is parked for a fault that is not its own."""

import asyncio
import gc
import itertools
import signal
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from common import bus, db, delivery, host, inbox
from common.errors import Unwell
from common.events import base
from provision import topics
from provision.plan import Right
from tests.support.probe import admin_client, header, make_probe, producer, send
from tests.support.proxying import TcpProxy
from tests.support.reading import reading
from tests.support.service_log import service_log
from tests.support.waiting import eventually


def good(probe, name, number=1):
    return (name.encode(), base.dump(probe.told(name, number)), probe.headers())


async def feed(probe, *names):
    await send(probe.kafka(probe.owner), probe.topic, [good(probe, name) for name in names])


@pytest.fixture
def proxied(database_of_module):
    """The database behind a link that can be cut."""
    url = make_url(database_of_module.app_url)
    with TcpProxy() as link:
        link.target = url.port
        yield link, url.set(host="127.0.0.1", port=link.port).render_as_string(hide_password=False)


@pytest.fixture
async def effect(proxied, shared_db):
    """A handler as services have them: claim and effect in one transaction, over the link."""
    link, url = proxied
    through = db.connect(url, application="through the link")
    marks = delivery.dead  # any table of ours will do to count effects in

    async def handle(event, meta):
        async with through.begin() as tx:
            if await inbox.first_time(tx, event.topic, meta):
                await tx.execute(marks.insert().values(origin=f"{event.topic}:{event.name}", reason="effect"))

    async def effects(probe):
        async with shared_db.begin() as tx:
            query = sa.select(marks.c.origin).where(marks.c.origin.startswith(f"{probe.topic}:"))
            return sorted((await tx.execute(query)).scalars())

    yield link, handle, effects
    await through.close()


async def test_a_short_outage_of_the_database_is_waited_for_and_each_effect_comes_once(probe, effect):
    link, handle, effects = effect
    async with reading(probe, handle) as reader:
        await feed(probe, "a")
        await reader.has_handled("a")
        link.cut()
        await feed(probe, "b", "c")

        async def tried_twice():
            return reader.tried.count("b") >= 2

        await eventually(tried_twice, what="the event is tried again")
        assert reader.handled == ["a"]
        link.mend()
        await reader.has_handled("c")
        await probe.all_committed()
    assert reader.handled == ["a", "b", "c"]
    assert await effects(probe) == [f"{probe.topic}:{name}" for name in "abc"]
    assert await probe.dead() == []


async def test_a_long_outage_holds_the_partition_in_order_and_parks_nothing(probe, effect, monkeypatch):
    # Longer than the tries of one delivery: the record is given back to the broker and comes again, first as before.
    monkeypatch.setattr(bus, "_BACKOFF_FIRST", 0.02)
    monkeypatch.setattr(bus, "_BACKOFF_TOTAL", 0.1)
    link, handle, effects = effect
    link.cut()
    with service_log() as log:
        async with reading(probe, handle) as reader:
            await feed(probe, *"abcde")

            async def many_tries():
                return len(reader.tried) >= 30

            await eventually(many_tries, what="many tries")
            assert set(reader.tried) == {"a"}, "nothing overtakes"
            assert await probe.committed() <= 0
            link.mend()
            await reader.has_handled("e")
            await probe.all_committed()
        assert reader.handled == list("abcde")
        assert [line["unwell"] for line in log.events("bus.trying_again")[:3]] == [True] * 3
    assert await effects(probe) == [f"{probe.topic}:{name}" for name in "abcde"]
    assert await probe.dead() == []


async def test_the_pauses_between_tries_grow(probe):
    times = []

    async def away(event, meta):
        times.append(time.monotonic())
        if len(times) < 5:
            raise Unwell("something")

    async with reading(probe, away) as reader:
        await feed(probe, "a")
        await reader.has_handled("a")
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    for pause, least in zip(pauses, (0.2, 0.4, 0.8, 1.6), strict=True):
        assert least <= pause < least + 0.5


async def test_an_outage_uses_up_no_try_of_an_unknown_error(probe, monkeypatch):
    monkeypatch.setattr(bus, "_BACKOFF_FIRST", 0.01)
    monkeypatch.setattr(bus, "_BACKOFF_LAST", 0.02)
    causes = [*[ConnectionRefusedError] * 7, *[ZeroDivisionError] * 4, None]

    async def fail(event, meta):
        cause = causes.pop(0)
        if cause is not None:
            raise cause

    async with reading(probe, fail) as reader:
        await feed(probe, "a")
        await reader.has_handled("a")
    assert causes == []
    assert await probe.dead() == []


async def test_one_topics_trouble_is_not_anothers(installation, monkeypatch):
    troubled, other = make_probe(installation), make_probe(installation)
    # The same reader reads both topics.
    rights = [Right(principal=troubled.reader, topic=other.topic)]
    topics._rights(admin_client(installation), rights)

    async def away(event, meta):
        if event.topic == troubled.topic:
            raise Unwell("something")

    async with reading(troubled, away, other.event) as reader:
        reader.broker.config.broker_config.graceful_timeout = 0.1  # at the end it is still held
        await feed(troubled, "held")

        async def held():
            return "held" in reader.tried

        await eventually(held)
        await feed(other, "a", "b", "c")
        await reader.has_handled("a", "b", "c")
        assert reader.handled == ["a", "b", "c"]


# --- Dead letters that cannot be written ----------------------------------------------------------------------------


async def test_while_dead_letters_cannot_be_written_the_partition_waits_and_nothing_is_skipped(
    installation, monkeypatch
):
    # FAULT-25: the record is let go only after its dead letter was acknowledged.
    monkeypatch.setattr(bus, "_DEAD_LETTER_PAUSE", 0.2)
    probe = make_probe(installation, park=False)
    with service_log() as log:
        async with reading(probe) as reader:
            began = time.monotonic()
            await send(probe.kafka(probe.owner), probe.topic, [good(probe, "a"), (b"h", b"{bad", []), good(probe, "b")])

            async def refused_several_times():
                return len(log.events("bus.dead_letter_failed")) >= 5

            await eventually(refused_several_times, what="several tries to park")
            tries, took = len(log.events("bus.dead_letter_failed")), time.monotonic() - began
            assert tries <= took / 0.2 + 1, "with a pause between"
            assert reader.handled == ["a"]
            assert await probe.committed() <= 1
            assert await probe.dead() == []
            rights = [Right(principal=probe.reader, topic=probe.dead_letters, write=True)]
            topics._rights(admin_client(installation), rights)
            await reader.has_handled("b", within=30)
            await probe.all_committed()
        assert reader.handled == ["a", "b"]
        assert {line["error"] for line in log.events("bus.dead_letter_failed")} == {"TopicAuthorizationFailedError"}
    (letter,) = await probe.dead()
    assert header(letter, "x-origin") == f"{probe.topic}/0/1"


# --- The reader itself ----------------------------------------------------------------------------------------------

IN_HAND = """
import asyncio, sys
from pydantic import SecretStr
from common import bus
from tests.support.probe import _event

servers, reader, password, topic, owner = sys.argv[1:]
event = _event(topic, owner, 1, state=False)
routes = bus.Routes(reader)

@routes.on(event)
async def handle(told, meta):
    print("in hand", told.name, flush=True)
    if told.name == "b":
        await asyncio.sleep(600)

async def main():
    broker = bus.broker(bus.Kafka(servers, reader, SecretStr(password)), reader)
    bus.attach(broker, routes)
    await broker.start()
    await asyncio.sleep(600)

asyncio.run(main())
"""


@asynccontextmanager
async def in_another_process(probe):
    """The reader as a process of its own, up to the moment in which it has the event `b` in hand."""
    password = probe.passwords[probe.reader].get_secret_value()
    servers = probe.installation.endpoints.kafka.bootstrap
    async with producer(probe.kafka(probe.reader)):  # its login is known from here on
        pass
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", IN_HAND, servers, probe.reader, password, probe.topic, probe.owner),
        stdout=asyncio.subprocess.PIPE,
        cwd=Path.cwd(),
    )
    try:
        async with asyncio.timeout(30):
            while await process.stdout.readline() != b"in hand b\n":
                assert process.returncode is None
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        process._transport.close()


async def test_a_record_in_hand_when_the_process_is_killed_comes_again(probe):
    # PIT-F1: the default policy would have let go of it before the handler began.
    await feed(probe, *"abc")
    async with in_another_process(probe) as process:
        process.send_signal(signal.SIGKILL)
        await process.wait()
    async with reading(probe) as reader:
        # A killed member leaves no word; the broker gives it up after its session's ten seconds (PIT-A3).
        await reader.has_handled("b", "c", within=30)
        await probe.all_committed()
    assert reader.handled in (["b", "c"], ["a", "b", "c"]), "what was done last may come again, nothing is missing"
    assert await probe.dead() == []


async def test_a_handler_that_is_cancelled_has_not_acknowledged(probe, monkeypatch):
    # PIT-F8, FAULT-21: the grace of a shutdown was too short for it.
    begun = asyncio.Event()

    async def endless(event, meta):
        begun.set()
        await asyncio.sleep(600)

    async with reading(probe, endless) as reader:
        reader.broker.config.broker_config.graceful_timeout = 0.1
        await feed(probe, "a")
        await begun.wait()
    assert reader.handled == []
    async with reading(probe) as again:
        await again.has_handled("a")
        await probe.all_committed()
    assert await probe.dead() == []


# FastStream leaves the producer of a vain start to the garbage collector; it holds no connection.
vain_starts = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@vain_starts
async def test_a_reader_that_starts_before_the_broker_can_be_reached_reads_when_it_can(probe, monkeypatch):
    # FAULT-41, and what `host` promises: starting never waits for the broker.
    monkeypatch.setattr(host, "_BROKER_PAUSE", 0.1)
    monkeypatch.setattr(host, "_BROKER_PAUSE_LAST", 0.2)
    await feed(probe, "a")
    with TcpProxy() as link, service_log() as log:
        link.target = int(probe.kafka(probe.reader).servers.rpartition(":")[2])
        link.cut()
        behind = bus.Kafka(link.address, probe.reader, probe.passwords[probe.reader])
        async with starting(probe, behind) as (started, handled):

            async def failed_twice():
                return len(log.events("bus.not_started")) >= 2

            await eventually(failed_twice, what="two vain starts")
            assert not started.is_set()
            link.mend()
            await asyncio.wait_for(handled.wait(), 30)
            assert started.is_set()


@vain_starts
async def test_an_unknown_principal_cannot_log_in_and_the_service_goes_on_trying(probe, monkeypatch):
    monkeypatch.setattr(host, "_BROKER_PAUSE", 0.1)
    stranger = bus.Kafka(probe.kafka(probe.reader).servers, "nobody", probe.passwords[probe.reader])
    with service_log() as log:
        async with starting(probe, stranger) as (started, _):

            async def failed_twice():
                return len(log.events("bus.not_started")) >= 2

            await eventually(failed_twice, what="two vain starts")
            assert not started.is_set()


@asynccontextmanager
async def starting(probe, kafka):
    """A reader that is being started as `host` does it; whether it has started, and whether it was handed an event."""
    broker, routes = bus.broker(kafka, probe.reader), bus.Routes(probe.reader)
    started, handled = asyncio.Event(), asyncio.Event()

    @routes.on(probe.event)
    async def handle(event, meta):
        handled.set()

    bus.attach(broker, routes)
    task = asyncio.create_task(host.start_broker(broker, started))
    try:
        yield started, handled
        assert started.is_set() or not task.done(), "it goes on trying"
    finally:
        await host.stop_broker(broker, task)
        gc.collect()
