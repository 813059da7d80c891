"""What a caller may ask for beside the three servers themselves."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from stack.endpoints import Endpoints
from stack.kafka import KafkaListener
from stack.program import Program

MorePrograms = Callable[[Endpoints], Iterable[Program]]
"""Programs to be started after the servers; they are told where the servers are."""


def nothing_more(_: Endpoints) -> Iterable[Program]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Extra listeners of Kafka, settings of PostgreSQL (`-c name=value`), more programs."""

    kafka_listeners: tuple[KafkaListener, ...] = ()
    postgres_settings: Mapping[str, str] = field(default_factory=dict)
    programs: MorePrograms = nothing_more
