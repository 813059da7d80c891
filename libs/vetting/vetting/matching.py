"""Which column holds which item: by code, by name, by a synonym; without regard to blanks, width, case and units.

What a person said is taken before anything is guessed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from quality import standard
from quality.model import Finding, ItemLike, RuleName, Severity
from sheets.cells import column_letters
from sheets.guided.tables import Table
from sheets.guided.texts import bare, folded


@dataclass(frozen=True, slots=True)
class Matching:
    """The items of a table's columns, and what does not fit."""

    places: Mapping[str, int]
    """The column of each item that has one."""
    findings: tuple[Finding, ...] = field(default=())

    def item_of(self, column: int) -> str | None:
        """The code of the item in a column."""
        return next((code for code, place in self.places.items() if place == column), None)


def match(items: Sequence[ItemLike], table: Table, told: Mapping[str, str] | None = None) -> Matching:
    """The columns of a table and the items of an entry.

    `told` are item codes by title (`folded`), as a person corrected them once; the empty code says: no item.
    """
    known = {folded(title): code for title, code in (told or {}).items()}
    codes = {item.code for item in items}
    places: dict[str, int] = {}
    findings: list[Finding] = []
    row = table.header_row or (table.records[0].row if table.records else 1)
    open_columns = {column.column: column.title for column in table.columns if column.title}
    for column, title in list(open_columns.items()):
        code = known.get(folded(title))
        if code is None:
            continue
        del open_columns[column]
        if code in codes and code not in places:
            places[code] = column
    for ways in _ways(items):
        for column, title in list(open_columns.items()):
            # Of two columns with one title a proposed entry tells the second by its place.
            forms = [folded(f"{title}（{column_letters(column)}列）"), *_forms(title)]
            code = next((ways[form] for form in forms if form in ways), None)
            if code is not None and code not in places:
                places[code] = column
                del open_columns[column]
    by_title = _every_way(items)
    sequence = {column.column for column in table.columns if column.is_sequence}
    for column, title in open_columns.items():
        if column in sequence:
            continue
        twice = next((by_title[form] for form in _forms(title) if form in by_title), None)
        if twice is not None:
            item = next(one for one in items if one.code == twice)
            message = f"信息项“{item.name}”出现了两列，另一列是第{places[twice]}列"
            findings.append(_structure(row, column, twice, message))
        else:
            findings.append(_structure(row, column, None, "目录中没有这一列；请删除、更正列名，或指明它是哪个信息项"))
    missing = [item for item in items if item.code not in places]
    findings += [_structure(row, None, item.code, f"缺少信息项“{item.name}”（{item.code}）的列") for item in missing]
    return Matching(places, tuple(findings))


def _structure(row: int, column: int | None, item: str | None, message: str) -> Finding:
    return Finding(row, column, item, RuleName.STRUCTURE, Severity.ERROR, message, None)


def _ways(items: Sequence[ItemLike]) -> Iterable[dict[str, str]]:
    """How an item can be named, the surest first; a form that names two items names none."""
    yield _unambiguous((form, item.code) for item in items for form in {folded(item.code), folded(item.name)})
    yield _unambiguous((bare(item.name), item.code) for item in items)
    yield _unambiguous((bare(name), item.code) for item in items for name in _synonyms(item))


def _every_way(items: Sequence[ItemLike]) -> dict[str, str]:
    found: dict[str, str] = {}
    for ways in _ways(items):
        found = ways | found
    return found


def _unambiguous(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, set[str]] = {}
    for form, code in pairs:
        found.setdefault(form, set()).add(code)
    return {form: next(iter(codes)) for form, codes in found.items() if len(codes) == 1}


def _synonyms(item: ItemLike) -> tuple[str, ...]:
    """What the item is called elsewhere: as a standard field, and by the parts of its own name."""
    parts = tuple(item.name.split("/")) if "/" in item.name else ()
    field = standard.by_code().get(getattr(item, "standard", None) or item.code)
    if field is None:
        found = standard.match(item.name)
        field = found.field if found is not None else None
    if field is None:
        return parts
    return (field.name, *field.name.split("/"), *field.synonyms, *parts)


def _forms(title: str) -> list[str]:
    """A title as it can be looked up, whole and by the last part of a joined one."""
    forms = [folded(title), bare(title)]
    if "/" in title:
        parts = title.split("/")
        forms += [form for part in (parts[-1], parts[0]) for form in (folded(part), bare(part))]
    return list(dict.fromkeys(form for form in forms if form))
