"""Keeps calls away from a provider that does not answer, and lets one through now and then to see if it does again.

Only what concerns the provider as a whole counts as a failure: no connection, no answer in time, a fault of its own.
What hangs on the question (a value it dislikes, an answer that does not fit) would let one caller shut out the others.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Final

FAILURES: Final = 5
"""In a row, after which nobody is let through."""
OPEN_FOR: Final = 5.0
"""Seconds until one is let through again; doubled with every trial that fails."""
OPEN_AT_MOST: Final = 60.0


class State(IntEnum):
    """As the metric has it."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


class Pass(Enum):
    """With what a call was let through."""

    USUAL = "usual"
    TRIAL = "trial"


@dataclass(slots=True)
class Breaker:
    """Of one provider in one worker."""

    clock: Callable[[], float]
    _failures: int = 0
    _pause: float = OPEN_FOR
    _until: float | None = field(default=None)
    _trial: bool = False

    @property
    def state(self) -> State:
        if self._until is None:
            return State.CLOSED
        return State.HALF_OPEN if self._trial or self.clock() >= self._until else State.OPEN

    def enter(self) -> Pass | None:
        """Lets a call through, or not; whoever was let through says how it ended, by one of the three below."""
        match self.state:
            case State.CLOSED:
                return Pass.USUAL
            case State.HALF_OPEN if not self._trial:
                self._trial = True
                return Pass.TRIAL
        return None

    def answered(self) -> None:
        """The provider is there."""
        self._failures = 0
        self._pause = OPEN_FOR
        self._until = None
        self._trial = False

    def failed(self, by: Pass) -> None:
        """The provider is not there."""
        if by is Pass.TRIAL:
            self._pause = min(self._pause * 2, OPEN_AT_MOST)
        elif self._until is not None:
            # A call that had begun before it was shut says nothing new.
            return
        self._failures += 1
        if by is Pass.TRIAL or self._failures >= FAILURES:
            self._trial = False
            self._until = self.clock() + self._pause

    def given_up(self, by: Pass) -> None:
        """The call ended without showing anything of the provider."""
        if by is Pass.TRIAL:
            self._trial = False
