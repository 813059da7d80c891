"""The walk over all that reads Kafka: how each subscriber and state reader is set, against what alone is safe."""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from faststream import AckPolicy
from faststream.kafka import KafkaBroker

from common import bus, events, host
from common.events import Event
from common.state import StateReader
from provision.plan import database


def service_of(name: str) -> host.Service:
    """The service of this name, as its command line has it."""
    found: host.Service = importlib.import_module(f"{database(name)}.__main__").SERVICE
    return found


def parts_of(name: str) -> host.Parts:
    """Its parts, built with its example settings; nothing is connected."""
    service = service_of(name)
    return service.build(service.example())


def unsafe_subscribers(broker: KafkaBroker, service: str) -> Iterator[str]:
    """What is wrong with the subscribers of a broker, one line each."""
    for subscriber in broker.subscribers:
        name = f"{service} reads {', '.join(subscriber.topic_names)}"
        yield from (f"{name}: {fault}" for fault in _faults(subscriber, service))
    config = broker.config.broker_config
    if "delivery" not in [getattr(middleware, "__name__", "") for middleware in config.broker_middlewares]:
        yield f"{service}: its broker lacks the middleware of delivery"
    if config.broker_parser is not bus.tolerant:
        yield f"{service}: its broker lacks the tolerant parser"


def _faults(subscriber: Any, service: str) -> list[str]:
    begins = subscriber._connection_args.get("auto_offset_reset")
    topics = subscriber.topic_names
    one = len(topics) == 1 and subscriber.pattern is None and not subscriber.partitions
    event = events.BY_TOPIC.get(topics[0]) if one else None
    kind = type(subscriber).__name__
    wrong = {
        f"ack policy {subscriber.ack_policy.name}": subscriber.ack_policy is not AckPolicy.NACK_ON_ERROR,
        "commits by itself": subscriber._connection_args.get("enable_auto_commit") is not False,
        "replies": not subscriber._no_reply,
        f"a new group begins at {begins}": begins != "earliest",
        "is not one topic by its name": not one,
        "is no event": one and event is None,
        f"group {subscriber.group_id}": event is not None and subscriber.group_id != bus.group(service, event),
        f"{len(subscriber.calls)} handlers": len(subscriber.calls) != 1,
        f"takes records several at a time ({kind})": kind != "DefaultSubscriber",
    }
    return [fault for fault, is_so in wrong.items() if is_so]


async def unsafe_reader(reader: StateReader) -> list[str]:
    """What is wrong with a state reader."""
    made = reader._consumer()
    await made.stop()
    name = f"{reader.service} holds {', '.join(reader.event_types)}"
    wrong = {
        "belongs to a group": made._group_id is not None,
        "commits": made._enable_auto_commit,
        "does not begin at the first record": made._auto_offset_reset != "earliest",
        "holds what is no state": any(event.nature is not events.Nature.STATE for event in reader.event_types.values()),
    }
    return [f"{name}: {fault}" for fault, is_so in wrong.items() if is_so]


def reads(parts: host.Parts) -> set[type[Event]]:
    """The events that a service reads: by its routes and by its state readers."""
    by_routes = {route.event for route in parts.routes.routes.values()} if parts.routes else set()
    return by_routes | {event for reader in parts.readers for event in reader.event_types.values()}


def made_by(name: str) -> set[type[Event]]:
    """The events that a service's code makes: it constructs them, or writes their head (`X.owner`) itself."""
    package = importlib.import_module(database(name))
    assert package.__file__ is not None
    known = {event.__name__: event for event in events.ALL}
    found: set[type[Event]] = set()
    for path in Path(package.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            made = node.func if isinstance(node, ast.Call) else None
            if isinstance(node, ast.Attribute) and node.attr == "owner":
                made = node.value
            name = made.id if isinstance(made, ast.Name) else getattr(made, "attr", "")
            found |= {known[name]} if name in known else set()
    return found
