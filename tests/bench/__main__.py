"""python -m tests.bench: measures, prints, and writes build/bench.json. Ratios above 1 mean that ours is better."""

import argparse
import json
import statistics
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from provision.secrets import EXCHANGE, READER
from tests.bench.load import CONNECTIONS, CannotBench, Measured, pgbench, wrk, wrk_path
from tests.bench.world import GRANTS, ROWS, World, await_rest, floor_sql, made

ROUNDS = 5
SECONDS = 5
LEAST_FLOOR = 1 / 8
"""The floor must reach this part of pgbench, or it is no floor but a bad endpoint."""


def round_of(world: World, number: int, folder: Path) -> dict[str, Any]:
    """One round: each competitor in turn, the order turning with the rounds."""
    system = world.system
    urls = {"ours": system.profile.gateway, "floor": world.floor, "usual": world.usual}
    names = [*urls, "pgbench"]
    found: dict[str, Any] = {}
    for name in names[number % len(names) :] + names[: number % len(names)]:
        await_rest(system)
        if name == "pgbench":
            sql = floor_sql(world.view).replace("$1", "'K' || lpad((:n)::text, 9, '0')").replace("$2", "100")
            login = (READER, system.secrets.database[READER])
            postgres = system.endpoints.postgres
            found[name] = pgbench(postgres.host, postgres.port, EXCHANGE, login, sql + ";", ROWS, SECONDS)
        else:
            found[name] = wrk(urls[name], world.targets, rows=ROWS, seconds=SECONDS, seed=number + 1, folder=folder)
    return found


def comparison(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians over the rounds, with the spread (least and greatest) beside them."""

    def over(ratio: Any) -> tuple[float, list[float]]:
        values = [ratio(one) for one in rounds]
        return round(statistics.median(values), 3), [round(min(values), 3), round(max(values), 3)]

    ratios = {
        "ratio_floor": over(lambda one: one["ours"].rate / one["floor"].rate),
        "ratio_usual": over(lambda one: one["ours"].rate / one["usual"].rate),
        "ratio_pgbench": over(lambda one: one["floor"].rate / one["pgbench"]),
        "p99_ratio_floor": over(lambda one: one["ours"].p99_ms / one["floor"].p99_ms),
    }
    return {
        **{name: median for name, (median, _) in ratios.items()},
        "spread": {name: spread for name, (_, spread) in ratios.items()},
        "rounds": [
            {name: asdict(found) if isinstance(found, Measured) else {"rate": found} for name, found in one.items()}
            for one in rounds
        ],
    }


def show(console: Console, name: str, found: dict[str, Any]) -> None:
    table = Table("", *[f"第{n + 1}轮" for n in range(len(found["rounds"]))], title=name)
    for who in ("ours", "floor", "usual", "pgbench"):
        table.add_row(f"{who} 次/秒", *[f"{one[who]['rate']:.0f}" for one in found["rounds"]])
    for who in ("ours", "floor", "usual"):
        table.add_row(f"{who} p99 毫秒", *[f"{one[who]['p99_ms']:.1f}" for one in found["rounds"]])
    console.print(table)
    for ratio, spread in found["spread"].items():
        console.print(f"{ratio} {found[ratio]}（{spread[0]}–{spread[1]}）", highlight=False)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("build/bench.json"))
    options = parser.parse_args()
    console = Console()
    try:
        wrk_path()
        with tempfile.TemporaryDirectory(prefix="shuqiao-bench-") as name:
            folder = Path(name)
            console.print(f"… 准备：{ROWS}行，{GRANTS}个授权，{CONNECTIONS}个连接")
            with made(folder) as world:
                rounds = []
                for number in range(ROUNDS):
                    console.print(f"… 第{number + 1}轮，共{ROUNDS}轮")
                    rounds.append(round_of(world, number, folder))
                found = comparison(rounds)
    except CannotBench as error:
        console.print(str(error), style="red", markup=False)
        return 1
    show(console, "gateway.call", found)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps({"gateway.call": found}, ensure_ascii=False, indent=1) + "\n")
    if found["ratio_pgbench"] < LEAST_FLOOR:
        console.print(f"floor 仅为 pgbench 的 {found['ratio_pgbench']}，低于 {LEAST_FLOOR}：本次无效", style="red")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
