"""A text file of any length as records, in blocks: its encoding is found in one pass, its records come in another.

By the same rules as a small one (`sheets.precheck.text`), in the memory of a block.
"""

import codecs
import csv
import io
from collections.abc import Iterator
from itertools import islice
from typing import IO, Final

from sheets.errors import Reason, Unreadable
from sheets.limits import Limits
from sheets.precheck.text import GB18030, UTF8, delimiter_of, whole_and_broken

_BOM: Final = b"\xef\xbb\xbf"
_STEP: Final = 1 << 20
_SAMPLE: Final = 1 << 18
"""Characters in which the delimiter is looked for."""


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
) -> Iterator[tuple[int, list[list[str]]]]:
    """The records in blocks of so many, with the number of each block's first one.

    Raises:
        Unreadable: quotes that do not match, or a field that is too long.
    """
    csv.field_size_limit(limits.cell_characters)
    file.seek(begin)
    text = io.TextIOWrapper(file, encoding, newline="")
    delimiter = delimiter_of(text.read(_SAMPLE))
    text.seek(0)
    text.read(1 if begin else 0)
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    number = 1
    while True:
        block: list[list[str]] = []
        try:
            # A block that breaks off gives what came before, so that the number of the broken record is right.
            block.extend(islice(reader, rows))
        except csv.Error as error:
            number += len(block)
            if "field limit" in str(error):
                facts = {"row": number, "column": 1, "characters": limits.cell_characters + 1}
                raise Unreadable(Reason.CELL_TOO_LONG, **facts, limit=limits.cell_characters) from None
            raise Unreadable(Reason.CSV_QUOTES, row=number) from None
        if not block:
            return
        yield number, block
        number += len(block)
