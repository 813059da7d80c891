"""Files that are laid down somewhere rather than sent: whose they are is read off the place (REQ-A1)."""

import uuid
from dataclasses import dataclass
from typing import Final

from pydantic import TypeAdapter, ValidationError

from common.events.parts import EntryCode, UnitCode
from ingest_files import errors

_NAMESPACE: Final = uuid.UUID("5b0f1c52-3d0e-5a3e-9d0f-6c1b5d6f2a11")
_unit: Final[TypeAdapter[str]] = TypeAdapter(UnitCode)
_entry: Final[TypeAdapter[str]] = TypeAdapter(EntryCode)
MAX_NAME: Final = 400
BUCKET: Final = "drop"
"""Where units' own systems lay files down."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a place tells: the unit, the resource's entry, and the file's name, which is data and never a path."""

    unit: str
    entry: str
    name: str


@dataclass(frozen=True, slots=True)
class Sighting:
    """One version of an object that was seen in a bucket."""

    bucket: str
    key: str
    version: str
    size: int

    @property
    def upload(self) -> uuid.UUID:
        """The id of the upload that it becomes: the same, however often it is seen."""
        return uuid.uuid5(_NAMESPACE, f"{self.bucket}\0{self.key}\0{self.version}")


def place(key: str) -> Place:
    """The place that a key `unit/entry/name` says; deeper folders belong to the name's owner and say nothing.

    Raises:
        PlaceUnknown: it says none.
    """
    unit, _, rest = key.partition("/")
    entry, _, below = rest.partition("/")
    name = below.rpartition("/")[2]
    try:
        _unit.validate_python(unit)
        _entry.validate_python(entry)
    except ValidationError:
        name = ""
    if not name:
        raise errors.PlaceUnknown("应放在“单位代码/目录条目代码/文件名”下")
    return Place(unit, entry, shown(name))


def shown(name: str) -> str:
    """A name that a database and an event can hold, whatever its bytes were."""
    plain = name.encode(errors="replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
    return plain[:MAX_NAME] or "?"
