"""Every granted row of a service as files, fetched page by page under the unit's own grant.

Each page is a call like any other, with its record. Pages are spooled as they come, so that an export that was broken
off goes on behind the last whole page; files are written when all are there, so that none is ever half of the data.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, Final, Self

from sheets.export import Form, write
from sheets.names import make_name
from sheets.writing import Unwritable, Written
from shuqiao.answer import Answer
from shuqiao.errors import BadArgument, Falsified
from shuqiao.gateway import NOTHING, Gateway, Notes

PAGE: Final = 1000
CHANGES: Final = 3
"""How often an export begins anew because the data changed while it was fetched."""
_SURROGATES: Final = dict.fromkeys(range(55296, 57344), "�")
Fetched = Callable[[int, int | None], None]
"""Told how many rows have come, of how many where that is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be exported, and as what."""

    service: str
    parameters: Mapping[str, str]
    form: Form
    folder: Path
    name: str
    """The resource's name: with a time stamp behind it the name of each file (Annex 3 chapter 6, 2)."""
    order_by: str | None = None
    titles: Mapping[str, str] | None = None
    """Names of items by code, for the first row; an item without one has its code there."""
    page_size: int = PAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Behind which page an export stands."""

    question: str
    cursor: str | None = None
    bytes: int = 0
    rows: int = 0
    as_of: str | None = None
    done: bool = False


class _ChangedError(Exception):
    """The data became other data while it was fetched."""


class _Spool:
    """The pages that have come, in a file that nobody else can read, and the place behind them."""

    def __init__(self, wanted: Wanted) -> None:
        question = [wanted.service, dict(wanted.parameters), wanted.order_by, wanted.page_size]
        self._question = hashlib.sha256(json.dumps(question, sort_keys=True).encode()).hexdigest()
        self._rows = wanted.folder / f".{self._question[:16]}.rows.part"
        self._state = wanted.folder / f".{self._question[:16]}.state.part"
        self.place = self._read()
        self._file = os.fdopen(os.open(self._rows, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+b")
        if os.fstat(self._file.fileno()).st_size < self.place.bytes:
            self.place = _Place(question=self._question)
        self._file.truncate(self.place.bytes)
        self._file.seek(self.place.bytes)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def _read(self) -> _Place:
        try:
            held = _Place(**json.loads(self._state.read_text()))
        except (OSError, ValueError, TypeError):
            return _Place(question=self._question)
        return held if held.question == self._question else _Place(question=self._question)

    def add(self, rows: list[Mapping[str, Any]], *, cursor: str | None, as_of: str | None) -> None:
        """Keep a page: its rows first, then the place behind it."""
        for row in rows:
            self._file.write(json.dumps(row, ensure_ascii=True, default=_digits).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        rows_now = self.place.rows + len(rows)
        self._keep(replace(self.place, cursor=cursor, bytes=self._file.tell(), rows=rows_now, as_of=as_of))

    def finish(self) -> None:
        self._keep(replace(self.place, done=True))

    def begin_anew(self) -> None:
        self._file.seek(0)
        self._file.truncate()
        self._keep(_Place(question=self._question))

    def _keep(self, place: _Place) -> None:
        new = self._state.with_suffix(".new")
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(asdict(place), file)
        new.replace(self._state)
        self.place = place

    def rows(self) -> Iterator[dict[str, Any]]:
        self._file.seek(0)
        for line in self._file:
            yield json.loads(line, object_hook=_revived)

    def remove(self) -> None:
        for path in (self._rows, self._state):
            path.unlink(missing_ok=True)


def export(
    gateway: Gateway,
    method_key: str,
    wanted: Wanted,
    *,
    at: datetime,
    notes: Notes = NOTHING,
    fetched: Fetched = lambda _rows, _of: None,
) -> list[Path]:
    """Fetch every row and write the files; their paths. The same again after a cut goes on where it was.

    A file of .xls holds at most 2,000 rows; further ones have the next second in their names. The data of one export
    are of one time: where they change meanwhile, it begins anew.

    Raises:
        Refused: a page was refused. Away, Falsified: as of a call; the export can be gone on with.
        BadArgument: there is no such folder, or the data do not fit into the form.
    """
    if not wanted.folder.is_dir():
        raise BadArgument(f"没有文件夹 {wanted.folder}")
    with _Spool(wanted) as spool:
        for _ in range(CHANGES):
            try:
                _fetch(gateway, method_key, wanted, notes, spool, fetched)
                break
            except _ChangedError:
                spool.begin_anew()
        else:
            raise Falsified("数据在导出过程中不断更新，请稍后再试")
        try:
            paths = _write(wanted, spool, at)
        except (Unwritable, ValueError) as unfit:
            raise BadArgument(f"不能写成 {wanted.form.value}：{unfit}") from unfit
        spool.remove()
    return paths


def _fetch(gateway: Gateway, method_key: str, wanted: Wanted, notes: Notes, spool: _Spool, fetched: Fetched) -> None:
    if spool.place.done:
        return
    if spool.place.cursor is None:
        # Also where an interface of a provider's own was half read: its pages are told by number.
        spool.begin_anew()
    first = spool.place.cursor is None
    for answer in gateway.pages(
        wanted.service,
        method_key,
        wanted.parameters,
        page_size=wanted.page_size,
        order_by=wanted.order_by,
        notes=notes,
        cursor=spool.place.cursor,
    ):
        as_of = None if answer.as_of is None else answer.as_of.isoformat()
        if not first and as_of != spool.place.as_of:
            raise _ChangedError
        first = False
        spool.add(_records(answer), cursor=answer.next_cursor, as_of=as_of)
        fetched(spool.place.rows, answer.total)
    spool.finish()


def _records(answer: Answer) -> list[Mapping[str, Any]]:
    if not isinstance(answer.data, list) or not all(isinstance(row, dict) for row in answer.data):
        raise Falsified("应答的 DATA 不是记录的列表")
    return answer.data


def _write(wanted: Wanted, spool: _Spool, at: datetime) -> list[Path]:
    rows = spool.rows()
    first = next(rows, None)
    items = list(first or {})
    titles = wanted.titles or {}
    columns = [titles.get(item, item) for item in items]
    values = (_values(row, items) for row in _chained(first, rows))
    paths: list[Path] = []
    left = spool.place.rows
    while left or not paths:
        moment = at.replace(microsecond=0) + timedelta(seconds=len(paths))
        path = wanted.folder / make_name(wanted.name, moment, wanted.form.extension)
        new = path.with_name(f".{path.name}.part")
        written = write(new, wanted.form, wanted.name, columns, islice(values, wanted.form.rows or left))
        new.replace(path)
        paths.append(path)
        left -= written
    return paths


def _chained(first: dict[str, Any] | None, rest: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    if first is not None:
        yield first
        yield from rest


def _values(row: Mapping[str, Any], items: list[str]) -> list[Written]:
    if list(row) != items:
        raise Falsified("应答的各行信息项不一致")
    return [value.translate(_SURROGATES) if isinstance(value, str) else value for value in row.values()]


def _digits(value: object) -> dict[str, str]:
    """A number with the digits that it came with."""
    assert isinstance(value, Decimal)
    return {"\N{NULL}": str(value)}


def _revived(members: dict[str, Any]) -> Any:
    return Decimal(members["\N{NULL}"]) if members.keys() == {"\N{NULL}"} else members
