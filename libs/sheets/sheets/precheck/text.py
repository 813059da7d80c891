"""Text files: in which encoding they are, what parts their columns, how many records they have."""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from itertools import islice

from sheets.cells import SheetTitle, Visibility
from sheets.errors import Reason, Unreadable
from sheets.kinds import Kind
from sheets.limits import Limits
from sheets.precheck.surveys import Extent, SheetSurvey, Survey, check_extent

UTF8, GB18030, UTF16 = "utf-8", "gb18030", "utf-16"
_BOM = b"\xef\xbb\xbf"
_BOMS16 = (b"\xff\xfe", b"\xfe\xff")
_DELIMITERS = (",", "\t", ";", "|")
_SAMPLE_RECORDS = 50
_REPLACEMENT = "\ufffd"


def survey_csv(data: bytes, limits: Limits) -> Survey:
    """Decode a text and count its records.

    Raises:
        Unreadable: no known encoding, quotes that do not match, or more than the limits allow.
    """
    text, encoding = decode(data)
    csv.field_size_limit(max(limits.inflated_bytes, limits.file_bytes))
    delimiter = delimiter_of(text)
    extent = Extent()
    for number, record in records(text, delimiter):
        filled = [column for column, field in enumerate(record, 1) if field]
        if filled:
            extent.rows += 1
            extent.last_row = number
            extent.last_column = max(extent.last_column, filled[-1])
            longest = max(record, key=len)
            if len(longest) > limits.cell_characters:
                raise Unreadable(
                    Reason.CELL_TOO_LONG,
                    row=number,
                    column=record.index(longest) + 1,
                    characters=len(longest),
                    limit=limits.cell_characters,
                )
    check_extent(extent, limits)
    title = SheetTitle("", Visibility.VISIBLE, has_cells=True)
    return Survey(
        kind=Kind.CSV,
        clean=text.encode(UTF8),
        sheets=(SheetSurvey(title=title, extent=extent, merged=()),),
        chosen=(0,),
        holds_only_chosen=False,
        encoding=encoding,
        delimiter=delimiter,
    )


def records(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The records with their numbers from 1; quotes may enclose line ends, so a record can span lines.

    Raises:
        Unreadable: a quote is not closed, or something follows a closing quote.
    """
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    number = 0
    while True:
        number += 1
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error:
            raise Unreadable(Reason.CSV_QUOTES, row=number) from None
        yield number, record


def decode(data: bytes) -> tuple[str, str]:
    """The text without its byte order mark, and the encoding that it was in.

    Raises:
        Unreadable: it is in neither encoding. A UTF-8 text with some broken bytes would pass as GB18030 and come out
            as rubbish; it is refused instead.
    """
    if data.startswith(_BOMS16):
        try:
            return data.decode(UTF16), UTF16
        except UnicodeDecodeError as broken:
            raise Unreadable(Reason.TEXT_ENCODING, offset=broken.start + 1) from None
    body = data.removeprefix(_BOM)
    try:
        return body.decode(UTF8), UTF8
    except UnicodeDecodeError as broken:
        refusal = Unreadable(Reason.TEXT_ENCODING, offset=len(data) - len(body) + broken.start + 1)
    if len(body) != len(data) or _is_damaged_utf8(body):
        raise refusal
    try:
        return body.decode(GB18030), GB18030
    except UnicodeDecodeError:
        raise refusal from None


def _is_damaged_utf8(body: bytes) -> bool:
    """Whether as many Chinese characters are whole in UTF-8 as are broken; in GB18030 next to none are, by chance."""
    whole, broken = whole_and_broken(body.decode(UTF8, "replace"))
    return whole >= broken


def whole_and_broken(text: str) -> tuple[int, int]:
    """How many Chinese characters of a text that was read as UTF-8 are whole, and how many bytes were none."""
    broken = text.count(_REPLACEMENT)
    return sum(1 for character in text if character >= "\u0800" and character != _REPLACEMENT), broken


def delimiter_of(text: str) -> str:
    """The character that parts the first records most evenly into columns; a comma if none does."""
    best, best_score = _DELIMITERS[0], (0.0, 0)
    for delimiter in _DELIMITERS:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        try:
            widths = [len(record) for record in islice(reader, _SAMPLE_RECORDS) if record]
        except csv.Error:
            continue  # the quotes do not match so, and this is not the character
        if not widths:
            continue
        width, times = Counter(widths).most_common(1)[0]
        score = (times / len(widths), width)
        if width > 1 and score > best_score:
            best, best_score = delimiter, score
    return best
