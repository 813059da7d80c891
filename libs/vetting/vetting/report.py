"""What is told of a checked file, and its JSON form, which programs of providers rely on."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from quality.model import Finding, RuleName


class Profile(StrEnum):
    """By which form a file is judged."""

    STRICT = "strict"
    """Annex 3 chapter 6 to the letter."""
    GUIDED = "guided"
    """As departments really fill sheets; the table is found."""


class Verdict(StrEnum):
    """The end of a check."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class ColumnTold:
    """A column with its title and the code of the item that it is."""

    column: int
    title: str
    item: str | None


@dataclass(frozen=True, slots=True)
class RowSkipped:
    """A row that is neither header nor record."""

    row: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetReport:
    """One sheet that holds records."""

    sheet: str
    header_row: int | None
    """The last row of the header; None where a sheet has none of its own."""
    columns: tuple[ColumnTold, ...]
    records: int
    skipped: tuple[RowSkipped, ...]
    findings: tuple[Finding, ...]
    not_run: tuple[RuleName, ...]
    """Rules that need the platform."""
    entry: Mapping[str, Any] | None
    """The proposed entry, where none was given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A checked file."""

    profile: Profile
    verdict: Verdict
    reason: str | None
    sheets: tuple[SheetReport, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The documented form, of plain types."""
        return {
            "profile": self.profile.value,
            "verdict": self.verdict.value,
            "reason": self.reason,
            "sheets": [_sheet(sheet) for sheet in self.sheets],
        }


def _sheet(sheet: SheetReport) -> dict[str, Any]:
    return {
        "sheet": sheet.sheet,
        "header_row": sheet.header_row,
        "columns": [{"column": one.column, "title": one.title, "item": one.item} for one in sheet.columns],
        "records": sheet.records,
        "skipped": [{"row": one.row, "reason": one.reason} for one in sheet.skipped],
        "findings": [
            {
                "row": one.row,
                "column": one.column,
                "item": one.item,
                "rule": one.rule.value,
                "severity": one.severity.value,
                "message": one.message,
            }
            for one in sheet.findings
        ],
        "not_run": [rule.value for rule in sheet.not_run],
        "entry": sheet.entry,
    }
