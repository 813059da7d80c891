"""What this library refuses, each refusal with a stable code for programs and a Chinese sentence for people."""

from datetime import date
from enum import StrEnum
from typing import ClassVar


class PolicyError(Exception):
    """The root of all refusals; `code` never changes, `message` is for people and may."""

    code: ClassVar[str] = "policy-refused"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class NaiveInstant(PolicyError):  # noqa: N818  a refusal is an answer, not a malfunction
    """An instant without a zone has no place on a calendar."""

    code = "naive-instant"

    def __init__(self) -> None:
        super().__init__("时刻未注明时区，无法确定所在日期")


class NoEditionInForce(PolicyError):  # noqa: N818  as above
    """No regulation stood on that day: before the first one, or after a repeal that nothing followed."""

    code = "no-edition-in-force"

    def __init__(self, day: date) -> None:
        super().__init__(f"{zh_day(day)}没有施行中的公共数据管理办法")
        self.day = day


class RuleUnknown(PolicyError):  # noqa: N818  as above
    """No such rule id exists at all: a slip in the code that asks, not an absent rule."""

    code = "rule-unknown"

    def __init__(self, asked: str) -> None:
        super().__init__(f"没有名为“{asked}”的规则")
        self.asked = asked


class RuleAbsent(PolicyError):  # noqa: N818  as above
    """Neither a higher source, nor the edition in force, nor the house rules have the rule."""

    code = "rule-absent"

    def __init__(self, rule_id: str, document: str) -> None:
        super().__init__(f"{document}没有“{rule_id}”这项规定，内部规则也未设定")
        self.rule_id = rule_id
        self.document = document


class PartAbsent(PolicyError):  # noqa: N818  as above
    """The rule stands, but names no single body for that part, or has no such parameter or deadline."""

    code = "rule-part-absent"

    def __init__(self, citation: str, part: str) -> None:
        super().__init__(f"{citation}没有规定“{part}”，或者规定了不止一个")
        self.citation = citation
        self.part = part


class CalendarMissing(PolicyError):  # noqa: N818  as above
    """Nobody has said which days of the year are worked; a guess would be worse than an alert."""

    code = "calendar-missing"

    def __init__(self, year: int) -> None:
        super().__init__(f"缺少{year}年的工作日安排，无法计算期限；请录入国务院办公厅关于{year}年部分节假日安排的通知")
        self.year = year


class CountNotPositive(PolicyError):  # noqa: N818  as above
    """A deadline of no days at all is a slip."""

    code = "count-not-positive"

    def __init__(self, count: int) -> None:
        super().__init__(f"工作日数须为正整数，现为{count}")
        self.count = count


class NumberInvalid(PolicyError):  # noqa: N818  as above
    """Not a serial number of a form, or one that would overflow."""

    code = "form-number-invalid"

    def __init__(self, problem: str) -> None:
        super().__init__(f"表单编号无效：{problem}")


class BasisInvalid(PolicyError):  # noqa: N818  as above
    """Stored values that make no basis of a decision."""

    code = "decision-basis-invalid"

    def __init__(self, problem: str) -> None:
        super().__init__(f"决定依据无法读取：{problem}")


class Flaw(StrEnum):
    """What is wrong with a file, for programs."""

    UNREADABLE = "unreadable"
    UNKNOWN_KEY = "unknown-key"
    MISSING_KEY = "missing-key"
    WRONG_TYPE = "wrong-type"
    BAD_VALUE = "bad-value"
    OVERLAP = "overlap"
    DUPLICATE = "duplicate"
    CONTRADICTION = "contradiction"


class FileRefused(PolicyError):  # noqa: N818  as above
    """A file of editions or of working days is not taken; names the file, the key in it and what is wrong."""

    code = "policy-file-refused"

    def __init__(self, file: str, key: str, flaw: Flaw, problem: str) -> None:
        where = f"{file}：{key}" if key else file
        super().__init__(f"{where}：{problem}")
        self.file = file
        self.key = key
        self.flaw = flaw
        self.problem = problem


def zh_day(day: date) -> str:
    """`2025年12月31日`."""
    return f"{day.year}年{day.month}月{day.day}日"
