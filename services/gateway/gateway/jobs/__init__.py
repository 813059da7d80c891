"""What runs beside the calls: the server itself, the relay of access records, the counts of floods, several workers."""

from gateway.jobs.measures import Measures
from gateway.jobs.serving import Door, Limits, Server, Stop, door, listening_or_exit, operations, relay, serve
from gateway.jobs.tallies import Tallies
from gateway.jobs.workers import Group, Worker, group, run_group

__all__ = [
    "Door",
    "Group",
    "Limits",
    "Measures",
    "Server",
    "Stop",
    "Tallies",
    "Worker",
    "door",
    "group",
    "listening_or_exit",
    "operations",
    "relay",
    "run_group",
    "serve",
]
