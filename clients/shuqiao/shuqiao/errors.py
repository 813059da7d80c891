"""What can go wrong on the caller's side: the exchange refuses, is away, or answers what cannot be right."""

from typing import Any


class ShuqiaoError(Exception):
    """The root of this package's errors."""


class Refused(ShuqiaoError):  # noqa: N818  an answer, not a malfunction
    """The exchange refuses; `code` is stable, the text is for people, `problem` is the whole answer."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        self.status = status
        self.code = str(problem.get("code", status))
        self.problem = problem
        text = str(problem.get("title", "请求被拒绝"))
        trace = problem.get("trace_id")
        super().__init__(f"{text}（{self.code}{f'，trace_id {trace}' if trace else ''}）")


class Away(ShuqiaoError):  # noqa: N818  the state of the other side
    """The exchange did not answer, or said that it cannot now; the same may work later."""


class Falsified(ShuqiaoError):  # noqa: N818  the state of an answer
    """An answer does not agree with its own digest, or is none of the protocol."""


class BadArgument(ShuqiaoError):  # noqa: N818  the state of what was given
    """What was to be sent cannot be sent: nothing has left; the text says what, and never repeats a key."""


class BadProfile(ShuqiaoError):  # noqa: N818  the state of a file
    """The profile cannot be used; the text says why."""
