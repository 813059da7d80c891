"""The messages between parent and child: limits one way, the answer the other, both msgpack of plain types.

The answer is a row of frames: a head, per sheet its own head and its rows in blocks, an end. A refusal is one frame.
The parent trusts none of it: every type, count and order is checked, and what does not fit is a `MalformedAnswer`: the
child has crashed or been taken over.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from datetime import date, datetime, time, timedelta
from enum import IntEnum
from typing import TYPE_CHECKING, NoReturn, TypeVar, cast

import msgpack

from sheets.cells import (
    MERGED_RANGES,
    CellRange,
    ErrorCell,
    Network,
    Row,
    Sheet,
    SheetTitle,
    Value,
    Visibility,
    Workbook,
)
from sheets.errors import Fact, Reason, SheetsError, Unreadable
from sheets.kinds import READABLE, Kind
from sheets.limits import Feature, Limits, Scope

if TYPE_CHECKING:  # the parent needs nothing that looks into files
    from sheets.parsing import ParsedSheet
    from sheets.precheck.surveys import Survey

OUT_OF_MEMORY = 77
"""Exit status of a child that ran into a MemoryError."""
ROWS_IN_A_FRAME = 512
"""Rows that travel together: few frames, and no frame that needs much memory of its own."""


class MalformedAnswer(SheetsError):  # noqa: N818 -- names what came, not what went wrong here
    """The child's answer is none."""


class _Frame(IntEnum):
    REFUSAL = 0
    HEAD = 1
    SHEET = 2
    ROWS = 3
    END = 4


class _Ext(IntEnum):
    DATE = 1
    MOMENT = 2
    TIME = 3
    DURATION = 4
    ERROR = 5


_DATE, _MOMENT, _TIME, _DURATION = (
    struct.Struct(">H2B"),
    struct.Struct(">H5BL"),
    struct.Struct(">3BL"),
    struct.Struct(">3l"),
)
_ERROR_CHARACTERS = 40
_VALUE_TYPES = frozenset({str, int, float, bool, date, datetime, time, timedelta, ErrorCell, type(None)})
_T = TypeVar("_T")


def encode_limits(limits: Limits) -> str:
    """The limits as one word for the child's command line."""
    plain = {
        **{name: getattr(limits, name) for name in _LIMIT_NUMBERS},
        "scope": limits.scope.value,
        "allowed": sorted(feature.value for feature in limits.allowed),
    }
    return cast("bytes", msgpack.packb(plain)).hex()


def decode_limits(word: str) -> Limits:
    """The limits from the command line.

    Raises:
        ValueError: they are not what `encode_limits` makes.
    """
    plain = msgpack.unpackb(bytes.fromhex(word))
    scope, allowed = Scope(plain.pop("scope")), frozenset(Feature(feature) for feature in plain.pop("allowed"))
    return Limits(scope=scope, allowed=allowed, **plain)


_LIMIT_NUMBERS = tuple(field.name for field in fields(Limits) if field.name not in {"scope", "allowed"})


class Answer:
    """The child's answer while it grows, never beyond the limit.

    Raises:
        Unreadable: from every method, if the answer would become too large.
    """

    def __init__(self, limits: Limits) -> None:
        self._limit = limits.answer_bytes
        self._size = 0
        self._frames: list[bytes] = []
        self._packer = msgpack.Packer(default=_pack_value)

    def head(self, survey: "Survey", network: Network) -> None:
        """What is known before any row."""
        titles = [(sheet.title.name, sheet.title.visibility.value, sheet.title.has_cells) for sheet in survey.sheets]
        features = sorted(feature.value for feature in survey.features)
        self._add((_Frame.HEAD, survey.kind.value, network.value, features, survey.encoding, survey.delimiter, titles))

    def sheet(self, sheet: "ParsedSheet") -> None:
        """A sheet with all its rows."""
        merged = [(part.first_row, part.first_column, part.last_row, part.last_column) for part in sheet.merged]
        self._add((_Frame.SHEET, sheet.name, merged))
        block: list[tuple[int, tuple[Value, ...]]] = []
        for row in sheet.rows:
            block.append((row.number, row.values))
            if len(block) == ROWS_IN_A_FRAME:
                self._add((_Frame.ROWS, block))
                block = []
        if block:
            self._add((_Frame.ROWS, block))

    def end(self) -> list[bytes]:
        """The frames of the finished answer."""
        self._add((_Frame.END,))
        return self._frames

    def _add(self, frame: tuple[object, ...]) -> None:
        packed = self._packer.pack(frame)
        self._size += len(packed)
        if self._size > self._limit:
            raise Unreadable(Reason.ANSWER_TOO_LARGE, limit=self._limit)
        self._frames.append(packed)


def encode_refusal(refusal: Unreadable) -> bytes:
    """The answer of a child that refuses the file."""
    return cast("bytes", msgpack.packb((_Frame.REFUSAL, refusal.reason.value, dict(refusal.facts))))


def _pack_value(value: object) -> msgpack.ExtType:
    match value:
        case datetime():
            clock = (value.hour, value.minute, value.second, value.microsecond)
            return msgpack.ExtType(_Ext.MOMENT, _MOMENT.pack(value.year, value.month, value.day, *clock))
        case date():
            return msgpack.ExtType(_Ext.DATE, _DATE.pack(value.year, value.month, value.day))
        case time():
            return msgpack.ExtType(_Ext.TIME, _TIME.pack(value.hour, value.minute, value.second, value.microsecond))
        case timedelta():
            return msgpack.ExtType(_Ext.DURATION, _DURATION.pack(value.days, value.seconds, value.microseconds))
        case ErrorCell():
            return msgpack.ExtType(_Ext.ERROR, value.code.encode())
        case _:
            raise TypeError(type(value).__name__)


def _unpack_value(kind: int, raw: bytes) -> Value:
    match kind:
        case _Ext.MOMENT:
            return datetime(*_MOMENT.unpack(raw))  # noqa: DTZ001 -- a sheet knows no time zones
        case _Ext.DATE:
            return date(*_DATE.unpack(raw))
        case _Ext.TIME:
            return time(*_TIME.unpack(raw))
        case _Ext.DURATION:
            days, seconds, microseconds = _DURATION.unpack(raw)
            return timedelta(days, seconds, microseconds)
        case _Ext.ERROR:
            code = raw.decode()
            if not code.isprintable() or not 0 < len(code) <= _ERROR_CHARACTERS:
                raise ValueError(kind)
            return ErrorCell(code)
        case _:
            raise ValueError(kind)


def decode_answer(data: bytes, limits: Limits) -> Workbook:
    """The workbook that the child read.

    Raises:
        Unreadable: the child refused the file.
        MalformedAnswer: anything else that is not a whole answer.
    """
    try:
        return _decode(data, limits)
    except (ValueError, TypeError, LookupError, OverflowError, struct.error, msgpack.UnpackException, StopIteration):
        # ValueError covers unknown words of enumerations, broken UTF-8, bad dates and facts that do not fit.
        raise MalformedAnswer from None


def _decode(data: bytes, limits: Limits) -> Workbook:
    unpacker = msgpack.Unpacker(
        max_buffer_size=max(len(data), 1), use_list=False, raw=False, strict_map_key=True, ext_hook=_unpack_value
    )
    unpacker.feed(data)
    frames: Iterator[tuple[object, ...]] = (_is(tuple, frame) for frame in unpacker)
    first = next(frames)
    if first[0] == _Frame.REFUSAL:
        _, reason, facts = first
        _finish(frames)
        raise Unreadable(Reason(_is(str, reason)), **_facts(facts))
    if first[0] != _Frame.HEAD:
        _refuse()
    _, kind, network, features, encoding, delimiter, titles = first
    if Kind(_is(str, kind)) not in READABLE:
        _refuse()
    sheets = _sheets(frames, limits)
    _finish(frames)
    return Workbook(
        kind=Kind(_is(str, kind)),
        sheets=tuple(sheets),
        titles=tuple(_title(title) for title in _is(tuple, titles)),
        features=frozenset(Feature(_is(str, feature)) for feature in _is(tuple, features)),
        encoding=None if encoding is None else _is(str, encoding),
        delimiter=None if delimiter is None else _is(str, delimiter),
        network=Network(_is(str, network)),
    )


def _sheets(frames: Iterator[tuple[object, ...]], limits: Limits) -> list[Sheet]:
    """The sheets up to the end frame, which must come."""
    sheets: list[Sheet] = []
    frame = next(frames)
    while frame[0] == _Frame.SHEET and len(sheets) < limits.sheets:
        _, name, merged = frame
        if len(_is(tuple, merged)) > MERGED_RANGES:
            _refuse()
        rows: list[Row] = []
        while (frame := next(frames))[0] == _Frame.ROWS:
            _, block = frame
            _take_rows(_is(tuple, block), rows, limits)
        ranges = tuple(_range(part) for part in _is(tuple, merged))
        sheets.append(Sheet(name=_is(str, name), rows=tuple(rows), merged=ranges))
    if frame != (_Frame.END,):
        _refuse()
    return sheets


def _take_rows(block: tuple[object, ...], rows: list[Row], limits: Limits) -> None:
    """Add a block of rows, whose numbers must go on rising."""
    last = rows[-1].number if rows else 0
    for item in block:
        number, values = _is(tuple, item)
        if not last < _is(int, number) <= limits.last_row or len(_is(tuple, values)) > limits.columns:
            _refuse()
        if not _VALUE_TYPES.issuperset(map(type, values)):
            _refuse()
        rows.append(Row(number, values))
        last = number


def _title(plain: object) -> SheetTitle:
    name, visibility, has_cells = _is(tuple, plain)
    return SheetTitle(_is(str, name), Visibility(_is(str, visibility)), _is(bool, has_cells))


def _range(plain: object) -> CellRange:
    top, left, bottom, right = (_is(int, number) for number in _is(tuple, plain))
    return CellRange(top, left, bottom, right)


def _facts(plain: object) -> Mapping[str, Fact]:
    facts = _is(dict, plain)
    return {_is(str, name): fact if type(fact) is int else _is(str, fact) for name, fact in facts.items()}


def _is(kind: type[_T], value: object) -> _T:
    """The value, which must be of exactly this type."""
    if type(value) is not kind:
        _refuse()
    return value


def _finish(frames: Iterable[object]) -> None:
    """No frame may follow."""
    for _ in frames:
        _refuse()


def _refuse() -> NoReturn:
    raise ValueError("answer")
