"""`gateway.call`: a call through public interfaces against the bare floor, the usual way, and pgbench."""

from pathlib import Path
from typing import Any

from rich.console import Console

from demo.system import System
from provision.secrets import EXCHANGE, READER
from tests.bench.load import Calls, CannotBench, pgbench, wrk
from tests.bench.telling import rounds_told, show, spread_of
from tests.bench.world import GRANTS, ROWS, World, await_rest, floor_sql, made

NAME = "gateway.call"
ROUNDS = 5
SECONDS = 5
LEAST_FLOOR = 1 / 8
"""The floor must reach this part of pgbench, or it is no floor but a bad endpoint."""


def run(system: System, folder: Path, console: Console) -> dict[str, Any]:
    """Measure.

    Raises:
        CannotBench: something is missing, or the floor is none.
    """
    console.print(f"… {NAME}：{ROWS}行，{GRANTS}个授权")
    with made(system) as world:
        rounds = []
        for number in range(ROUNDS):
            console.print(f"… 第{number + 1}轮，共{ROUNDS}轮")
            rounds.append(round_of(world, number, folder))
    found = comparison(rounds)
    show(console, NAME, found)
    if found["ratio_pgbench"] < LEAST_FLOOR:
        raise CannotBench(f"floor 仅为 pgbench 的 {found['ratio_pgbench']}，低于 {LEAST_FLOOR}：本次无效")
    return {NAME: found}


def round_of(world: World, number: int, folder: Path) -> dict[str, Any]:
    """One round: each competitor in turn, the order turning with the rounds."""
    system = world.system
    urls = {"ours": system.profile.gateway, "floor": world.floor, "usual": world.usual}
    names = [*urls, "pgbench"]
    found: dict[str, Any] = {}
    for name in names[number % len(names) :] + names[: number % len(names)]:
        await_rest(system)
        if name == "pgbench":
            sql = floor_sql(world.view).replace("$1", "'K' || lpad((:n)::text, 9, '0')")
            login = (READER, system.secrets.database[READER])
            postgres = system.endpoints.postgres
            found[name] = pgbench(postgres.host, postgres.port, EXCHANGE, login, sql + ";", ROWS, SECONDS)
        else:
            found[name] = wrk(
                urls[name], Calls(world.targets, rows=ROWS), seconds=SECONDS, seed=number + 1, folder=folder
            )
    return found


def comparison(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians over the rounds, with the spread (least and greatest) beside them."""
    ratios = {
        "ratio_floor": [one["ours"].rate / one["floor"].rate for one in rounds],
        "ratio_usual": [one["ours"].rate / one["usual"].rate for one in rounds],
        "ratio_pgbench": [one["floor"].rate / one["pgbench"] for one in rounds],
        "p99_ratio_floor": [one["ours"].p99_ms / one["floor"].p99_ms for one in rounds],
    }
    return {**spread_of(ratios), "rounds": rounds_told(rounds)}
