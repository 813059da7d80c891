"""Sends a large file in parts, and goes on with what was broken off: by a cut, or because this program was killed.

Nothing is kept here: who sends the same file again is told by the exchange which parts it has, and each is compared
with the file's own before it is relied on.
"""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import httpx2

from shuqiao.errors import Away, BadArgument, Refused
from shuqiao.session import Json, Session

SERVICE: Final = "ingest-files"
LARGE: Final = 8 * 1024 * 1024
"""Bytes from which a file goes in parts."""
PUT_WITHIN: Final = 120.0
LINKS_AT_ONCE: Final = 8
_AGAIN: Final = frozenset({"transfer-unknown"})
"""The exchange gave up what was there, after its time: the file begins anew."""
Sent = Callable[[int, int], None]
"""Told how many bytes have come there, of how many."""


Wanted = Mapping[str, str | int | None]
"""What is said of a file before it is sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Persistence:
    """How long a sender goes on without getting on."""

    within: float = 120.0
    """Seconds since the last part came through, after which it gives up; sent again, the file goes on from there."""
    first_pause: float = 0.5
    most_pause: float = 10.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic


def send(
    session: Session,
    entry: str,
    path: Path,
    *,
    name: str | None = None,
    mode: str = "replace",
    mark: str | None = None,
    sent: Sent = lambda _done, _of: None,
    persistence: Persistence | None = None,
) -> str:
    """Send a file in parts and say that it is whole; the upload's id.

    Raises:
        Refused: the upload is not allowed. Away: no part came through for too long; the same again goes on.
        BadArgument: the file changed meanwhile.
    """
    before = path.stat()
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        wanted: Wanted = {
            "entry": entry,
            "name": name or path.name,
            "size": before.st_size,
            "sha256": digest,
            "way": mode,
            "mark": mark,
        }
        upload = _Sending(session, file, wanted, sent, persistence or Persistence()).run()
        now = path.stat()
        if (now.st_size, now.st_mtime_ns, now.st_ino) != (before.st_size, before.st_mtime_ns, before.st_ino):
            session.delete(SERVICE, f"/transfers/{upload}")
            raise BadArgument(f"{path.name} 在上传过程中被修改，请重新上传")
    try:
        session.post(SERVICE, f"/transfers/{upload}/completion")
    except Refused as refused:
        if refused.code != "upload-state":
            raise
    return upload


class _Sending:
    def __init__(
        self,
        session: Session,
        file: BinaryIO,
        wanted: Wanted,
        sent: Sent,
        persistence: Persistence,
    ) -> None:
        self._session, self._file, self._wanted = session, file, wanted
        self._sent, self._persistence = sent, persistence
        self._etags: dict[int, str] = {}
        self._came = 0

    def run(self) -> str:
        """Until every part is there; the upload's id."""
        hold, pause = self._persistence, self._persistence.first_pause
        last, came = hold.clock(), 0
        while True:
            try:
                state = self._session.post(SERVICE, "/transfers", self._wanted)
                missing = [] if state["whole"] else self._missing(state)
                if not missing:
                    self._sent(state["size"], state["size"])
                    return str(state["upload"]["id"])
                self._put(state, missing)
            except (Away, Refused, httpx2.HTTPError) as trouble:
                if isinstance(trouble, Refused) and trouble.code not in _AGAIN:
                    raise
                if self._came > came:
                    came, last, pause = self._came, hold.clock(), hold.first_pause
                if hold.clock() - last > hold.within:
                    raise Away("上传中断，没有应答；重新执行即从中断处继续") from trouble
                hold.sleep(pause)
                pause = min(pause * 2, hold.most_pause)

    def _missing(self, state: Json) -> list[int]:
        """The parts that are not there, or are not this file's."""
        there = {part["number"]: part["etag"] for part in state["held"]}
        numbers = range(1, state["parts"] + 1)
        missing = [n for n in numbers if n not in there or there[n] != self._etag(state, n)]
        self._tell(state, missing)
        return missing

    def _tell(self, state: Json, missing: list[int]) -> None:
        last = state["size"] - (state["parts"] - 1) * state["part_bytes"]
        open_bytes = sum(last if number == state["parts"] else state["part_bytes"] for number in missing)
        self._sent(state["size"] - open_bytes, state["size"])

    def _etag(self, state: Json, number: int) -> str:
        """The object store's own name of a part, its MD5; nothing rests on its strength."""
        if number not in self._etags:
            self._etags[number] = hashlib.md5(self._part(state, number), usedforsecurity=False).hexdigest()
        return self._etags[number]

    def _part(self, state: Json, number: int) -> bytes:
        self._file.seek((number - 1) * state["part_bytes"])
        return self._file.read(state["part_bytes"])

    def _put(self, state: Json, missing: list[int]) -> None:
        upload, left = state["upload"]["id"], list(missing)
        with httpx2.Client(timeout=PUT_WITHIN, trust_env=False) as http:
            while left:
                numbers = {"numbers": left[:LINKS_AT_ONCE]}
                for link in self._session.post(SERVICE, f"/transfers/{upload}/links", numbers):
                    data = self._part(state, link["number"])
                    answer = http.put(link["url"], content=data)
                    if not answer.is_success:
                        raise Away(f"对象存储没有接受第{link['number']}段（{answer.status_code}）")
                    self._came += 1
                    left.remove(link["number"])
                    self._tell(state, left)
