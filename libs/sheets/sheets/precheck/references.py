"""Cell references such as B12: read from text, and as a pattern of all that keep within the limits."""

import functools
import re

from sheets.cells import column_letters, column_number

_REFERENCE = re.compile(rb"([A-Za-z]{1,7})([1-9][0-9]{0,9})")


def position(reference: bytes) -> tuple[int, int] | None:
    """Row and column, from 1, or None if this is no reference."""
    found = _REFERENCE.fullmatch(reference)
    return (int(found[2]), column_number(found[1].upper().decode())) if found else None


@functools.cache
def within(last_row: int, last_column: int) -> str:
    """A pattern of the references in capital letters up to this row and column."""
    columns = _at_most(column_letters(last_column), "A", "A", "Z")
    rows = _at_most(str(last_row), "1", "0", "9")
    return f"(?:{columns})(?:{rows})"


def _at_most(limit: str, first: str, lowest: str, highest: str) -> str:
    """A pattern of the words up to `limit`, by length and then by alphabet; `first` is the least first character.

    The shorter ones come first, at one go: nearly all that is met are such, and a sheet has millions.
    """
    length = len(limit)
    words = [f"[{first}-{highest}][{lowest}-{highest}]{{0,{length - 2}}}+"] if length > 1 else []
    for place, character in enumerate(limit):
        least = first if place == 0 else lowest
        if character > least:
            rest = length - place - 1
            words.append(f"{limit[:place]}[{least}-{chr(ord(character) - 1)}][{lowest}-{highest}]{{{rest}}}")
    return "|".join([*words, limit])
