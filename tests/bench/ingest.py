"""`ingest.*`: a file from its upload's completion to the first answer with a new row, against the bare floor.

The floor reads the same bytes (Python's csv reader, or calamine) and copies the same rows by asyncpg into a table of
the same columns, key and indexes, without a check; it is done when the row can be selected.
"""

import asyncio
import csv
import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx2
import psutil
from rich.console import Console

from demo.system import System
from provision.secrets import EXCHANGE
from shuqiao import files
from tests.bench import filing
from tests.bench.load import CannotBench
from tests.bench.telling import spread_of
from tests.bench.world import _try, apply_for, as_, await_rest
from tests.support.databases import value
from tests.support.waiting import until

ROUNDS: Final = int(os.environ.get("BENCH_ROUNDS", "5"))
MIB: Final = 1024 * 1024
SIZES: Final = (("ingest.xlsx", "xlsx", 100_000), ("ingest.csv", "csv", 1_000_000), ("ingest.csv-100k", "csv", 100_000))
EVERY: Final = 0.05
"""Seconds between two calls that ask for the new row."""
NAME: Final = "压测归集"
SERVICE: Final = "bench-ingest"


def run(system: System, folder: Path, console: Console) -> dict[str, Any]:
    """Measure every size, each round with a file of its own in the place of the rows of before."""
    world = _World.made(system)
    found: dict[str, Any] = {}
    series = 0
    for name, kind, count in SIZES:
        rounds: list[dict[str, float]] = []
        for number in range(ROUNDS):
            series += 1
            console.print(f"… {name} 第{number + 1}轮，共{ROUNDS}轮（{count}行）")
            path = folder / f"{NAME}-20230630.{kind}"
            (filing.write_csv if kind == "csv" else filing.write_xlsx)(path, count, series)
            one: dict[str, float] = {"mib": round(path.stat().st_size / MIB, 1)}
            for who in ("ours", "floor") if number % 2 == 0 else ("floor", "ours"):
                world.empty()
                await_rest(system)
                measured = world.ours(path, count, series) if who == "ours" else world.floor(path, count, series)
                one |= {f"{who}_{key}" if key != "seconds" else who: value for key, value in measured.items()}
            rounds.append(one)
            path.unlink()
        told = spread_of({"ratio_floor": [one["floor"] / one["ours"] for one in rounds]})
        told["child_rss_mib"] = max(one["ours_child_rss_mib"] for one in rounds)
        told["service_rss_grown_mib"] = max(one["ours_service_rss_grown_mib"] for one in rounds)
        told["rounds"] = rounds
        for one in rounds:
            console.print(
                f"  ours {one['ours']:.2f} s, floor {one['floor']:.2f} s, ratio {one['floor'] / one['ours']:.2f}",
                highlight=False,
            )
        console.print(
            f"{name} ratio_floor {told['ratio_floor']}（{told['spread']['ratio_floor']}）"
            f" child_rss_mib {told['child_rss_mib']}",
            highlight=False,
        )
        found[name] = told
    return found


@dataclass(slots=True)
class _World:
    """A resource that takes whole files, a service of it, and a unit that may call the service."""

    system: System
    entry: str
    table: str
    headers: dict[str, str]

    @classmethod
    def made(cls, system: System) -> "_World":
        with as_(system, "dsjzx.shenhe") as reviewer:
            codes = [{"code": code, "name": code} for code in ("1", "2", "9")]
            reviewer.post(
                "catalog", "/code-sets", {"id": "bench-sex", "name": "性别", "source": "压测", "codes": codes}
            )
        entry = _published(system)
        with as_(system, "mzj.bianzhi") as compiler, as_(system, "mzj.fabu") as publisher:
            content = {"name": "压测", "inputs": [{"item": "ZJHM", "operators": ["eq"], "required": True}]}
            compiler.post("catalog", "/services", {"code": SERVICE, "entry": entry, "content": content})
            publisher.put("catalog", f"/services/{SERVICE}/state", {"state": "active"})
            loading = {"ways": ["replace"], "whole": True}
            until(lambda: _try(lambda: publisher.put("ingest-files", f"/entries/{entry}/loading", loading)))
        unit_key, method_keys = apply_for(system, entry, [SERVICE], list(filing.CODES))
        until(lambda: value(system, EXCHANGE, "select count(*) from exchange.resource") == 1, what="the table")
        table = value(system, EXCHANGE, "select format('%I.%I', schema_name, table_name) from exchange.resource")
        return cls(system, entry, table, {"X-Unit-Key": unit_key, "X-Method-Key": method_keys[0]})

    def empty(self) -> None:
        """Both begin with a table that holds nothing and an old one that is settled."""
        asyncio.run(_floor_table(self.system, self.table))

    def ours(self, path: Path, count: int, series: int) -> dict[str, float]:
        wanted = filing.key(count - 1, series)
        with as_(self.system, "mzj.bianzhi") as provider, httpx2.Client(timeout=30) as http:
            body = {"entry": self.entry, "name": path.name, "size": path.stat().st_size}
            begun = provider.post("ingest-files", "/uploads", body)
            with path.open("rb") as file:
                _post(begun["url"], begun["fields"], file)
            url = f"{self.system.profile.gateway}/{SERVICE}?ZJHM={wanted}"
            with _watched(self.system) as watch:
                began = time.perf_counter()
                provider.post("ingest-files", f"/uploads/{begun['upload']['id']}/completion")
                _await_answer(http, url, self.headers)
                seconds = time.perf_counter() - began
            done = files.result(provider, begun["upload"]["id"])
            if (done["state"], done["rows"]) != ("loaded", count):
                raise CannotBench(f"the file was not loaded: {done['reason']} {done['message']}")
        return {"seconds": seconds, "child_rss_mib": watch.child, "service_rss_grown_mib": watch.grown}

    def floor(self, path: Path, count: int, series: int) -> dict[str, float]:
        """In a process of its own, as ours is; its start is not counted."""
        command = [sys.executable, "-m", "tests.bench.ingest", self.system.endpoints.postgres.url(EXCHANGE), str(path)]
        command.append(filing.key(count - 1, series))
        said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=600).stdout
        return {"seconds": float(said)}


def _published(system: System) -> str:
    content = {
        "name": NAME,
        "classification": "307009",
        "abstract": "压测用的示例数据",
        "source_system": "压测",
        "format": "spreadsheet",
        "update_frequency": "irregular",
        "data_grade": "general-1",
        "sharing_type": "unrestricted",
        "opening_type": "unrestricted",
        "items": filing.ITEMS,
    }
    with as_(system, "mzj.bianzhi") as compiler:
        code: str = until(lambda: _try(lambda: compiler.post("catalog", "/entries", content)))["code"]
        compiler.post("catalog", f"/entries/{code}/submission")
    with as_(system, "mzj.shenhe") as reviewer:
        reviewer.post("catalog", f"/entries/{code}/review", {"approve": True})
    with as_(system, "mzj.fabu") as publisher:
        publisher.post("catalog", f"/entries/{code}/publication")
    return code


def _post(url: str, fields: dict[str, str], file: Any) -> None:
    answer = httpx2.post(url, data=fields, files={"file": ("file", file, "application/octet-stream")}, timeout=300)
    if answer.status_code != 204:
        raise CannotBench(f"the object store took no file: {answer.status_code} {answer.text[:200]}")


def _answers(http: httpx2.Client, url: str, headers: dict[str, str]) -> bool:
    answer = http.post(url, headers=headers).json()
    return answer["SUCCESS"] == "1" and len(answer["DATA"]) == 1


def _await_answer(http: httpx2.Client, url: str, headers: dict[str, str]) -> None:
    """Ask often enough to know when, and seldom enough to take nothing away from the load."""
    deadline = time.monotonic() + 120
    while not _answers(http, url, headers):
        if time.monotonic() > deadline:
            raise CannotBench("no answer with a new row within 120 s")
        time.sleep(EVERY)


@dataclass(slots=True)
class _Watch:
    child: float = 0.0
    grown: float = 0.0


@contextmanager
def _watched(system: System) -> Any:
    """The greatest resident memory of the parsing child, and how much the service's own grew."""
    service = next(
        process
        for process in psutil.process_iter(["cmdline"])
        if "ingest_files serve" in " ".join(process.info["cmdline"] or [])
    )
    before, watch, stop = service.memory_info().rss, _Watch(), threading.Event()

    def look() -> None:
        while not stop.wait(0.1):
            watch.grown = max(watch.grown, round((service.memory_info().rss - before) / MIB, 1))
            for child in service.children():
                try:
                    watch.child = max(watch.child, round(child.memory_info().rss / MIB, 1))
                except psutil.NoSuchProcess:
                    continue

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    try:
        yield watch
    finally:
        stop.set()
        looking.join()


async def _floor_table(system: System, table: str) -> None:
    connection = await asyncpg.connect(system.endpoints.postgres.url(EXCHANGE))
    try:
        await connection.execute(f"truncate {table}")
        await connection.execute("drop table if exists floor")
        await connection.execute(f"create table floor (like {table} including all)")
        await connection.execute("checkpoint")
    finally:
        await connection.close()


# --- The floor --------------------------------------------------------------------------------------------------------


def _of_csv(path: Path) -> Any:
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        next(reader)
        for number, (_, k, xm, xb, born, mz, jz, corp, tel, zp, founded, capital, cur) in enumerate(reader, 2):
            yield k, xm, xb, _day(born), mz, jz, corp, tel, zp, _day(founded), Decimal(capital), cur, BATCH, number


def _day(text: str) -> date:
    return date(int(text[:4]), int(text[5:7]), int(text[8:]))


def _of_xlsx(path: Path) -> Any:
    from python_calamine import CalamineWorkbook

    rows = CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python()
    for number, (_, k, xm, xb, born, mz, jz, corp, tel, zp, founded, capital, cur) in enumerate(rows[1:], 2):
        yield k, xm, xb, born, mz, jz, corp, tel, zp, founded, Decimal(repr(capital)), cur, BATCH, number


BATCH: Final = "01890000-0000-7000-8000-000000000000"


async def _floor(url: str, path: Path, wanted: str) -> float:
    connection = await asyncpg.connect(url)
    try:
        began = time.perf_counter()
        records = _of_csv(path) if path.suffix == ".csv" else _of_xlsx(path)
        columns = [*filing.CODES, "_batch", "_row"]
        await connection.copy_records_to_table("floor", columns=columns, records=records)
        found = await connection.fetchval('select count(*) from floor where "ZJHM" = $1', wanted)
        seconds = time.perf_counter() - began
    finally:
        await connection.close()
    assert found == 1
    return seconds


if __name__ == "__main__":
    sys.stdout.write(str(asyncio.run(_floor(sys.argv[1], Path(sys.argv[2]), sys.argv[3]))))
