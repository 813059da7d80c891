"""What is benchmarked: a running exchange with one resource of many rows and many grants of it, and its competitors."""

import asyncio
import hashlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx2

from demo.system import System
from exchange import loading
from provision.secrets import EXCHANGE, LOADER, READER, postgres_url
from shuqiao import Refused, Session
from stack import free_ports
from tests.bench.load import CannotBench, Target
from tests.support.databases import query, value
from tests.support.waiting import until

ROWS = 100_000
GRANTS = 32
COLUMNS = ("code", "name", "amount", "updated")
STORE_CONNECTIONS = 8
LOG_MIB = 1024
"""Of the database's log, written before anything is measured."""
Query = tuple[str, tuple[str, ...], tuple[str, ...]]
"""A statement, the parameters that it binds, the columns that it gives."""
SAFE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
ITEMS: list[dict[str, Any]] = [
    {"code": "code", "name": "编号", "type": "text", "length": 12, "key_place": 1, "nullable": False},
    {"code": "name", "name": "名称", "type": "text", "length": 60, "nullable": False},
    {"code": "amount", "name": "金额", "type": "numeric", "precision": 14, "scale": 2},
    {"code": "updated", "name": "更新日期", "type": "date"},
]


@dataclass(frozen=True, slots=True)
class World:
    """The exchange, the calls to make, and where each competitor listens."""

    system: System
    targets: list[Target]
    view: str
    floor: str
    usual: str


def row(number: int) -> tuple[str, str, Decimal, date]:
    return (
        f"K{number:09d}",
        f"上海示例企业第{number}号有限公司",
        Decimal(number % 1_000_000) / 100,
        date(2020, 1, 1) + timedelta(days=number % 2000),
    )


@contextmanager
def opened(folder: Path) -> Iterator[System]:
    """The exchange as it is measured: durable, and with as many connections to the store as the floor has."""
    settings = {"gateway": {"GATEWAY_STORE_CONNECTIONS": str(STORE_CONNECTIONS), "GATEWAY_LOG_LEVEL": "WARNING"}}
    with System.open(folder / "system", settings=settings) as system:
        check_safe(system)
        age(system)
        system.enter_units()
        yield system


@contextmanager
def made(system: System) -> Iterator[World]:
    """Fill the exchange through its public APIs (the rows by the loader), start the competitors."""
    with ExitStack() as stack:
        entry = publish(system)
        services = [f"bench-{number}" for number in range(GRANTS)]
        offer(system, entry, services)
        asyncio.run(fill(system, f"{entry}_v1"))
        unit_key, method_keys = apply(system, entry, services)
        targets = [
            Target(f"/{service}", {"X-Unit-Key": unit_key, "X-Method-Key": key})
            for service, key in zip(services, method_keys, strict=True)
        ]
        await_callable(system, targets)
        view = value(
            system, EXCHANGE, "select quote_ident(schema_name) || '.' || quote_ident(view_name) from exchange.resource"
        )
        asyncio.run(fill_usual(system, view, unit_key, services, method_keys))
        floor = stack.enter_context(competitor(system, "floor", view, floor_queries(view)))
        usual = stack.enter_context(competitor(system, "usual", view, {}))
        yield World(system, targets, view, floor, usual)


def check_safe(system: System) -> None:
    """Refuse to measure a database that does not keep what it has committed.

    Raises:
        CannotBench: a setting is off.
    """
    for name, wanted in SAFE.items():
        found = value(system, "postgres", f"show {name}")
        if found != wanted:
            raise CannotBench(f"PostgreSQL's {name} is {found}; the bench runs with {wanted} only")


def age(system: System) -> None:
    """Have the database write its log over files that it has, as one does that has run for some hours.

    A new one has to make them while it is measured: a commit that begins a file then waits some 50 ms.
    """
    written = f"select pg_logical_emit_message(false, 'bench', repeat('x', {2**20})) from generate_series(1, {LOG_MIB})"
    value(system, "postgres", f"select count(*) from ({written}) as written(at)")
    query(system, "postgres", "checkpoint")


def publish(system: System) -> str:
    content = {
        "name": "压测资源",
        "classification": "307009",
        "abstract": "压测用的示例数据",
        "source_system": "压测",
        "format": "database",
        "update_frequency": "irregular",
        "data_grade": "general-1",
        "sharing_type": "unrestricted",
        "opening_type": "unrestricted",
        "items": ITEMS,
    }
    with as_(system, "mzj.bianzhi") as compiler:
        code: str = until(lambda: _try(lambda: compiler.post("catalog", "/entries", content)))["code"]
        compiler.post("catalog", f"/entries/{code}/submission")
    with as_(system, "mzj.shenhe") as reviewer:
        reviewer.post("catalog", f"/entries/{code}/review", {"approve": True})
    with as_(system, "mzj.fabu") as publisher:
        publisher.post("catalog", f"/entries/{code}/publication")
    return code


def _try(ask: Any) -> Any:
    try:
        return ask()
    except Refused:
        return None


def offer(system: System, entry: str, services: list[str]) -> None:
    content = {"name": "压测", "inputs": [{"item": "code", "operators": ["eq"], "required": True}]}
    with as_(system, "mzj.bianzhi") as compiler, as_(system, "mzj.fabu") as publisher:
        for service in services:
            compiler.post("catalog", "/services", {"code": service, "entry": entry, "content": content})
            publisher.put("catalog", f"/services/{service}/state", {"state": "active"})


async def fill(system: System, version: str) -> None:
    """Load the rows as a batch, by the loader's own road."""
    url = postgres_url(system.secrets, system.addresses, LOADER, EXCHANGE)
    await asyncio.to_thread(
        until,
        lambda: value(system, EXCHANGE, "select count(*) from exchange.resource") == 1,
        what="the resource's table",
    )
    connection = await asyncpg.connect(url)
    try:
        await loading.replace(
            connection,
            version=version,
            batch=uuid4(),
            sha256=hashlib.sha256(b"bench").hexdigest(),
            columns=COLUMNS,
            rows=((number + 2, row(number)) for number in range(ROWS)),
        )
    finally:
        await connection.close()


def apply(system: System, entry: str, services: list[str]) -> tuple[str, list[str]]:
    return apply_for(system, entry, services, list(COLUMNS))


def apply_for(system: System, entry: str, services: list[str], items: list[str]) -> tuple[str, list[str]]:
    """The unit's key, and the method key of each service."""
    body = {
        "entry": entry,
        "services": services,
        "items": items,
        "use_mode": "interface",
        "using_system": "压测",
        "reason": "压测",
        "contact": "021-00000000",
        "commitment": True,
    }
    with as_(system, "jyj.shenqing") as applicant, as_(system, "jyj.admin") as admin:
        drafted = until(lambda: _try(lambda: applicant.post("sharing", "/applications", body)))
        applicant.post("sharing", f"/applications/{drafted['id']}/submission")
        grants = {one["service"]: one["id"] for one in applicant.get("sharing", "/grants", limit=1000)}
        method_keys = [
            applicant.post("sharing", f"/grants/{grants[service]}/keys")["methodKey"] for service in services
        ]
        return admin.post("registry", "/units/jyj/keys")["unitKey"], method_keys


def as_(system: System, account: str) -> Session:
    return Session(system.profile, account, system.held.passwords[account])


def await_callable(system: System, targets: list[Target]) -> None:
    def all_answer() -> bool:
        for target in targets:
            url = f"{system.profile.gateway}{target.path}?code={row(7)[0]}"
            answer = httpx2.post(url, headers=target.headers).json()
            if answer["SUCCESS"] != "1" or len(answer["DATA"]) != 1:
                return False
        return True

    until(all_answer, within=30, what="every grant callable")


async def fill_usual(system: System, view: str, unit_key: str, services: list[str], method_keys: list[str]) -> None:
    """The tables that the usual way asks: the same rows, and the keys' digests."""
    connection = await asyncpg.connect(system.endpoints.postgres.url(EXCHANGE))
    try:
        await connection.execute("create schema usual")
        await connection.execute("set search_path = usual")
        await connection.execute(f"create table usual_record as select code, name, amount, updated from {view}")
        await connection.execute("alter table usual_record add primary key (code)")
        await connection.execute("create table usual_unit_key (hash text primary key, unit text)")
        await connection.execute(
            "create table usual_method_key (hash text primary key, unit text, service text, state text)"
        )
        digest = hashlib.sha256(unit_key.encode()).hexdigest()
        await connection.execute("insert into usual_unit_key values ($1, 'jyj')", digest)
        await connection.executemany(
            "insert into usual_method_key values ($1, 'jyj', $2, 'active')",
            [(hashlib.sha256(k.encode()).hexdigest(), s) for s, k in zip(services, method_keys, strict=True)],
        )
        await connection.execute(f"grant usage on schema usual to {READER}")
        await connection.execute(f"grant select on all tables in schema usual to {READER}")
        await connection.execute("analyze")
    finally:
        await connection.close()


def floor_sql(view: str) -> str:
    """The query of all three: the granted columns of one key, in key order, at most a page."""
    return f"select {', '.join(COLUMNS)} from {view} where code = $1 order by code limit 100"


def floor_queries(view: str) -> dict[str, Query]:
    """What the floor answers for `gateway.call`: the paths of its services, all with the same statement."""
    return {f"/bench-{number}": (floor_sql(view), ("code",), COLUMNS) for number in range(GRANTS)}


@contextmanager
def competitor(system: System, name: str, view: str, queries: Mapping[str, Query]) -> Iterator[str]:
    """Run a competitor as a process of its own while the block runs."""
    (port,) = free_ports(1)
    url = postgres_url(system.secrets, system.addresses, READER, EXCHANGE)
    prefix = name.upper()
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        f"{prefix}_PORT": str(port),
        f"{prefix}_CONNECTIONS": str(STORE_CONNECTIONS),
        "FLOOR_URL": url,
        "FLOOR_QUERIES": json.dumps(queries),
        "USUAL_URL": url.replace("postgresql://", "postgresql+asyncpg://"),
    }
    process = subprocess.Popen([sys.executable, "-m", f"tests.bench.{name}"], env=environment)
    try:
        until(lambda: process.poll() is not None or _listens(port), within=30, what=f"{name} up")
        if process.poll() is not None:
            raise CannotBench(f"{name} ended with {process.returncode}")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def await_rest(system: System) -> None:
    """Before each turn: the outbox is empty and the trail has caught up."""
    unsent = "select count(*) from outbox where published_at is null"
    until(lambda: value(system, "gateway", unsent) == 0, within=120, what="an empty outbox")
    # The last row of each worker says up to which number its records go.
    last = query(
        system,
        "gateway",
        "select r ->> 'worker' as worker, r ->> 'start' as start,"
        " (r ->> 'first')::bigint + jsonb_array_length(r -> 'records') as next"
        " from (select convert_from(payload, 'UTF8')::jsonb as r from outbox"
        " where id in (select max(id) from outbox group by key)) as newest",
    )
    kept = "select max(next_number) from worker_progress where worker = $1 and start = $2::uuid"
    for row_of in last:
        until(
            lambda told=row_of: (value(system, "audit", kept, told["worker"], told["start"]) or 0) >= told["next"],
            within=180,
            what="a trail that has caught up",
        )
