"""A judgement that waits for what another resource holds: what is asked, and how it ends once that is answered."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from quality.cells import Value
from quality.surroundings import Answers, Wanted

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True, slots=True)
class Open(Generic[T]):
    """Rows of which all is judged but their references."""

    wanted: tuple[Wanted, ...]
    rows: Sequence[tuple[int, tuple[Value | None, ...]]]
    """Those without an error so far, values in the items' order: what a resource that refers to itself will have."""
    end: Callable[[Answers], T]

    def then(self, do: Callable[[T], U]) -> "Open[U]":
        """What follows from the judgement once it has ended."""
        return Open(self.wanted, self.rows, lambda answers: do(self.end(answers)))
