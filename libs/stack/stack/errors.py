"""What can go wrong with the servers, each with a stable code and a text that says what to do.

Every text is given twice, in Chinese and in English: the reader may be a clerk with a new machine or a CI log.
"""
# ruff: noqa: N818 - an error's name says what happened, as everywhere in this project

from typing import ClassVar


class StackError(Exception):
    """Root of all refusals of this package; `code` is for programs, the two texts are for people."""

    code: ClassVar[str] = "stack"

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(f"{zh}\n{en}")
        self.zh = zh
        self.en = en


class FetchFailed(StackError):
    """A server's files could not be got or made (network, registry, checksum)."""

    code = "fetch-failed"


class NoSpace(StackError):
    """The disk is too full to prepare the servers."""

    code = "no-space"


class NoPlace(StackError):
    """There is no folder where PostgreSQL may run as an ordinary user."""

    code = "no-place"


class DataUnusable(StackError):
    """A data folder is half-initialised, of another version, of another user, or has lost its passwords."""

    code = "data-unusable"


class StartFailed(StackError):
    """A program did not become ready; the text carries the end of its log."""

    code = "start-failed"


class AddressInUse(StartFailed):
    """A program found its port taken; new ports are worth a try."""

    code = "address-in-use"


class AlreadyRunning(StackError):
    """Another supervisor holds the folder."""

    code = "already-running"


class NotRunning(StackError):
    """No supervisor answers in the folder."""

    code = "not-running"


class UnknownProgram(StackError):
    """The supervisor has no program of that name."""

    code = "unknown-program"


class WrongState(StackError):
    """The program is not in a state in which the command makes sense (start of a running one, pause of a dead one)."""

    code = "wrong-state"


class BadProgram(StackError):
    """A program's description is not usable."""

    code = "bad-program"


class BadSettings(StackError):
    """A setting of the caller is not allowed or not readable."""

    code = "bad-settings"


class StopFailed(StackError):
    """The supervisor did not leave in time."""

    code = "stop-failed"
