"""A text file of any length as records, in blocks: its encoding is found in one pass, its records come in another.

By the same rules as a small one (`sheets.precheck.text`), in the memory of a block.
"""

import codecs
import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import IO, Final

from sheets.errors import Reason, Unreadable
from sheets.limits import Limits
from sheets.precheck.text import GB18030, UTF8, delimiter_of, whole_and_broken

_BOM: Final = b"\xef\xbb\xbf"
_STEP: Final = 1 << 20
_SAMPLE: Final = 1 << 20
"""Bytes in which the delimiter is looked for."""
_PIECE: Final = 1 << 16
"""Bytes that are cut into records at a time: few enough that what is made of them stays near the processor."""
_FEWEST: Final = 2
"""Columns below which an empty line could be taken for a record."""


def encoding_of(file: IO[bytes]) -> tuple[str, int]:
    """The encoding of the whole file, and how many bytes stand before its text.

    Raises:
        Unreadable: it is in neither of the two.
    """
    file.seek(0)
    begin = len(_BOM) if file.read(len(_BOM)) == _BOM else 0
    broken_at = _broken_at(file, begin, UTF8)
    if broken_at is None:
        return UTF8, begin
    if begin or _is_damaged(file) or _broken_at(file, 0, GB18030) is not None:
        raise Unreadable(Reason.TEXT_ENCODING, offset=broken_at + 1)
    return GB18030, 0


def _broken_at(file: IO[bytes], begin: int, encoding: str) -> int | None:
    """The first byte that the encoding does not have; None where it has them all."""
    decoder = codecs.getincrementaldecoder(encoding)()
    file.seek(begin)
    at = begin
    while True:
        piece = file.read(_STEP)
        waiting = len(decoder.getstate()[0])
        try:
            decoder.decode(piece, final=not piece)
        except UnicodeDecodeError as error:
            return at - waiting + error.start
        if not piece:
            return None
        at += len(piece)


def _is_damaged(file: IO[bytes]) -> bool:
    """Whether it is UTF-8 with broken bytes rather than something else."""
    decoder = codecs.getincrementaldecoder(UTF8)("replace")
    file.seek(0)
    whole = broken = 0
    while piece := file.read(_STEP):
        found_whole, found_broken = whole_and_broken(decoder.decode(piece))
        whole, broken = whole + found_whole, broken + found_broken
    return whole >= broken


def blocks(
    file: IO[bytes], encoding: str, begin: int, limits: Limits, rows: int
) -> Iterator[tuple[int, Sequence[Sequence[str]], bool]]:
    """The records in blocks of about so many, with the number of the first one; the header is a block by itself.

    A block is a list of its records, or, where the third value says so, of its columns: text without a quote, with the
    header's width in every line, is cut into columns at once. What the csv reader would read otherwise, it reads.

    Raises:
        Unreadable: quotes that do not match, or a field that is too long.
    """
    csv.field_size_limit(limits.cell_characters)
    file.seek(begin)
    delimiter = delimiter_of(codecs.getincrementaldecoder(encoding)().decode(file.read(_SAMPLE)))
    number, width, at = 1, 0, begin
    while True:
        file.seek(at)
        piece = file.read(_PIECE)
        if not piece:
            return
        if len(piece) == _PIECE:
            piece = piece[: piece.rfind(b"\n") + 1]  # no byte of a longer character is this one, in neither encoding
        if not piece or b'"' in piece:
            break
        text = piece.decode(encoding)
        if number == 1:
            head, end, text = text.partition("\n")
            for _, records, _ in _read(io.StringIO(head + end, newline=""), delimiter, limits, rows, number):
                width = len(records[0])
                yield number, records, False
                number += len(records)
        columns = _columns(text, delimiter, width, limits.cell_characters)
        if columns is not None:
            yield number, columns, True
            number += len(columns[0])
        else:
            for first, records, _ in _read(io.StringIO(text, newline=""), delimiter, limits, rows, number):
                yield first, records, False
                number = first + len(records)
        at += len(piece)
    file.seek(at)
    yield from _read(io.TextIOWrapper(file, encoding, newline=""), delimiter, limits, rows, number)


def _columns(text: str, delimiter: str, width: int, characters: int) -> list[list[str]] | None:
    """Lines without a quote as columns; None where the csv reader might read other records than these."""
    text = text.replace("\r\n", "\n")
    if not text.endswith("\n"):
        text += "\n"
    if width < _FEWEST or "\r" in text or _has_longer(text, characters):
        return None
    # Each end of line becomes a field of its own; with them all in one place, no line is narrower or wider.
    fields = text.replace("\n", f"{delimiter}\n{delimiter}").split(delimiter)
    fields.pop()
    ends = fields[width :: width + 1]
    if len(fields) != len(ends) * (width + 1) or ends.count("\n") != len(ends) or len(ends) != text.count("\n"):
        return None
    return [fields[place :: width + 1] for place in range(width)]


def _has_longer(text: str, characters: int) -> bool:
    """Whether any line is longer; only one that is can hold a field that is."""
    at = 0
    while len(text) - at > characters:
        end = text.rfind("\n", at, at + characters + 1)
        if end < 0:
            return True
        at = end + 1
    return False


def _read(
    lines: Iterable[str], delimiter: str, limits: Limits, rows: int, number: int
) -> Iterator[tuple[int, list[list[str]], bool]]:
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    size = 1 if number == 1 else rows
    while True:
        block: list[list[str]] = []
        try:
            # A block that breaks off gives what came before, so that the number of the broken record is right.
            block.extend(islice(reader, size))
        except csv.Error as error:
            number += len(block)
            if "field limit" in str(error):
                facts = {"row": number, "column": 1, "characters": limits.cell_characters + 1}
                raise Unreadable(Reason.CELL_TOO_LONG, **facts, limit=limits.cell_characters) from None
            raise Unreadable(Reason.CSV_QUOTES, row=number) from None
        if not block:
            return
        yield number, block, False
        number += len(block)
        size = rows
