"""Answers what reference rules ask: whether the values of a file or a push stand in the resources that they refer to.

Each question is answered by the exchange store from the rows that are committed at its time, before the load; what
becomes of the other resource afterwards is its own affair. Only values of the provider's own rows are asked for, by
items that a published rule names, and what is told are its own values.
"""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from common.db import Db
from exchange.lacking import compares
from exchange.ways import Way
from ingest_files import store
from ingest_files.domain.asked import Open
from ingest_files.domain.judgement import Bad, Good, Judged
from ingest_files.domain.uploads import Entry
from ingest_files.exchange_store import ExchangeStore
from quality.cells import Value
from quality.model import Rule
from quality.surroundings import Answers, Wanted

Values = Collection[tuple[Value, ...]]


@dataclass(frozen=True, slots=True)
class Referring:
    """What references are answered with."""

    db: Db
    exchange: ExchangeStore

    async def ended(self, judged: Judged, entry: Entry, way: Way) -> Good | Bad:
        """The end of a judgement of rows that go to this entry in this way.

        Raises:
            Unwell: the exchange store is away.
        """
        if not isinstance(judged, Open):
            return judged
        missing: dict[Rule, Values] = {}
        unable: dict[Rule, str] = {}
        for wanted in judged.wanted:
            rule = wanted.rule
            async with self.db.begin() as tx:
                target = await store.entry(tx, rule.resource or "")
            why = _unfit(rule, entry, target)
            if why is not None or target is None:
                unable[rule] = why or ""
                continue
            found = await self._missing(wanted, judged, entry, target, way)
            if isinstance(found, str):
                unable[rule] = found
            else:
                missing[rule] = found
        return await asyncio.to_thread(judged.end, Answers(missing=missing, unable=unable))

    async def _missing(
        self, wanted: Wanted, judged: Open[Good | Bad], entry: Entry, target: Entry, way: Way
    ) -> Values | str:
        """The wanted values that are not there; or that there is nothing yet."""
        values: Values = wanted.values
        targets = wanted.rule.target_items
        version = target.resource_version
        if target.code == entry.code:
            # A resource that refers to itself has the rows that come with this file too, or those alone.
            values = wanted.values - _own(judged.rows, [item.code for item in entry.items], targets)
            if way is Way.REPLACE:
                return values
        if values and await self.exchange.newest(version) is None:
            return values if target.code == entry.code else f"所引用的资源{_named(target)}还没有数据，无法核对"
        by_code = {item.code: item for item in target.items}
        return await self.exchange.lacking(version=version, items=[by_code[code] for code in targets], values=values)


def _own(
    rows: Sequence[tuple[int, tuple[Value | None, ...]]], codes: Sequence[str], targets: Sequence[str]
) -> frozenset[tuple[Value | None, ...]]:
    places = [codes.index(code) for code in targets]
    return frozenset(tuple(values[place] for place in places) for _, values in rows)


def _unfit(rule: Rule, entry: Entry, target: Entry | None) -> str | None:
    """Why the rule cannot be run, which its compiler mends and not the provider; None if it can."""
    if target is None or not target.published:
        return f"所引用的资源 {rule.resource} 不存在或没有发布，无法核对；请告知目录编制人"
    theirs, ours = ({item.code: item for item in one.items} for one in (target, entry))
    for code, other in zip(rule.items, rule.target_items, strict=True):
        if other not in theirs:
            return f"所引用的资源{_named(target)}没有信息项 {other}，无法核对；请告知目录编制人"
        if not compares(ours[code], theirs[other]):
            told = f"“{ours[code].name}”与所引用的资源{_named(target)}的“{theirs[other].name}”类型不同"
            return f"{told}，无法核对；请告知目录编制人"
    return None


def _named(target: Entry) -> str:
    return f"“{target.name}”（{target.code}）"
