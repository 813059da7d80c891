"""Sends a call again where that is safe, and nowhere else: what was answered with a code is an answer."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import httpx2

from shuqiao.errors import Away

FIRST_PAUSE: Final = 0.2
"""Seconds before a second try where nobody says how long to wait; each further pause is twice as long."""
_MOST_DIGITS: Final = 6
Send = Callable[[float], httpx2.Response]
"""Sends the request, with so many seconds for its answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often a call is tried, and for how long.

    Tried again are only calls that cannot have had an effect: no connection came about, so nothing was sent; or the
    platform said 503 with `Retry-After`, which it charges to nobody. An answer that stays away is not asked for again.
    """

    tries: int = 3
    within: float = 10.0
    """Seconds from the first try in which further tries, their pauses included, must be over."""
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def send(self, send: Send, timeout: float) -> httpx2.Response:
        """The first answer that is not a 503.

        Raises:
            Away: none came, or none in time.
        """
        began, pause = self.clock(), FIRST_PAUSE
        given, left = timeout, self.tries
        while True:
            left -= 1
            try:
                answer = send(given)
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
                away, wait = _silent(error), pause
            except httpx2.HTTPError as error:
                raise _silent(error) from error
            else:
                if answer.status_code != 503:
                    return answer
                away = Away(f"平台暂不可用（{answer.headers.get('x-reason', '')}）")
                told = _seconds(answer.headers.get("retry-after"))
                if told is None:
                    raise away
                wait = max(told, pause)
            remaining = began + self.within - self.clock() - wait
            if left <= 0 or remaining <= 0:
                raise away
            self.sleep(wait)
            given, pause = min(timeout, remaining), pause * 2


def _silent(error: httpx2.HTTPError) -> Away:
    made = Away(f"网关没有应答（{type(error).__name__}）")
    made.__cause__ = error
    return made


def _seconds(told: str | None) -> float | None:
    """What `Retry-After` says, in seconds; a date is none that we wait for."""
    if told is None or not (told.isascii() and told.isdecimal()) or len(told) > _MOST_DIGITS:
        return None
    return float(told)
