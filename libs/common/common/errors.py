"""The two ways in which something fails: refused for good, or unwell for now.

A *refusal* will never work however often it is tried: a bad payload, a rule broken, a thing not there. It carries a
stable code for programs and a Chinese sentence for people. *Unwell* means that something we lean on is away: try again.
"""

from typing import ClassVar


class Refusal(Exception):  # noqa: N818  a refusal is an answer, not a malfunction
    """The root of every refusal of every service; `code` never changes, `message` may.

    `status` is the HTTP status at an API. `details` holds plain values that help (positions, codes), never personal
    ones.
    """

    code: ClassVar[str] = "refused"
    status: ClassVar[int] = 422

    def __init__(self, message: str, **details: object) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class Invalid(Refusal):
    code = "invalid"


class NotFound(Refusal):
    code = "not-found"
    status = 404


class Conflict(Refusal):
    code = "conflict"
    status = 409


class Forbidden(Refusal):
    code = "forbidden"
    status = 403


class Unauthenticated(Refusal):
    code = "unauthenticated"
    status = 401


class Undecodable(Refusal):
    """A record of the bus that no reader can ever understand."""

    code = "undecodable"


class Unwell(Exception):  # noqa: N818  the state of a thing we lean on
    """Something we lean on (database, broker, object store, another service) is away; the same again may work."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} is away")
        self.what = what
