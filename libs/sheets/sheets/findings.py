"""What is wrong with a file that could be read, place by place: all of it, not the first of it."""

from dataclasses import dataclass
from enum import StrEnum


class Rule(StrEnum):
    """Rules of the annex's form (Annex 3 chapter 6), by the stable code of their breach."""

    NAME_PATH = "name-path"
    NAME_CHARACTERS = "name-characters"
    NAME_LENGTH = "name-length"
    NAME_EXTENSION = "name-extension"
    NAME_KIND = "name-kind"
    NAME_STAMP = "name-stamp"
    NAME_RESOURCE = "name-resource"
    HEADER_ROW = "header-row"
    HEADER_BLANK = "header-blank"
    HEADER_NOT_TEXT = "header-not-text"
    HEADER_SPACES = "header-spaces"
    HEADER_DUPLICATE = "header-duplicate"
    FIRST_COLUMN = "first-column"
    NO_DATA = "no-data"
    ROWS_LIMIT = "rows-limit"
    EMPTY_ROW = "empty-row"
    NO_TITLE = "no-title"
    MERGED_CELLS = "merged-cells"
    TEXT_CHARACTERS = "text-characters"
    SEQUENCE_MISSING = "sequence-missing"
    SEQUENCE_NOT_NUMBER = "sequence-not-number"
    SEQUENCE_DUPLICATE = "sequence-duplicate"
    SEQUENCE_GAP = "sequence-gap"
    SEQUENCE_ORDER = "sequence-order"


@dataclass(frozen=True, slots=True)
class Finding:
    """One breach of one rule; row and column count from 1 as the sheet shows them, None where it has no such place."""

    row: int | None
    column: int | None
    rule: Rule
    message: str
