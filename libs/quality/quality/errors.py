"""What the declaration of rules can be refused for. Root: `QualityError`; each has a stable code."""

from typing import ClassVar


class QualityError(Exception):
    """The root; `code` is stable, `message` is for people."""

    code: ClassVar[str] = "quality"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class BadRule(QualityError):  # noqa: N818  a rule that is refused
    """A rule that does not go with the items it names, or that no machine should run."""

    code: ClassVar[str] = "bad-rule"


class BadEntry(QualityError):  # noqa: N818  an entry that is refused
    """A description of an entry that is none."""

    code: ClassVar[str] = "bad-entry"
