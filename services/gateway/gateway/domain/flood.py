"""Keeps a flood of refusals from flooding the trail: a source's first are recorded one by one, the rest are counted.

A source is an address, for IPv6 the network of 64 bits that one subscriber has. All counts are per calendar minute.
Memory is bounded: of more sources than are kept, the oldest are forgotten; what was counted for them is not lost but
goes on in one count without an address.
"""

import ipaddress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

RECORDED_EACH: Final = 100
"""Refusals of one source and minute that are recorded one by one."""
SHUT_AFTER: Final = 1000
"""Bad keys of one source and minute; a source with more is answered 429 until the minute ends."""
MAX_SOURCES: Final = 10_000
MAX_KINDS: Final = 32
"""Kinds of refusals counted apart for one source and minute; beyond, the unit is no longer told apart."""
ANYWHERE: Final = "*"
"""Stands for the addresses that were forgotten."""
_MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, order=True)
class Kind:
    """What was answered, and to which unit where its key was known."""

    status: int
    code: str
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Tally:
    """So many refusals of one kind to one source within one minute, none of them recorded by itself."""

    source: str
    kind: Kind
    first_at: datetime
    count: int


@dataclass(slots=True)
class _Counted:
    first_at: datetime
    count: int = 0


@dataclass(slots=True)
class _Minute:
    """One source in one minute."""

    begins: datetime
    bad_keys: int = 0
    others: int = 0
    counted: dict[Kind, _Counted] = field(default_factory=dict)


def source_of(address: str) -> str:
    """The source that an address belongs to; an address that is none stands for itself."""
    if ":" not in address:
        return address
    try:
        found = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.IPv6Network((found, 64), strict=False))


@dataclass(slots=True)
class Flood:
    """The refusals of this minute by source."""

    recorded_each: int = RECORDED_EACH
    shut_after: int = SHUT_AFTER
    max_sources: int = MAX_SOURCES
    _sources: dict[str, _Minute] = field(default_factory=dict)
    """In the order in which their minutes began to be counted."""
    _shut: dict[str, datetime] = field(default_factory=dict)
    _forgotten: dict[Kind, _Counted] = field(default_factory=dict)
    _over: list[Tally] = field(default_factory=list)

    @property
    def sources(self) -> int:
        """How many sources are kept."""
        return len(self._sources)

    def bad_key(self, address: str, kind: Kind, at: datetime) -> bool:
        """Take note of a refusal 201 or 202. True if it is to be recorded by itself; else it has been counted."""
        source = source_of(address)
        minute = self._minute(source, at)
        minute.bad_keys += 1
        if minute.bad_keys > self.shut_after:
            self._shut[source] = minute.begins + _MINUTE
        if minute.bad_keys <= self.recorded_each:
            return True
        self._count(minute, kind, at)
        return False

    def malformed(self, address: str, kind: Kind, at: datetime) -> bool:
        """Take note of a transport refusal. True if it is to be recorded by itself; else it has been counted."""
        minute = self._minute(source_of(address), at)
        minute.others += 1
        if minute.others <= self.recorded_each:
            return True
        self._count(minute, kind, at)
        return False

    def count(self, address: str, kind: Kind, at: datetime) -> None:
        """Take note of an answer that is never recorded by itself."""
        self._count(self._minute(source_of(address), at), kind, at)

    def shut(self, address: str, at: datetime) -> bool:
        """Whether this address is not heard until the minute ends."""
        if not self._shut:
            return False
        until = self._shut.get(source_of(address))
        return until is not None and at < until

    def over(self, at: datetime) -> list[Tally]:
        """What was counted in minutes that have ended, and of sources that were forgotten; each is told once."""
        for source in [source for source, held in self._sources.items() if at >= held.begins + _MINUTE]:
            self._tell(source, self._sources.pop(source))
        for source in [source for source, until in self._shut.items() if at >= until]:
            del self._shut[source]
        return self._told(at)

    def rest(self, at: datetime) -> list[Tally]:
        """All that was counted and not yet told; afterwards nothing is kept."""
        for source, held in self._sources.items():
            self._tell(source, held)
        self._sources.clear()
        self._shut.clear()
        return self._told(at, whole=True)

    def _told(self, at: datetime, *, whole: bool = False) -> list[Tally]:
        told, self._over = self._over, []
        for kind in list(self._forgotten):
            if whole or at >= self._forgotten[kind].first_at + _MINUTE:
                held = self._forgotten.pop(kind)
                told.append(Tally(ANYWHERE, kind, held.first_at, held.count))
        return told

    def _minute(self, source: str, at: datetime) -> _Minute:
        held = self._sources.get(source)
        # A clock that goes back does not begin a minute anew.
        if held is not None and at < held.begins + _MINUTE:
            return held
        if held is not None:
            self._tell(source, self._sources.pop(source))
        while len(self._sources) >= self.max_sources:
            self._forget(next(iter(self._sources)))
        made = self._sources[source] = _Minute(at.replace(second=0, microsecond=0))
        return made

    @staticmethod
    def _count(minute: _Minute, kind: Kind, at: datetime) -> None:
        if kind not in minute.counted and len(minute.counted) >= MAX_KINDS:
            kind = Kind(kind.status, kind.code)
        minute.counted.setdefault(kind, _Counted(at)).count += 1

    def _tell(self, source: str, minute: _Minute) -> None:
        self._over += [Tally(source, kind, held.first_at, held.count) for kind, held in minute.counted.items()]

    def _forget(self, source: str) -> None:
        """Let a source go; with its address goes the shutting out, for else those would grow without bound."""
        self._shut.pop(source, None)
        for kind, held in self._sources.pop(source).counted.items():
            nameless = Kind(kind.status, kind.code)
            self._forgotten.setdefault(nameless, _Counted(held.first_at)).count += held.count
