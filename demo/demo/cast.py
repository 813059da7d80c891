"""Who acts in the story: the accounts of the demonstration, each logged in when it is first needed."""

from collections.abc import Callable
from typing import Any

from demo.accounts import Demonstration
from demo.playing import expect
from shuqiao import Profile, Refused, Session


class Cast:
    """Sessions by account."""

    def __init__(self, profile: Profile, held: Demonstration) -> None:
        self._profile = profile
        self._held = held
        self._sessions: dict[str, Session] = {}

    def as_(self, account: str) -> Session:
        """The session of an account, opened now if it is not open."""
        if account not in self._sessions:
            self._sessions[account] = Session(self._profile, account, self._held.passwords[account])
        return self._sessions[account]

    def leave(self) -> None:
        """Log out everybody."""
        for session in self._sessions.values():
            session.close()
        self._sessions.clear()


def refused_by(ask: Callable[[], Any]) -> Refused:
    """The refusal that asking ends in.

    Raises:
        StepFailed: it was not refused.
    """
    try:
        answer = ask()
    except Refused as refused:
        return refused
    expect(holds=False, text="应被拒绝", seen=answer)
    raise AssertionError
