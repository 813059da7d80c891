"""Structured header fields (RFC 9651) as strangers send them: bounded, each name once, or not read at all."""

from typing import Final, NamedTuple, NoReturn

import http_sf

MAX_FIELD: Final = 2048
"""Bytes of a field that is read; a signature with its components and parameters has a few hundred."""


class Member(NamedTuple):
    """A member of a dictionary that is a list of plain texts: what a signature covers, and its parameters."""

    label: str
    components: tuple[str, ...]
    parameters: dict[str, object]
    text: bytes
    """As RFC 9421 writes it into the signature's base."""


def members(field: bytes) -> dict[str, object] | None:
    """The members of a dictionary; None for what is none, is too long, or names one of them twice."""
    if len(field) > MAX_FIELD:
        return None
    try:
        found = http_sf.parse(field, tltype="dictionary", on_duplicate_key=_twice)
    except Exception:  # noqa: BLE001  hostile text: whatever a parser makes of it, it is no dictionary
        return None
    return {**found} if isinstance(found, dict) else None


def member(label: str, found: object) -> Member | None:
    """A member that lists components; None if it lists anything but plain texts, or one of them twice."""
    if not isinstance(found, tuple) or not isinstance(found[0], list):
        return None
    items, parameters = found
    # A component with parameters of its own is another component; none of those is understood here.
    names = tuple(name for name, more in items if type(name) is str and not more)
    if len(names) != len(items) or len(set(names)) != len(names):
        return None
    try:
        text = http_sf.ser([(items, parameters)]).encode("ascii")
    except Exception:  # noqa: BLE001  as above
        return None
    return Member(label, names, parameters, text)


def raw(found: object) -> bytes | None:
    """A member that is a byte sequence."""
    value = found[0] if isinstance(found, tuple) else found
    return value if isinstance(value, bytes) else None


def _twice(name: str, _where: str) -> NoReturn:
    raise ValueError(name)
