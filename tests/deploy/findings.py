"""What a check says: how much it looked at, and what is wrong with it."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Result:
    """One check over one subject; a check that saw nothing has shown nothing, and is a fault itself."""

    name: str
    seen: int
    faults: tuple[str, ...]

    @classmethod
    def of(cls, name: str, seen: int, faults: Iterable[str]) -> "Result":
        found = tuple(dict.fromkeys(faults))
        return cls(name, seen, found if seen or found else ("there was nothing to check",))

    @property
    def line(self) -> str:
        """The result as one line, and one more for each fault."""
        if not self.faults:
            return f"✓ {self.name} ({self.seen})"
        return "\n".join([f"✗ {self.name} ({self.seen}, {len(self.faults)} wrong)", *(f"    {f}" for f in self.faults)])
