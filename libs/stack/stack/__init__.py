"""Real Kafka, PostgreSQL and MinIO as local processes, without Docker.

`Stack.open(folder)` starts all three for a test or a command that stays; `acquire(folder)` takes them from wherever
they are; `python -m stack up` starts them for a developer. All files come from a per-user cache, filled once.
"""

from stack.control import Condition, Control, State
from stack.endpoints import (
    Endpoints,
    KafkaEndpoint,
    ListenerEndpoint,
    PostgresEndpoint,
    Provider,
    S3Endpoint,
    from_environment,
)
from stack.errors import StackError
from stack.folder import RunFolder
from stack.kafka import KafkaListener
from stack.launch import Child
from stack.local import Stack
from stack.process import free_ports
from stack.program import HttpReady, KafkaReady, PostgresReady, Probe, Program, TcpReady
from stack.providers import acquire
from stack.supervisor import Orders

__all__ = [
    "Child",
    "Condition",
    "Control",
    "Endpoints",
    "HttpReady",
    "KafkaEndpoint",
    "KafkaListener",
    "KafkaReady",
    "ListenerEndpoint",
    "Orders",
    "PostgresEndpoint",
    "PostgresReady",
    "Probe",
    "Program",
    "Provider",
    "RunFolder",
    "S3Endpoint",
    "Stack",
    "StackError",
    "State",
    "TcpReady",
    "acquire",
    "free_ports",
    "from_environment",
]
