"""Medians with their spread, and how they are shown."""

import statistics
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench.load import Measured


def spread_of(ratios: dict[str, list[float]]) -> dict[str, Any]:
    """The median of each, and beside them the least and the greatest."""
    medians = {name: round(statistics.median(values), 3) for name, values in ratios.items()}
    spread = {name: [round(min(values), 3), round(max(values), 3)] for name, values in ratios.items()}
    return {**medians, "spread": spread}


def rounds_told(rounds: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {name: asdict(found) if isinstance(found, Measured) else {"rate": found} for name, found in one.items()}
        for one in rounds
    ]


def show(console: Console, name: str, found: dict[str, Any]) -> None:
    rounds = found["rounds"]
    table = Table("", *[f"第{n + 1}轮" for n in range(len(rounds))], title=name)
    for who in sorted({who for one in rounds for who in one}):
        table.add_row(f"{who} 次/秒", *[f"{one[who]['rate']:.0f}" for one in rounds])
        if "p99_ms" in rounds[0][who]:
            table.add_row(f"{who} p99 毫秒", *[f"{one[who]['p99_ms']:.1f}" for one in rounds])
    console.print(table)
    for ratio, spread in found["spread"].items():
        console.print(f"{ratio} {found[ratio]}（{spread[0]}–{spread[1]}）", highlight=False)
