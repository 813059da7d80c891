"""Deletes that a file states: by a column that marks its rows, or as a list of keys."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from common.events import Item
from exchange.ways import Way
from ingest_files.domain.asked import Open
from quality.cells import Cell, Value
from quality.checking import Checker
from quality.columns import match_columns
from quality.model import CodeSets, Finding, RuleName, RuleSet, Severity, in_sheets_order
from quality.surroundings import Answers, Profile, Surroundings

DELETE: Final = frozenset({"1", "是", "删除", "D", "d"})
KEEP: Final = frozenset({"", "0", "否"})
"""What a marking column may hold."""

Rows = list[tuple[int, tuple[Value | None, ...]]]
_Cells = list[tuple[int, Sequence[Cell]]]


@dataclass(frozen=True, slots=True)
class Apart:
    """Rows to be put in, and rows whose keys are to go; with what was found and tolerated."""

    rows: Rows
    gone: Rows
    findings: list[Finding]
    profile: Profile | None
    """The rows that are put in, in numbers."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """Everything that was found; `titles` where the columns do not go with the resource."""

    findings: list[Finding]
    titles: list[tuple[int, str]] | None = None


@dataclass(frozen=True, slots=True)
class Given:
    """What the rows are held to, and how they go to those that are there."""

    items: Sequence[Item]
    rule_set: RuleSet
    code_sets: CodeSets
    around: Surroundings | None
    way: Way
    mark: str | None


def judge(
    given: Given, titles: Sequence[tuple[int, str]], rows: Sequence[tuple[int, Sequence[Cell]]]
) -> Apart | Wrong | Open[Apart | Wrong]:
    """The rows of an upsert with a marking column, or of a list of keys.

    Of a row that is to go the key alone is looked at, and a list of keys may leave the other columns out.
    """
    items, mark, all_gone = given.items, given.mark, given.way is Way.DELETE
    keyed = [item for item in items if item.key_place is not None]
    marking = [column for column, title in titles if title == mark]
    rest = [(column, title) for column, title in titles if title != mark]
    if mark is not None and len(marking) != 1:
        message = f"没有标记删除的列“{mark[:50]}”" if not marking else f"标记删除的列“{mark[:50]}”出现了两列"
        return Wrong([_at(1, marking[0] if marking else 1, None, RuleName.STRUCTURE, message)], rest)
    wanted = items if not all_gone else [item for item in items if item in keyed or _has(item, rest)]
    places, misfits = match_columns(wanted, rest)
    if misfits:
        return Wrong([], rest)
    put, gone, findings = _apart(rows, marking[0] if marking else None, all_gone=all_gone)
    checker = Checker(given.rule_set, places, given.code_sets, given.around) if put else None
    kept = [(number, checker.take(number, cells)) for number, cells in put] if checker is not None else []
    of_keys = Checker(RuleSet(items=tuple(keyed)), places, given.code_sets)
    going = [(number, of_keys.take(number, cells)) for number, cells in gone]
    order = {item.code: place for place, item in enumerate(keyed)}

    def ended(answers: Answers) -> Apart | Wrong:
        found = [*findings, *(checker.end(answers) if checker is not None else []), *of_keys.end()]
        found += _both(items, keyed, places, kept, going)
        found.sort(key=in_sheets_order)
        if any(finding.severity is Severity.ERROR for finding in found):
            return Wrong(found)
        filled = [
            (number, tuple(values[order[item.code]] if item.code in order else None for item in items))
            for number, values in going
        ]
        return Apart(kept, filled, found, checker.profile() if checker is not None else None)

    asked = checker.wanted() if checker is not None else ()
    return Open(asked, kept, ended) if asked else ended(Answers(missing={}, unable={}))


def _has(item: Item, titles: Sequence[tuple[int, str]]) -> bool:
    return any(title in {item.name, item.code} for _, title in titles)


def _apart(
    rows: Sequence[tuple[int, Sequence[Cell]]], marking: int | None, *, all_gone: bool
) -> tuple[_Cells, _Cells, list[Finding]]:
    put, gone, findings = [], [], []
    for number, cells in rows:
        said = _said(cells[marking - 1]) if marking is not None and marking <= len(cells) else ""
        if all_gone or said in DELETE:
            gone.append((number, cells))
        elif said in KEEP:
            put.append((number, cells))
        else:
            message = "删除标记应为“1”“是”“删除”，或为空、“0”“否”"
            findings.append(_at(number, marking or 1, None, RuleName.CODE_SET, message))
    return put, gone, findings


def _said(cell: Cell) -> str:
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return "" if cell is None else str(cell).strip()


def _both(
    items: Sequence[Item], keyed: Sequence[Item], places: Mapping[str, int], put: Rows, gone: Rows
) -> list[Finding]:
    """Keys that are to be put in and to go in one file."""
    order = {item.code: place for place, item in enumerate(items)}
    first: dict[tuple[Value | None, ...], int] = {}
    for number, values in put:
        first.setdefault(tuple(values[order[item.code]] for item in keyed), number)
    names, item = "、".join(item.name for item in keyed), keyed[0].code
    return [
        _at(number, places[item], item, RuleName.UNIQUE, f"“{names}”与第{first[values]}行重复，一存一删")
        for number, values in gone
        if None not in values and values in first
    ]


def _at(row: int, column: int, item: str | None, rule: RuleName, message: str) -> Finding:
    return Finding(row=row, column=column, item=item, rule=rule, severity=Severity.ERROR, message=message, value=None)
