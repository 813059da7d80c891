"""How much one unit may bring at a time (IN-X23): what is more is refused and says why; no other unit notices."""

from dataclasses import dataclass
from typing import Final

from ingest_files import errors

MIB: Final = 1024 * 1024
HOUR: Final = 3600
DAY: Final = 24 * HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one unit; each is inclusive."""

    waiting: int = 200
    """Uploads begun or received that have no result yet."""
    files_an_hour: int = 600
    bytes_a_day: int = 20 * 1024 * MIB
    large_bytes: int = 512 * MIB
    """One file that comes in parts; what its resource allows is decided when it is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What a unit has brought: waiting now, files of the last hour, bytes of the last 24 hours."""

    waiting: int
    files: int
    bytes: int


def check(used: Used, size: int, limits: Limits) -> None:
    """Whether a unit may bring one more file of this size.

    Raises:
        TooManyWaiting, TooManyFiles, TooManyBytes: not now; when again is in the text.
    """
    if used.waiting >= limits.waiting:
        raise errors.TooManyWaiting(f"本单位已有{used.waiting}个文件等待处理，请等其完成后再上传", limit=limits.waiting)
    if used.files >= limits.files_an_hour:
        text = f"本单位一小时内已上传{used.files}个文件，达到上限，请稍后再传"
        raise errors.TooManyFiles(text, limit=limits.files_an_hour)
    if used.bytes + size > limits.bytes_a_day:
        text = f"本单位24小时内上传的数据量将超过{limits.bytes_a_day // MIB} MiB，请稍后再传"
        raise errors.TooManyBytes(text, limit=limits.bytes_a_day)
