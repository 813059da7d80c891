"""Serial numbers of the forms of Annexes 1 and 2 of 长府规〔2019〕1号: prefix, two digits of the year, sequence.

The sequence has four digits, and five from 10,000 on; each year begins at 1. Who counts, and that no number is given
twice, is for the service that keeps the sequence; here is only the form of a number.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from policy.errors import NumberInvalid
from policy.shanghai import shanghai_day


class FormKind(StrEnum):
    """The forms that are numbered; the value is the prefix."""

    AGGREGATION_CERTIFICATE = "CNZYHJ"
    SHARE_APPLICATION = "CNZYSQ"

    @property
    def title_zh(self) -> str:
        """The form's title as the annex has it."""
        return {"CNZYHJ": "长宁区公共数据汇聚成果认定表", "CNZYSQ": "长宁区公共数据共享申请审核表"}[self.value]

    @property
    def annex(self) -> int:
        """The annex of 长府规〔2019〕1号 that has the form."""
        return {"CNZYHJ": 1, "CNZYSQ": 2}[self.value]


FIRST_YEAR = 2000
LAST_YEAR = 2099
"""Two digits name the years of one century only."""

LAST_SEQUENCE = 99_999
"""After five digits a number could be mistaken; the year is then refused rather than overflowed."""

# [0-9], since \d and int() also take digits of other scripts.
_NUMBER = re.compile(r"(?P<prefix>CNZYHJ|CNZYSQ)(?P<year>[0-9]{2})(?P<sequence>[0-9]{4}|[1-9][0-9]{4})")


@dataclass(frozen=True, slots=True, kw_only=True)
class FormNumber:
    kind: FormKind
    year: int
    sequence: int

    def __str__(self) -> str:
        return form_number(self.kind, self.year, self.sequence)


def form_year(submitted: datetime) -> int:
    """The year that a form belongs to: that of its submission in Asia/Shanghai.

    Raises:
        NaiveInstant: the instant has no zone.
    """
    return shanghai_day(submitted).year


def form_number(kind: FormKind, year: int, sequence: int) -> str:
    """`CNZYSQ180001`: the number of the sequence-th form of its kind in that year.

    Raises:
        NumberInvalid: the year is not of 2000 to 2099, or the sequence not of 1 to 99,999.
    """
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise NumberInvalid(f"年份须在{FIRST_YEAR}至{LAST_YEAR}之间")
    if not 1 <= sequence <= LAST_SEQUENCE:
        raise NumberInvalid(f"序号须在1至{LAST_SEQUENCE}之间")
    return f"{kind.value}{year % 100:02d}{sequence:04d}"


def parse_number(text: str) -> FormNumber:
    """The inverse of `form_number`: takes exactly what that writes.

    Raises:
        NumberInvalid: anything else: small letters, spaces, five digits that begin with 0, the sequence 0000.
    """
    found = _NUMBER.fullmatch(text)
    if found is None or int(found["sequence"]) == 0:
        raise NumberInvalid("应为 CNZYHJ 或 CNZYSQ，加两位年份，加四位（满一万为五位）序号")
    return FormNumber(
        kind=FormKind(found["prefix"]), year=FIRST_YEAR + int(found["year"]), sequence=int(found["sequence"])
    )
