"""A large file on its way in parts: how it is cut, what of it has come, when it is whole (S3 multipart uploads)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from ingest_files import errors

PART_BYTES: Final = 8 * 1024 * 1024
"""Of a part, but for the last: more than the 5 MiB that S3 asks for, and little to send again after a cut."""
MAX_PARTS: Final = 1000
"""Of a file: what S3 lists in one answer."""
OPEN_FOR: Final = timedelta(hours=12)
"""How long a file in parts may be on its way; what has come by then and is not whole is thrown away."""
LINKS: Final = 50
"""Links to parts that are given at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """A file in parts. The state of its parts is the object store's; who goes on needs nothing but its id."""

    upload: UUID
    store_id: str | None
    """The object store's id of it; None until it was begun there."""
    size: int
    sha256: str
    """As the sender says it: by it a file that was broken off is known again."""
    part_bytes: int
    expires_at: datetime
    ended_at: datetime | None = None

    @property
    def parts(self) -> int:
        return -(-self.size // self.part_bytes)

    def bytes_of(self, number: int) -> int:
        """The size of a part, numbered from 1.

        Raises:
            PartUnknown: the file has no such part.
        """
        if not 1 <= number <= self.parts:
            raise errors.PartUnknown(f"没有第{number}段，共{self.parts}段", parts=self.parts)
        return min(self.part_bytes, self.size - (number - 1) * self.part_bytes)


@dataclass(frozen=True, slots=True)
class Part:
    """A part as the object store has it."""

    number: int
    size: int
    etag: str
    """The MD5 of its bytes."""


@dataclass(frozen=True, slots=True)
class Link:
    """Where one part is put: by PUT, with exactly its size."""

    number: int
    size: int
    url: str


def part_bytes(size: int) -> int:
    """How large the parts of a file of this size are."""
    return max(PART_BYTES, -(-size // MAX_PARTS))


def check_whole(transfer: Transfer, held: list[Part]) -> None:
    """Whether every part is there, each of its size.

    Raises:
        PartsMissing: with the numbers of those that are not.
    """
    there = {part.number: part.size for part in held}
    numbers = range(1, transfer.parts + 1)
    missing = [number for number in numbers if there.get(number) != transfer.bytes_of(number)]
    if missing or len(there) != transfer.parts:
        raise errors.PartsMissing(f"还有{len(missing)}段没有上传完整", missing=missing[:LINKS])
