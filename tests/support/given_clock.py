"""A clock that shows what the test says, and goes on only when the test says so."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from common.clock import SHANGHAI


def at(day: str, time: str = "10:00:00") -> datetime:
    """An instant as Asia/Shanghai shows it: `at("2026-09-28")`, `at("2026-12-31", "23:59:59.999")`."""
    return datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=SHANGHAI)


IN_2019 = at("2020-03-02")
"""Within the term of 长府规〔2019〕1号."""
IN_2021 = at("2023-06-05")
"""Within the term of 长府规〔2021〕2号."""
PAST_TERM = at("2026-09-28")
"""After the last term: the newest edition stays in use, and every answer says so."""


@dataclass(slots=True)
class GivenClock:
    shows: datetime = PAST_TERM

    def __call__(self) -> datetime:
        return self.shows

    def go_on(self, **more: float) -> None:
        self.shows += timedelta(**more)
