"""The way back of what was parked: `python -m <service> dead-letters list | show | replay`."""

import asyncio

import pytest
import sqlalchemy as sa
from pydantic import Field
from pydantic_settings import SettingsConfigDict

from common import bus, db, deadletters, delivery, host, inbox
from common.errors import Conflict
from common.events import base
from common.settings import MigrationSettings, ServiceSettings
from tests.support.probe import producer, send
from tests.support.reading import reading
from tests.support.service_log import service_log

CANARY = "canary-张三"


class ProbeSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="PROBE_")

    port: int = Field(default=0)


class Office:
    """A service whose rule can be bent: it refuses names until they are allowed, and counts its effects."""

    def __init__(self, probe, database_url):
        self.probe, self.url = probe, database_url
        self.allowed: set[str] = set()
        self.effects: list[str] = []

    async def handle(self, database, event, meta):
        async with database.begin() as tx:
            if await inbox.first_time(tx, self.probe.reader, meta):
                if event.name not in self.allowed:
                    raise Conflict("现在还不行", reason="not-yet")
                self.effects.append(event.name)

    def build(self, settings):
        database = db.connect(settings.database_url, application="office")
        kafka = bus.Kafka.of(settings)
        routes = bus.Routes(self.probe.reader)

        @routes.on(self.probe.event)
        async def told(event, meta):
            await self.handle(database, event, meta)

        broker = bus.broker(kafka, self.probe.reader)
        bus.attach(broker, routes)
        return host.Parts(service=self.probe.reader, app=None, db=database, kafka=kafka, broker=broker, routes=routes)

    @property
    def service(self):
        return host.Service(
            name=self.probe.reader,
            package="office",
            about="office",
            settings=ProbeSettings,
            example=ProbeSettings,
            build=self.build,
            owner=MigrationSettings,
        )


@pytest.fixture
def office(probe, database_of_module, monkeypatch):
    kafka = probe.kafka(probe.reader)
    for name, value in {
        "DATABASE_URL": database_of_module.app_url,
        "KAFKA_SERVERS": kafka.servers,
        "KAFKA_USER": kafka.user,
        "KAFKA_PASSWORD": kafka.password.get_secret_value(),
        "REGISTRY_URL": "http://localhost",
    }.items():
        monkeypatch.setenv(f"PROBE_{name}", value)
    monkeypatch.delenv("SHUQIAO_SECRETS", raising=False)
    return Office(probe, database_of_module.app_url)


@pytest.fixture
def command(office, capsys):
    """Runs the command as an operator does; gives its status, what it wrote, and what it complained of but its log."""

    async def run(*arguments):
        capsys.readouterr()
        with service_log() as log:
            status = await asyncio.to_thread(host.main, office.service, ["dead-letters", *arguments])
        written = capsys.readouterr()
        assert CANARY not in log.text + written.err
        return status, written.out, "".join(line for line in written.err.splitlines(True) if line[0] != "{")

    return run


async def park(office, *sent):
    """Let the service refuse these records."""
    probe = office.probe
    database = db.connect(office.url, application="office")

    async def handle(event, meta):
        await office.handle(database, event, meta)

    async with reading(probe, handle):
        await send(probe.kafka(probe.owner), probe.topic, sent)
        await probe.all_committed()
    await database.close()


def told(probe, name):
    return name.encode(), base.dump(probe.told(name, 1, text=CANARY)), probe.headers()


def origin(probe, offset):
    return f"{probe.topic}/0/{offset}"


async def test_the_list_names_each_with_time_origin_reason_and_state_and_nothing_of_what_is_in_it(office, command):
    probe = office.probe
    await park(office, told(probe, "a"), (b"h", b"{bad " + CANARY.encode(), []), (b"h", None, probe.headers()))
    status, out, err = await command("list")
    assert (status, err) == (0, "")
    lines = [line.split("  ") for line in out.splitlines()]
    assert [line[1:] for line in lines] == [
        [origin(probe, 0), "conflict:not-yet", "parked"],
        [origin(probe, 1), "undecodable:schema", "parked"],
        [origin(probe, 2), "undecodable:tombstone", "parked"],
    ]
    assert CANARY not in out


async def test_an_empty_list_is_empty(command):
    assert await command("list") == (0, "", "")


async def test_what_was_parked_twice_is_listed_once(office, command):
    # PIT-F16: a crash between the dead letter and the commit parks a record again.
    probe = office.probe
    headers = [("x-reason", b"conflict"), ("x-origin", origin(probe, 7).encode()), ("x-attempts", b"many")]
    async with producer(probe.kafka(probe.reader)) as sending:
        for _ in range(2):
            await sending.send_and_wait(probe.dead_letters, b"{}", b"k", headers=headers)
    status, out, _ = await command("list")
    assert status == 0
    assert out.count(origin(probe, 7)) == len(out.splitlines()) == 1


@pytest.mark.parametrize("count", [61, 64, 10_000])
async def test_an_origin_is_found_however_many_headers_the_record_had(office, command, count):
    probe = office.probe
    await park(office, (b"h", b"{", [(f"h{n}", b"v") for n in range(count)]))
    _, out, _ = await command("list")
    assert out.split("  ")[1:] == [origin(probe, 0), "undecodable:schema", "parked\n"]


async def test_one_is_shown_with_its_head_and_its_value_only_where_that_is_asked_for(office, command):
    probe = office.probe
    await park(office, told(probe, "a"))
    status, out, _ = await command("show", origin(probe, 0))
    assert status == 0
    assert CANARY not in out
    assert f"origin    {origin(probe, 0)}\n" in out
    assert "reason    conflict:not-yet\n" in out
    assert "attempts  1\n" in out
    assert f"header    ce_type: {probe.topic}\n" in out
    size = len(base.dump(probe.told("a", 1, text=CANARY)))
    assert f"value     {size} bytes" in out
    _, out, _ = await command("show", origin(probe, 0), "--value")
    assert repr(base.dump(probe.told("a", 1, text=CANARY))) in out


async def test_a_tombstone_and_a_value_that_was_left_behind_are_shown_as_such(office, command):
    probe = office.probe
    await park(office, (b"h", None, probe.headers()), (b"h", b"0" * (base.MAX_BYTES + 1), probe.headers()))
    _, out, _ = await command("show", origin(probe, 0))
    assert "value     none\n" in out
    _, out, _ = await command("show", origin(probe, 1))
    assert f"value     {base.MAX_BYTES + 1} bytes, too large for any event" in out
    for offset, reason in ((0, "undecodable:tombstone"), (1, "undecodable:too-large")):
        status, _, err = await command("replay", origin(probe, offset))
        assert status == 1
        assert err.startswith(reason)


async def test_a_replay_has_its_effect_once_and_is_noted_with_who_and_when(office, command):
    probe = office.probe
    await park(office, told(probe, "a"), told(probe, "b"))
    office.allowed |= {"a", "b"}
    for _ in range(2):
        status, out, err = await command("replay", origin(probe, 0), "--by", "li")
        assert (status, out, err) == (0, f"replayed {origin(probe, 0)}\n", "")
    assert office.effects == ["a"], "the inbox makes the second harmless"
    _, out, _ = await command("list")
    states = [line.split("  ")[3] for line in out.splitlines()]
    assert states[0].startswith("replayed 20")
    assert states[1] == "parked"
    database = db.connect(office.url, application="test")
    async with database.begin() as tx:
        query = sa.select(delivery.dead).where(delivery.dead.c.origin.startswith(probe.topic))
        (row,) = (await tx.execute(query)).all()
    await database.close()
    assert (row.origin, row.reason, row.replayed_by) == (origin(probe, 0), "conflict:not-yet", "li")


async def test_what_is_still_refused_stays_parked_and_says_why(office, command):
    probe = office.probe
    await park(office, told(probe, "a"))
    status, out, err = await command("replay", origin(probe, 0))
    assert (status, out) == (1, "")
    assert err == "conflict:not-yet: 现在还不行\n"
    assert office.effects == []
    _, out, _ = await command("list")
    assert out.endswith("  parked\n")
    office.allowed.add("a")
    assert (await command("replay", origin(probe, 0)))[0] == 0
    assert office.effects == ["a"]


async def test_an_undecodable_one_is_refused_again_and_not_handed_to_the_handler(office, command):
    probe = office.probe
    office.allowed.add("h")
    value = base.dump(probe.told("h", 1))
    await park(office, (b"other", value, probe.headers()), (b"h", value, probe.headers(ce_source="/shuqiao/x")))
    for offset, reason in ((0, "undecodable:key"), (1, "undecodable:ce-source")):
        status, _, err = await command("replay", origin(probe, offset))
        assert status == 1
        assert err.startswith(reason)
    assert office.effects == []


@pytest.mark.parametrize("action", ["show", "replay"])
async def test_an_origin_that_was_never_parked_is_said_to_be_unknown(command, office, action):
    status, out, err = await command(action, "nothing/0/0")
    assert (status, out) == (1, "")
    assert err.startswith("not-found: ")


async def test_a_topic_that_the_service_does_not_read_cannot_be_replayed(office, command):
    probe = office.probe
    headers = [("x-reason", b"conflict"), ("x-origin", b"another-topic/0/1")]
    await send(probe.kafka(probe.reader), probe.dead_letters, [(b"k", b"{}", headers)])
    status, _, err = await command("replay", "another-topic/0/1")
    assert status == 1
    assert "another-topic" in err


@pytest.mark.parametrize("action", ["show", "replay"])
async def test_without_an_origin_the_command_says_how_it_is_used(command, action, capsys):
    with pytest.raises(SystemExit) as ended:
        await command(action)
    assert ended.value.code == 2
    assert "ORIGIN" in capsys.readouterr().err


async def test_while_the_broker_or_the_database_is_away_it_says_so_and_nothing_more(office, command, monkeypatch):
    monkeypatch.setenv("PROBE_KAFKA_SERVERS", "127.0.0.1:9")
    status, out, err = await command("show", origin(office.probe, 0))
    assert (status, out) == (1, "")
    assert err.startswith("not now")
    monkeypatch.setenv("PROBE_DATABASE_URL", "postgresql://x:y@127.0.0.1:9/z")
    status, out, err = await command("list")
    assert (status, out) == (1, "")
    assert err.startswith("not now")


async def test_reading_ends_when_the_broker_stops_answering(office, monkeypatch):
    # Whoever looks at dead letters is in trouble already, and must not wait without end.
    probe = office.probe
    await park(office, told(probe, "a"))
    monkeypatch.setattr(deadletters, "_READ_TIMEOUT_MS", 20)
    monkeypatch.setattr(deadletters.AIOKafkaConsumer, "getmany", lambda *_, **__: asyncio.sleep(0, {}))
    with pytest.raises(TimeoutError):
        await deadletters.find(probe.kafka(probe.reader), probe.reader, origin(probe, 0))
