"""The table of each sheet of a workbook: the door of the guided profile."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sheets.cells import CellRange, Sheet, Visibility, Workbook, column_letters
from sheets.guided import texts
from sheets.guided.columns import column_kind, sequence_column, table_columns
from sheets.guided.forms import is_form
from sheets.guided.grid import CellKind, Grid, kind_of, whole_number
from sheets.guided.headers import find_header, joined_titles, looks
from sheets.guided.rows import Sorted, Sorter
from sheets.guided.tables import (
    Column,
    ColumnKind,
    Detection,
    Record,
    Remark,
    RemarkKind,
    Skipped,
    SkipReason,
    Table,
    Unread,
    UnreadReason,
)

_OTHER_IS_MAIN: Final = 2
"""A second table with so many times more rows is the one that was meant."""
_SENTENCE: Final = 60
_PROSE_SHARE: Final = 0.3
_EXPLANATIONS: Final = (
    "封面",
    "说明",
    "须知",
    "目录",
    "索引",
    "填报要求",
    "填表要求",
    "扉页",
    "首页",
    "readme",
    "cover",
    "index",
    "contents",
)


@dataclass(frozen=True, slots=True)
class Layout:
    """What a person said about a sheet: where its header stands. Then nothing about it is guessed."""

    header_rows: tuple[int, ...]
    """Top to bottom, without gaps."""


def detect(workbook: Workbook, layouts: Mapping[str, Layout] | None = None) -> Detection:
    """The table of each sheet that was read, and why the others have none.

    `layouts` are corrections by the sheet's name.
    """
    given = layouts or {}
    tables: list[Table] = []
    unread: list[Unread] = []
    read = {sheet.name for sheet in workbook.sheets}
    for title in workbook.titles:
        if title.name not in read and title.visibility is not Visibility.VISIBLE:
            unread.append(Unread(title.name, UnreadReason.HIDDEN))
        elif title.name not in read and not title.has_cells:
            unread.append(Unread(title.name, UnreadReason.NOT_CELLS))
    for sheet in workbook.sheets:
        grid = Grid(sheet)
        if not grid.numbers:
            unread.append(Unread(sheet.name, UnreadReason.EMPTY))
            continue
        table = _table(sheet, grid, tables[-1] if tables else None, given.get(sheet.name))
        if table is None:
            unread.append(Unread(sheet.name, UnreadReason.NO_TABLE))
        else:
            tables.append(table)
    return Detection(tuple(tables), tuple(unread))


def _table(sheet: Sheet, grid: Grid, before: Table | None, layout: Layout | None) -> Table | None:
    if layout is not None:
        return _built(sheet, grid, layout.header_rows, grid.numbers)
    header = find_header(grid, grid.numbers)
    if before is not None and _goes_on(grid, header, before):
        return _continued(sheet, grid, before)
    if is_form(grid, header):
        return None
    if not header:
        return _headerless(sheet, grid)
    table = _built(sheet, grid, header, grid.numbers)
    if table is None or _is_explanation(sheet, grid, table):
        return None
    return table


def _is_explanation(sheet: Sheet, grid: Grid, table: Table) -> bool:
    """A cover, a form, a text: a sheet whose rows are no records although some could be taken for such."""
    named = any(word in sheet.name.casefold() for word in _EXPLANATIONS)
    titled = [column for column in table.columns if column.title]
    if named and len(titled) <= 2:
        return True
    if len(titled) == 1 and titled[0].kind is ColumnKind.TEXT and _is_prose(table, titled[0]):
        return True
    labels = [
        value
        for row in grid.numbers
        for value in list(grid.rows[row].values())[:1]
        if isinstance(value, str) and texts.visible_text(value).endswith(("：", ":"))
    ]
    return len(titled) <= 4 and len(labels) >= max(2, 0.5 * len(grid.numbers))


def _is_prose(table: Table, column: Column) -> bool:
    """One column of sentences, under no title that a column would have."""
    place = table.columns.index(column)
    cells = [str(record.values[place]) for record in table.records if record.values[place] is not None]
    sentences = sum(len(cell) > _SENTENCE or "。" in cell or "；" in cell or texts.is_group(cell) for cell in cells)
    return sentences >= _PROSE_SHARE * len(cells) or texts.title_weight(column.title) == 0


def _built(sheet: Sheet, grid: Grid, header: tuple[int, ...], numbers: Sequence[int]) -> Table | None:
    """The table under this header; None if it has no record."""
    top, bottom = header[0], header[-1]
    above = [row for row in numbers if row < top]
    body = [row for row in numbers if row > bottom]
    columns, beside = table_columns(grid, header, body)
    titles = joined_titles(grid, header, columns)
    sequence = sequence_column(grid, titles, body)
    done = Sorter(grid, header, above, body, columns, sequence).sort()
    other = [row for row in body if done.other_from is not None and row >= done.other_from]
    if other and (found := _larger(sheet, grid, other, done)) is not None:
        mine = [Skipped(row, SkipReason.OTHER_TABLE) for row in numbers if row < other[0]]
        kept = {skipped.row for skipped in found.skipped}
        others = (*(one for one in mine if one.row not in kept), *found.skipped)
        remark = Remark(top, None, RemarkKind.BELOW, f"第{top}行起另有一张表，未读取；请分成两个工作表或两个文件提交")
        return replace(found, skipped=tuple(sorted(others, key=lambda one: one.row)), remarks=(remark, *found.remarks))
    if not done.records:
        return None
    remarks: list[Remark] = []
    done.skipped.update(dict.fromkeys(other, SkipReason.OTHER_TABLE))
    if other:
        message = f"第{other[0]}行起另有一张表，未读取；请分成两个工作表或两个文件提交"
        remarks.append(Remark(other[0], None, RemarkKind.BELOW, message))
    if beside is not None:
        first, last = column_letters(beside[0]), column_letters(beside[1])
        message = f"{first}列至{last}列是并排的另一张表，未读取；请把它移到下方或另一个工作表后再提交"
        remarks.append(Remark(bottom, beside[0], RemarkKind.BESIDE, message))
    skipped = {row: _above(grid, row) for row in above} | done.skipped
    if upper := _table_above(grid, above):
        skipped.update(dict.fromkeys((row for row in above if row >= upper), SkipReason.OTHER_TABLE))
        message = f"第{upper}行起另有一张表，未读取；请分成两个工作表或两个文件提交"
        remarks.append(Remark(upper, None, RemarkKind.BELOW, message))
    return _finished(sheet, grid, header, columns, titles, sequence, done, skipped, remarks)


def _finished(
    sheet: Sheet,
    grid: Grid,
    header: tuple[int, ...],
    columns: Sequence[int],
    titles: Mapping[int, str],
    sequence: int | None,
    done: Sorted,
    skipped: Mapping[int, SkipReason],
    remarks: list[Remark],
) -> Table:
    kinds = {column: column_kind(grid, done.records, column) for column in columns}
    shown = [
        column
        for column in columns
        if kinds[column] is not ColumnKind.EMPTY
        or (titles.get(column) and not _only_widens(grid, header, titles, column))
    ]
    told = tuple(Column(column, titles.get(column, ""), kinds[column], column == sequence) for column in shown)
    untitled = [column for column in told if not column.title]
    if header:
        for column in untitled:
            letters = column_letters(column.column)
            message = f"{letters}列有内容，但表头中没有名称"
            remarks.append(Remark(header[-1], column.column, RemarkKind.UNTITLED, message))
    records = tuple(_record(grid, row, shown, done.records[0]) for row in done.records)
    remarks += _merge_remarks(grid, done.records, shown)
    return Table(
        sheet=sheet.name,
        header_rows=header,
        columns=told,
        records=records,
        skipped=tuple(Skipped(row, reason) for row, reason in sorted(skipped.items())),
        remarks=tuple(remarks),
    )


def _only_widens(grid: Grid, header: tuple[int, ...], titles: Mapping[int, str], column: int) -> bool:
    """Whether an empty column is none: the cell of the one before is merged over it, or a legend stands apart there."""
    if column - 1 not in titles and len(titles) > 1 and column == max(titles) and texts.is_note(titles[column]):
        return True
    part = grid.merge_at(header[-1], column) if header else None
    return part is not None and part.first_column < column and titles.get(column) == titles.get(part.first_column)


def _larger(sheet: Sheet, grid: Grid, rows: Sequence[int], done: Sorted) -> Table | None:
    """The second table of a sheet, if it is by far the larger."""
    header = find_header(grid, rows)
    if not header or len(rows) < _OTHER_IS_MAIN * max(1, len(done.records)):
        return None
    found = _built(sheet, grid, header, rows)
    return found if found and len(found.records) >= _OTHER_IS_MAIN * max(1, len(done.records)) else None


def _table_above(grid: Grid, above: Sequence[int]) -> int | None:
    """The first row of a smaller table that stands above the header."""
    header = find_header(grid, above) if len(above) > 1 else ()
    if not header:
        return None
    body = [row for row in above if row > header[-1]]
    values = [
        row
        for row in body
        if len(grid.rows[row]) >= 2 and any(kind_of(cell).is_typed for cell in grid.rows[row].values())
    ]
    return header[0] if values and not any(_is_meta(grid, row) for row in header) else None


def _is_meta(grid: Grid, row: int) -> bool:
    return any(isinstance(value, str) and texts.is_label(value) for value in grid.rows[row].values())


def _above(grid: Grid, row: int) -> SkipReason:
    words = [value for value in grid.rows[row].values() if isinstance(value, str)]
    if any(texts.is_label(word) for word in words) or not words:
        return SkipReason.LABEL
    return SkipReason.NOTE if texts.is_note(words[0]) else SkipReason.TITLE


def _goes_on(grid: Grid, header: tuple[int, ...], before: Table) -> bool:
    """Whether a sheet without a header of its own has the columns of the one before."""
    columns = [column for column in before.columns if column.title or column.kind is not ColumnKind.EMPTY]
    sample = [row for row in grid.numbers[:60] if len(grid.rows[row]) >= 2]
    if not sample or len(columns) < 2:
        return False
    if header:
        own = {texts.folded(texts.title_text(value)) for row in header for value in grid.rows[row].values()}
        known = {texts.folded(part) for column in columns for part in column.title.split("/")}
        if len(own & known) >= 0.3 * len(own):
            return False
    look = looks(grid, sample)
    wide = max(column.column for column in columns)
    if max(look) > wide + 1:
        return False
    first = grid.rows[sample[0]]
    agreed = sum(_agrees(kind_of(first.get(column.column)), column.kind) for column in columns)
    typed = [column for column in columns if column.kind is not ColumnKind.TEXT and column.kind is not ColumnKind.EMPTY]
    typed_agreed = sum(
        kind_of(first.get(column.column)).is_typed or first.get(column.column) is None for column in typed
    )
    sequence = next((column.column for column in columns if column.is_sequence), None)
    if sequence is not None and whole_number(first.get(sequence)) is None:
        return False
    filled = sum(first.get(column.column) is not None for column in typed)
    return agreed >= 0.8 * len(columns) and typed_agreed == len(typed) and filled > 0


def _agrees(kind: CellKind, column: ColumnKind) -> bool:
    if kind in {CellKind.EMPTY, CellKind.MARK} or column is ColumnKind.EMPTY:
        return True
    match column:
        case ColumnKind.DATE | ColumnKind.DATETIME:
            return kind is CellKind.DATE
        case ColumnKind.INTEGER | ColumnKind.NUMBER:
            return kind is CellKind.NUMBER
        case ColumnKind.CODE:
            return kind in {CellKind.CODE, CellKind.NUMBER}
        case _:
            return True


def _continued(sheet: Sheet, grid: Grid, before: Table) -> Table | None:
    columns = [column.column for column in before.columns]
    sequence = next((column.column for column in before.columns if column.is_sequence), None)
    done = Sorter(grid, (), (), grid.numbers, columns, sequence).sort()
    if not done.records:
        return None
    done.skipped.update(
        {row: SkipReason.OTHER_TABLE for row in grid.numbers if done.other_from and row >= done.other_from}
    )
    remark = Remark(None, None, RemarkKind.CONTINUED, f"工作表没有表头，按前一工作表“{before.sheet}”的列读取")
    titles = {column.column: column.title for column in before.columns}
    return _finished(sheet, grid, (), columns, titles, sequence, done, done.skipped, [remark])


def _headerless(sheet: Sheet, grid: Grid) -> Table | None:
    """Rows that are records by their look, under no header: told as they are, for the provider to name the columns."""
    tabular = [row for row in grid.numbers if len(grid.rows[row]) >= 2]
    look = looks(grid, tabular)
    typed = [column for column, found in look.items() if found.typed is not None]
    if len(tabular) < 3 or len(tabular) < 0.5 * len(grid.numbers) or not typed:
        return None
    columns = sorted(look)
    titles = dict.fromkeys(columns, "")
    sequence = sequence_column(grid, titles, tabular)
    done = Sorter(grid, (), (), grid.numbers, columns, sequence).sort()
    if not done.records:
        return None
    done.skipped.update(
        {row: SkipReason.OTHER_TABLE for row in grid.numbers if done.other_from and row >= done.other_from}
    )
    remark = Remark(None, None, RemarkKind.NO_HEADER, "没有找到表头；请在数据上方加一行字段名称")
    return _finished(sheet, grid, (), columns, titles, sequence, done, done.skipped, [remark])


def _record(grid: Grid, row: int, columns: Sequence[int], first: int) -> Record:
    """The values of a row; merged cells give theirs to each row that they span."""
    own = grid.rows[row]
    carried = {
        part.first_column: grid.value(part.first_row, part.first_column)
        for part in grid.merges(row)
        if first <= part.first_row < row
    }
    return Record(row, tuple(own.get(column, carried.get(column)) for column in columns))


def _merge_remarks(grid: Grid, records: Sequence[int], columns: Sequence[int]) -> list[Remark]:
    rows, wanted = set(records), set(columns)
    remarks = []
    for part in sorted(grid.merged, key=lambda one: (one.first_row, one.first_column)):
        if part.first_row not in rows or part.first_column not in wanted:
            continue
        if grid.value(part.first_row, part.first_column) is None:
            continue
        if part.last_row > part.first_row:
            message = f"{part}是合并单元格，其值已用于第{part.first_row}行至第{part.last_row}行各条记录"
            remarks.append(Remark(part.first_row, part.first_column, RemarkKind.CARRIED, message))
        if part.last_column > part.first_column:
            remarks.append(_across(part))
    return remarks


def _across(part: CellRange) -> Remark:
    message = f"{part}是横向合并的单元格，其值只用于{column_letters(part.first_column)}列"
    return Remark(part.first_row, part.first_column, RemarkKind.MERGED_ACROSS, message)
