"""What the use cases of the catalogue lean on beside the transaction."""

from dataclasses import dataclass

from common.clock import Clock
from common.reach import NOWHERE, Reach
from policy import Book


@dataclass(frozen=True, slots=True)
class Keeper:
    """The clock, the regulation, and where interfaces of providers may live."""

    clock: Clock
    book: Book
    reach: Reach = NOWHERE
