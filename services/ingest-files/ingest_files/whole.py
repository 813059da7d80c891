"""Loads a file of any length where its resource allows it: streamed, checked in a child, piped into COPY.

Nothing of the file stands in this process's memory but a block of it. The original lies in a nameless file meanwhile,
so that a child that died gets its second chance, and repeated keys can be named row by row.
"""

from typing import IO, Final
from uuid import UUID

from common.errors import Unwell
from exchange.layout import Resource
from exchange.loading import Clash, Loaded, StrangeRows
from exchange.ways import Way
from ingest_files.bulk import plan as planning
from ingest_files.bulk.reading import Faulty, Findings, Reading, reading
from ingest_files.domain import judgement
from ingest_files.domain.judgement import Bad, Finding
from ingest_files.domain.uploads import Entry
from ingest_files.exchange_store import ExchangeStore
from quality.model import CodeSets
from sheets.errors import Reason, Unreadable
from sheets.findings import Rule as FormRule
from sheets.limits import MIB, Limits
from sheets.names import check_name

WHOLE: Final = Limits(
    file_bytes=512 * MIB,
    data_rows=20_000_000,
    last_row=1_048_576,
    area=14_000_000,
    inflated_bytes=512 * MIB,
    child_memory_bytes=1024 * MIB,
    child_cpu_seconds=540,
    wall_seconds=570.0,
)
"""Bounds of a whole load. The child's address space is twice what it may come to use; its wall time ends before the
loader's transaction would."""
_FORM: Final = frozenset(rule.value for rule in FormRule)


class Loader:
    """One file on its way into one resource version."""

    def __init__(self, exchange: ExchangeStore, entry: Entry, code_sets: CodeSets, name: str) -> None:
        self._exchange, self._entry, self._code_sets, self._name = exchange, entry, code_sets, name

    async def load(self, file: IO[bytes], sha256: str, batch: UUID, way: Way) -> Loaded | Bad:
        """Check and load; or everything that is wrong with the file, and then nothing was changed.

        Raises:
            Unwell: the exchange store is away, or no child could be started.
        """
        try:
            return await self._tried(file, sha256, batch, way)
        except Unreadable as refused:
            if not refused.is_childs_death:
                return judgement.unreadable(refused.reason.value, str(refused))
        try:
            return await self._tried(file, sha256, batch, way)
        except Unreadable as refused:
            if refused.reason is Reason.CHILD_NOT_STARTED:
                raise Unwell("spreadsheet reader") from refused
            return judgement.unreadable(refused.reason.value, str(refused))

    async def _tried(self, file: IO[bytes], sha256: str, batch: UUID, way: Way) -> Loaded | Bad:
        async with reading(file, self._plan(batch), WHOLE) as child:
            await child.begin()
            assert child.kind is not None
            named = check_name(self._name, resource=self._entry.name, kind=child.kind)
            if named:
                return judgement.of_form(named)
            try:
                return await self._exchange.load_text(
                    way=way,
                    version=self._entry.resource_version,
                    batch=batch,
                    sha256=sha256,
                    columns=judgement.items_by_code(self._entry.items),
                    blocks=child.blocks(),
                    sheet=child.sheet,
                )
            except Faulty:
                await child.rest()
                return self._judged(child)
            except StrangeRows:
                raise Unreadable(Reason.CHILD_CRASHED) from None
            except Clash as clash:
                message = clash.message
        found = await self._repeated(file, batch)
        return _bad(found) if found.found else Bad(judgement.QUALITY, message)

    def _plan(self, batch: UUID) -> planning.Plan:
        items = [item.model_dump(mode="json") for item in self._entry.items]
        return planning.of_items(items, self._code_sets, str(batch))

    def _judged(self, child: Reading) -> Bad:
        if child.titles is not None:
            return judgement.misfit(self._entry.items, list(child.titles), tuple(child.findings))
        return _bad(child.findings)

    async def _repeated(self, file: IO[bytes], batch: UUID) -> Findings:
        """The rows whose key or unique item stands in a row above; the file is read once more for that."""
        resource = Resource(
            provider=self._entry.provider, version=self._entry.resource_version, items=self._entry.items
        )
        groups = [resource.key] if resource.key else []
        groups += [(item.code,) for item in resource.items if item.unique and resource.key != (item.code,)]
        names = {item.code: item.name for item in resource.items}
        found = Findings()
        async with reading(file, self._plan(batch), WHOLE) as child:
            await child.begin()
            repeated = self._exchange.repeated(
                version=resource.version,
                batch=batch,
                columns=judgement.items_by_code(resource.items),
                blocks=child.blocks(),
                groups=groups,
            )
            async for place, row, first in repeated:
                named = "、".join(names[code] for code in groups[place])
                found.add(
                    Finding(
                        row=row,
                        column=child.places.get(groups[place][0]),
                        item=groups[place][0],
                        rule="unique",
                        message=f"“{named}”与第{first}行重复",
                    )
                )
        return found


def _bad(found: Findings) -> Bad:
    kept = "" if found.found == len(found) else f"，逐行列出前{len(found)}处"
    if _FORM.isdisjoint(found.counts):
        message = f"数据质量检查发现{found.found}处问题，未导入任何数据{kept}"
        return Bad(judgement.QUALITY, message, found, tally=found.counts)
    return Bad(judgement.FORM, f"文件不符合格式文件要求或数据有误，共{found.found}处{kept}", found, tally=found.counts)
