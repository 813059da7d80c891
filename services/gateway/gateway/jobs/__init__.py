"""What runs beside the calls: the server itself, the relay of access records, the counts of floods, several workers."""

from gateway.jobs.asking import WITHIN as ASK_WITHIN
from gateway.jobs.asking import Shown, Source, Tokens
from gateway.jobs.measures import Measures
from gateway.jobs.nearness import Nearness
from gateway.jobs.provider_measures import ProviderMeasures
from gateway.jobs.serving import Door, Limits, Server, Stop, door, listening_or_exit, operations, relay, serve
from gateway.jobs.tallies import Tallies
from gateway.jobs.timepiece import Timepiece
from gateway.jobs.tracing import traced
from gateway.jobs.watching import Watch
from gateway.jobs.workers import Group, Worker, group, run_group

__all__ = [
    "ASK_WITHIN",
    "Door",
    "Group",
    "Limits",
    "Measures",
    "Nearness",
    "ProviderMeasures",
    "Server",
    "Shown",
    "Source",
    "Stop",
    "Tallies",
    "Timepiece",
    "Tokens",
    "Watch",
    "Worker",
    "door",
    "group",
    "listening_or_exit",
    "operations",
    "relay",
    "run_group",
    "serve",
    "traced",
]
