"""The cells of one sheet of an .xls: how far they reach, and what the parser would lose of them."""

from sheets import formats
from sheets.cells import ErrorCell, Value
from sheets.errors import damaged
from sheets.precheck.biff.globals import Globals
from sheets.precheck.biff.records import BOOLERR, CELLS, FORMULA, LABELSST, MULRK, NUMBER, RK, Records
from sheets.precheck.surveys import Extent, Position

_ERRORS = {
    0x00: "#NULL!",
    0x07: "#DIV/0!",
    0x0F: "#VALUE!",
    0x17: "#REF!",
    0x1D: "#NAME?",
    0x24: "#NUM!",
    0x2A: "#N/A",
    0x2B: "#GETTING_DATA",
}
_SPECIAL_RESULT = 0xFFFF
_ERROR_RESULT = 2


class CellNotes:
    """What is noted of one sheet, record by record."""

    def __init__(self, records: Records, shared: Globals) -> None:
        self.overlay: dict[Position, Value] = {}
        self._records = records
        self._shared = shared
        self._rows: set[int] = set()
        self._last_column = -1

    @property
    def extent(self) -> Extent:
        """How far the noted cells reach."""
        return Extent(len(self._rows), max(self._rows, default=-1) + 1, self._last_column + 1)

    def take(self, kind: int, body: int, length: int) -> None:
        """Note one record of `CELLS`.

        Raises:
            Unreadable: it is too short, or refers to a string that is not there.
        """
        if length < CELLS[kind]:
            raise damaged("biff-cell")
        records = self._records
        row, column, cell_format = records.place(body)
        self._rows.add(row)
        self._last_column = max(self._last_column, column)
        if kind == LABELSST:
            if records.u32(body + 6) >= self._shared.strings:
                raise damaged("biff-string-index")
        elif kind == MULRK:
            self._last_column = max(self._last_column, self._several(body, length, row, column))
        elif kind == FORMULA:
            self._formula(body, (row + 1, column + 1), cell_format)
        elif kind == BOOLERR:
            if records.u8(body + 7):
                self._error((row + 1, column + 1), records.u8(body + 6))
        elif kind in {NUMBER, RK} and self._is_noted(cell_format):
            number = records.f64(body + 6) if kind == NUMBER else records.rk(body + 6)
            self._number((row + 1, column + 1), cell_format, number)

    def _several(self, body: int, length: int, row: int, first: int) -> int:
        """A run of numbers in one row; its last column, from 0."""
        records = self._records
        last = records.u16(body + length - 2)
        if last < first or length != 6 + 6 * (last - first + 1):
            raise damaged("biff-cell")
        for step in range(last - first + 1):
            at = body + 4 + 6 * step
            if self._is_noted(records.u16(at)):
                self._number((row + 1, first + step + 1), records.u16(at), records.rk(at + 2))
        return last

    def _formula(self, body: int, position: Position, cell_format: int) -> None:
        """The result of a formula. One that was never computed cannot be told from one that yields an empty text."""
        records = self._records
        if records.u16(body + 12) != _SPECIAL_RESULT:
            if self._is_noted(cell_format):
                self._number(position, cell_format, records.f64(body + 6))
        elif records.u8(body + 6) == _ERROR_RESULT:
            self._error(position, records.u8(body + 8))
        records.put_u16(body + 20, 0)  # only the result is wanted; the parser stumbles over many formulas

    def _error(self, position: Position, code: int) -> None:
        if code not in _ERRORS:
            raise damaged("biff-error")
        self.overlay[position] = ErrorCell(_ERRORS[code])

    def _is_noted(self, cell_format: int) -> bool:
        return cell_format in self._shared.moments or cell_format in self._shared.padded

    def _number(self, position: Position, cell_format: int, number: float) -> None:
        """What a format shows of a number and the parser would lose: zeros before it, or that it is no moment."""
        if cell_format in self._shared.padded:
            code = formats.padded(number, self._shared.padded[cell_format])
            if code is not None:
                self.overlay[position] = code
        elif formats.is_no_moment(number, epoch_1904=self._shared.epoch_1904):
            self.overlay[position] = number
