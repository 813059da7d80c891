"""The child of a whole load: one file on standard input, checked and turned into COPY text on standard output.

`python -m ingest_files.bulk.child LIMITS PLAN`, where PLAN is the number of an open file that holds the plan. Nothing
else is opened, written or looked up; the process serves one file and ends.
"""

import gc
import os
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import IO, Any, Final

from ingest_files.bulk import columns, plan
from ingest_files.bulk.columns import Rules, Values
from ingest_files.bulk.form import Block, Form
from ingest_files.bulk.frames import FINDINGS_IN_A_FRAME, Frame, framed, packed
from sheets import wire
from sheets.annex import check_merged
from sheets.cells import Network, Row
from sheets.confinement import confine
from sheets.errors import Reason, Unreadable
from sheets.findings import Finding
from sheets.kinds import Kind
from sheets.limits import Limits
from sheets.precheck.surveys import Survey

CELLS_IN_A_BLOCK: Final = 5_000
"""Few enough that they stay near the processor: with ten times as many a cell costs half as much again."""
_HEAD: Final = 4096
_ZIP, _OLE = b"PK", b"\xd0\xcf\x11\xe0"

Found = tuple[int | None, int | None, str | None, str, str]
"""Row, column, item, rule, message."""


def main() -> int:
    """Answer for the file on standard input; the exit status is 0 for every answer, refusals included."""
    limits = wire.decode_limits(sys.argv[1])
    with os.fdopen(int(sys.argv[2]), "rb") as told:
        given = plan.unpacked(told.read(plan.MAX_BYTES))
    network = confine(limits)
    gc.disable()  # nothing here holds cycles, and looking for them among millions of cells costs much
    sys.dont_write_bytecode = True  # no file may be written from here on
    answer = Answer(sys.stdout.buffer)
    try:
        try:
            Reading(given, limits, answer).run(network)
        except Unreadable as refusal:
            answer.put(packed(Frame.REFUSAL, [refusal.reason.value, dict(refusal.facts)]))
        answer.flush()
    except MemoryError:
        return wire.OUT_OF_MEMORY
    return 0


class Answer:
    """What is said, and how often a rule was found broken."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out
        self._waiting: list[Found] = []
        self.findings = 0

    def put(self, frame: bytes) -> None:
        self._out.write(frame)

    def find(self, found: Found) -> None:
        self.findings += 1
        self._waiting.append(found)
        if len(self._waiting) == FINDINGS_IN_A_FRAME:
            self.flush()

    def flush(self) -> None:
        if self._waiting:
            self.put(packed(Frame.FINDINGS, self._waiting))
            self._waiting = []
        self._out.flush()


class Reading:
    """One file from its first byte to the end frame."""

    def __init__(self, given: plan.Plan, limits: Limits, answer: Answer) -> None:
        self._plan, self._limits, self._answer = given, limits, answer
        self._values: list[Values] = []
        self._places: list[int] = []
        """The sheet's column of each item, from 1."""

    def run(self, network: Network) -> None:
        head = os.pread(0, _HEAD, 0)
        if head.startswith((_ZIP, _OLE)):
            self._workbook(network)
        else:
            self._text(head, network)

    def _text(self, head: bytes, network: Network) -> None:
        from ingest_files.bulk import texts  # noqa: PLC0415 -- a child meets one kind and starts sooner so
        from sheets.sniff import sniff  # noqa: PLC0415 -- as above

        kind = sniff(head, self._limits)
        if kind is not Kind.CSV:
            raise Unreadable(Reason.NOT_A_SPREADSHEET, kind=kind.value)
        file = open(0, "rb", closefd=False)  # noqa: SIM115 -- lives as long as the process
        encoding, begin = texts.encoding_of(file)
        self._answer.put(packed(Frame.HEAD, [kind.value, network.value, encoding, None]))
        form = Form(is_text=True)
        for first, cells, by_column in texts.blocks(file, encoding, begin, self._limits, self._size):
            if first == 1:
                form.head(Row(1, tuple(title or None for title in cells[0][: _filled(cells[0])])))
                if not self._begin(form):
                    return
            elif by_column:
                self._take(form, form.take_columns(range(first, first + len(cells[0])), cells))
            else:
                self._take(form, form.take(range(first, first + len(cells)), cells))
        self._end(form, ())

    def _workbook(self, network: Network) -> None:
        from sheets.parsing import parse, plain_rows  # noqa: PLC0415 -- as above
        from sheets.precheck import survey  # noqa: PLC0415 -- as above

        with open(0, "rb", closefd=False) as file:
            found: Survey = survey(file.read(), self._limits)
        title = found.sheets[found.chosen[0]].title.name
        self._answer.put(packed(Frame.HEAD, [found.kind.value, network.value, None, title]))
        form = Form(is_text=False)
        plain = plain_rows(found)
        if plain is not None:
            self._plain(form, plain)
            return
        sheets = parse(found)
        sheet = next(sheets)
        rows = sheet.rows
        first = next(rows, None)
        if first is None:
            self._end(form, sheet.merged)
            return
        form.head(first)
        if not self._begin(form):
            return
        if first.number != 1:
            self._take(form, form.take([first.number], [first.values]))
        for numbers, block in _blocks(rows, self._size, form.width):
            self._take(form, form.take(numbers, block))
        self._end(form, sheet.merged)

    def _plain(self, form: Form, rows: Iterator[Sequence[Any]]) -> None:
        """A sheet as the parser has it, every row as wide as the widest."""
        head = [None if title == "" else title for title in next(rows, [])]
        form.head(Row(1, tuple(head[: _filled(head)])))
        if not self._begin(form):
            return
        number = 2
        while block := list(islice(rows, self._size)):
            self._take(form, form.take(range(number, number + len(block)), block))
            number += len(block)
        self._end(form, ())

    @property
    def _size(self) -> int:
        return max(1, CELLS_IN_A_BLOCK // max(1, len(self._plan.columns)))

    def _begin(self, form: Form) -> bool:
        """Find each item's column; without all of them there is nothing more to check."""
        self._forms(form)
        by_title: dict[str, int] = {}
        for number, column in enumerate(self._plan.columns):
            by_title |= {column.name: number}
        by_title |= {column.code: number for number, column in enumerate(self._plan.columns)}
        titles = {column: title for column, title in form.titles.items() if column != 1}
        found = {by_title[title]: column for column, title in titles.items() if title in by_title}
        if len(found) != len(self._plan.columns) or len(titles) != len(found):
            self._answer.flush()
            self._answer.put(packed(Frame.END, [0, self._answer.findings, sorted(titles.items()), {}]))
            return False
        self._places = [found[number] for number in range(len(self._plan.columns))]
        rules = Rules(self._plan)
        self._values = [Values(column, rules, number) for number, column in enumerate(self._plan.columns)]
        return True

    def _take(self, form: Form, block: Block) -> None:
        self._forms(form)
        if not block.numbers:
            return
        texts = [
            values.take(block.columns[place - 1]) for values, place in zip(self._values, self._places, strict=True)
        ]
        self._faults(block)
        # One finding, and nothing will be loaded: from there on the rows are only looked through.
        if not self._answer.findings:
            good = [text for text in texts if text is not None]
            self._answer.put(framed(Frame.ROWS, columns.lines(good, block.numbers, self._plan.batch)))

    def _faults(self, block: Block) -> None:
        found: list[Found] = []
        for values, place in zip(self._values, self._places, strict=True):
            found += [
                (block.numbers[fault.place], place, values.column.code, fault.rule, fault.message)
                for fault in values.faults
            ]
            values.faults.clear()
        for one in sorted(found, key=lambda one: (one[0] or 0, one[1] or 0)):
            self._answer.find(one)

    def _forms(self, form: Form) -> None:
        for finding in form.findings:
            self._answer.find(_of_form(finding))
        form.findings.clear()

    def _end(self, form: Form, merged: Any) -> None:
        for finding in (*check_merged(merged, form.last_row), *form.end()):
            self._answer.find(_of_form(finding))
        self._answer.flush()
        places = dict(zip((column.code for column in self._plan.columns), self._places, strict=False))
        self._answer.put(packed(Frame.END, [form.records, self._answer.findings, None, places]))


def _of_form(finding: Finding) -> Found:
    return finding.row, finding.column, None, finding.rule.value, finding.message


def _filled(record: Sequence[Any]) -> int:
    """How far a record reaches."""
    return max((place for place, value in enumerate(record, 1) if value), default=0)


def _blocks(rows: Iterator[Row], size: int, width: int) -> Iterator[tuple[Sequence[int], Sequence[Sequence[Any]]]]:
    """Rows in blocks, filled up to the width of the header."""
    numbers: list[int] = []
    block: list[Sequence[Any]] = []
    for row in rows:
        values = row.values
        numbers.append(row.number)
        block.append(values if len(values) >= width else values + (None,) * (width - len(values)))
        if len(block) == size:
            yield numbers, block
            numbers, block = [], []
    if block:
        yield numbers, block


if __name__ == "__main__":
    sys.exit(main())
