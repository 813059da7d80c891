"""How the command line shows what came: tables for people, JSON for programs, one line of trouble elsewhere."""

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from enum import IntEnum
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table
from rich.text import Text

from shuqiao.errors import Away, BadArgument, BadProfile, Falsified, ShuqiaoError

out = Console()
err = Console(stderr=True)


class Exit(IntEnum):
    """Exit codes."""

    DONE = 0
    REFUSED = 1
    USAGE = 2
    AWAY = 3
    """No answer, or none that can be believed."""


def exit_of(error: ShuqiaoError) -> Exit:
    """With which code an error ends the command line."""
    if isinstance(error, BadArgument | BadProfile):
        return Exit.USAGE
    return Exit.AWAY if isinstance(error, Away | Falsified) else Exit.REFUSED


@contextlib.contextmanager
def sending() -> Iterator[tuple[Callable[[str], None], Callable[[int, int], None]]]:
    """A bar on standard error, for as long as something is sent: what names the step, and what counts the bytes."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=err, transient=True) as bar:
        task = bar.add_task("上传", total=None)
        yield (
            lambda step: bar.update(task, description=step),
            lambda done, of: bar.update(task, completed=done, total=of),
        )


@contextlib.contextmanager
def fetching() -> Iterator[Callable[[int, int | None], None]]:
    """A bar on standard error that counts rows, for as long as they are fetched."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("导出", total=None)
        yield lambda rows, of: bar.update(task, completed=rows, total=of)


def fail(text: str, code: Exit = Exit.REFUSED) -> NoReturn:
    """Say why, and end."""
    err.print(text, style="red", markup=False, highlight=False)
    raise typer.Exit(code)


def to_json(value: Any) -> str:
    """As JSON, numbers with the digits they came with."""
    match value:
        case Decimal():
            return str(value)
        case dict():
            members = (f"{json.dumps(name, ensure_ascii=False)}: {to_json(one)}" for name, one in value.items())
            return "{" + ", ".join(members) + "}"
        case list():
            return "[" + ", ".join(to_json(one) for one in value) + "]"
        case _:
            return json.dumps(value, ensure_ascii=False)


def to_text(value: Any) -> Text:
    """As a cell of a table: never markup, and no control characters for the terminal."""
    text = "" if value is None else value if isinstance(value, str) else to_json(value)
    return Text("".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text))


def table_of(data: Any) -> Table:
    """What a call answered, as a table: a row per record, a line per item of one record, or one value."""
    match data:
        case list() if all(isinstance(row, dict) for row in data):
            return rows(data)
        case dict() if data and all(isinstance(values, list) for values in data.values()):
            made = Table(*data)
            for row in zip(*data.values(), strict=False):
                made.add_row(*map(to_text, row))
            return made
        case dict():
            made = Table("信息项", "值")
            for item, value in data.items():
                made.add_row(Text(item), to_text(value))
            return made
        case _:
            made = Table("值")
            if data is not None:
                made.add_row(to_text(data))
            return made


def rows(found: Iterable[Mapping[str, Any]]) -> Table:
    """Records as a table; all have the same items."""
    made = Table()
    for place, row in enumerate(found):
        if not place:
            for item in row:
                made.add_column(Text(item))
        made.add_row(*map(to_text, row.values()))
    return made
