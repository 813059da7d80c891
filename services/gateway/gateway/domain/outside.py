"""What a call has done outside the platform: evidence is told before it, and the answer is kept while it is decided."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from common.events import Interface
from quality.cells import Value

if TYPE_CHECKING:
    from gateway.domain.grants import Structure

Record = Mapping[str, Value | None]
"""A provider's record by items, each value as its item is declared."""


@dataclass(slots=True)
class Outside:
    """One call of a provider; made when its `begin` record is handed over, so that an `end` always follows."""

    structure: "Structure | None" = None
    """Of the service as it was when the provider was asked."""
    interface: Interface | None = None
    records: tuple[Record, ...] | None = None
    """What the provider answered, each value checked; None before."""
    total: int = 0
    """Records that match and that the grant lets one see."""
