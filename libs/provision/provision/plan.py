"""What an installation consists of, derived from the events: principals, topics and who may do what with them.

Pure, so that a test can hold it against what the services really read and write.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from common import bus, events
from common.events import Event, Nature, base

SERVICES: Final = ("registry", "catalog", "sharing", "ingest-files", "gateway", "audit")
"""Principals of Kafka and owners of databases."""

READS: Final[dict[str, tuple[type[Event], ...]]] = {
    "registry": (),
    "catalog": (events.UnitChanged, events.BatchIngested),
    "sharing": (events.UnitChanged, events.CatalogChanged, events.ServiceChanged),
    "ingest-files": (events.UnitChanged, events.CatalogChanged, events.CodeSetChanged, events.FileReceived),
    "gateway": (
        events.UnitChanged,
        events.ServiceChanged,
        events.CodeSetChanged,
        events.GrantChanged,
        events.ResourceReady,
        events.ExchangeStateChanged,
    ),
    "audit": events.ALL,
}
"""Which topics each service reads; a test compares it with the services' subscribers and state readers."""

DEAD_LETTERS_KEPT: Final = timedelta(days=90)
SEGMENT: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicPlan:
    """A topic with its settings; `replicas` are decided where it is made."""

    name: str
    partitions: int
    config: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """What a principal may do with a topic, or with consumer groups of a prefix."""

    principal: str
    topic: str | None = None
    group_prefix: str | None = None
    write: bool = False


def database(service: str) -> str:
    """The name of a service's database; its roles are this name with `_owner` and `_app`."""
    return service.replace("-", "_")


def topics() -> Iterator[TopicPlan]:
    """Every topic: the events, and the dead letters of each service."""
    for event in events.ALL:
        yield TopicPlan(name=event.topic, partitions=event.partitions, config=_config(event))
    for service in SERVICES:
        yield TopicPlan(
            name=bus.dead_letter_topic(service),
            partitions=1,
            config={**_sized(), "cleanup.policy": "delete", "retention.ms": _millis(DEAD_LETTERS_KEPT)},
        )


def _sized() -> dict[str, str]:
    # Room for headers and the batch's own overhead beside the largest value.
    return {"max.message.bytes": str(2 * base.MAX_BYTES)}


def _millis(duration: timedelta) -> str:
    return str(int(duration.total_seconds() * 1000))


def _config(event: type[Event]) -> dict[str, str]:
    if event.nature is Nature.STATE:
        return {
            **_sized(),
            "cleanup.policy": "compact",
            "segment.ms": _millis(SEGMENT),
            "min.cleanable.dirty.ratio": "0.1",
        }
    return {**_sized(), "cleanup.policy": "delete", "retention.ms": _millis(event.retention)}


def rights() -> Iterator[Right]:
    """Who may do what: each topic is written by its owner alone."""
    for event in events.ALL:
        yield Right(principal=event.owner, topic=event.topic, write=True)
    for service in SERVICES:
        for event in READS[service]:
            yield Right(principal=service, topic=event.topic)
        yield Right(principal=service, topic=bus.dead_letter_topic(service))
        yield Right(principal=service, topic=bus.dead_letter_topic(service), write=True)
        yield Right(principal=service, group_prefix=f"{service}.")
