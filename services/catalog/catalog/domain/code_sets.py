"""What the exchange is told of a code set: all its codes, in as many parts as events can hold."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from common.events import CodeName, CodeSetChanged

CODES_PER_PART: Final = 400
"""Codes of a code set in one event; a longer set goes in parts. So many of the longest are within an event's limit."""


def events(
    code_set: str, edition: int, name: str, source: str, codes: Sequence[CodeName], at: datetime
) -> list[CodeSetChanged]:
    """The events of a version of a code set, in the order of its codes."""
    parts = [codes[first : first + CODES_PER_PART] for first in range(0, len(codes), CODES_PER_PART)]
    return [
        CodeSetChanged(
            version=1,
            code_set=code_set,
            edition=edition,
            name=name,
            source=source,
            part=place,
            parts=len(parts),
            codes=tuple(part),
            changed_at=at,
        )
        for place, part in enumerate(parts, 1)
    ]
