"""Registers of streets as csv, of any length."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from tests.support.annex_files import NAME, TITLES

CSV = f"{NAME}-20230630.csv"


def text(rows: Iterable[Sequence[Any]], titles: Sequence[str] = TITLES, encoding: str = "utf-8") -> bytes:
    """A csv in the annex's form, 序号 written in front."""
    made = io.StringIO()
    writer = csv.writer(made)
    writer.writerow(["序号", *titles])
    for number, cells in enumerate(rows, 1):
        shown = [f"{cell:%Y/%m/%d}" if isinstance(cell, date) else cell for cell in cells]
        writer.writerow([number, *shown])
    return made.getvalue().encode(encoding)


def streets(count: int, first: int = 0) -> list[tuple[Any, ...]]:
    """So many streets, each with a code of its own."""
    return [
        (f"{310105000 + n}", f"示例{n % 9}路街道", "310105", n, n % 100 / 4, date(2023, 6, 30))
        for n in range(first, first + count)
    ]
