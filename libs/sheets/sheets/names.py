"""File names of the annex: 资源名称-时间戳.xls, read with suspicion and made with care.

A name that came with a file is text from a stranger: it is judged and shown, never used as a path (IN-X3).
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime

from sheets.findings import Finding, Rule
from sheets.kinds import Kind

NAME_CHARACTERS = 200
"""The longest name that is accepted; file systems end at 255 bytes, which is 85 Chinese characters at worst."""
_DISPLAY_CHARACTERS = 80
_RESOURCE_BYTES = 200
"""What of a resource's name goes into a file name: with the stamp it stays within the 255 bytes of file systems."""

_WORKBOOK_EXTENSIONS = (".xls", ".et", ".xlsx", ".ods")
_EXTENSIONS = {
    Kind.XLS: _WORKBOOK_EXTENSIONS,
    Kind.XLSX: _WORKBOOK_EXTENSIONS,
    Kind.ODS: _WORKBOOK_EXTENSIONS,
    Kind.CSV: (".csv",),
}
_ALL_EXTENSIONS = (*_WORKBOOK_EXTENSIONS, ".csv")
_PATH_PARTS = re.compile(r"[/\\]")
_NOT_IN_NAMES = re.compile(r'[/\\:*?"<>|]')
_EDGES = re.compile(r"^[\s.]+|[\s.]+$")
_STAMP = re.compile(r"([0-9]{8})([0-9]{6})?")
_UNSEEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories of characters that cannot be seen or that turn the order of others (RTL marks among them)."""
_PLACEHOLDER = "\N{REPLACEMENT CHARACTER}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileName:
    """A name as it was understood."""

    display: str
    """Safe to show: no path, no unseen characters, not long. The page that shows it escapes it all the same."""
    resource: str | None
    """The resource's name, where the name has the annex's form."""
    stamp: date | datetime | None
    extension: str
    """With its dot, in small letters; empty if there is none."""
    findings: tuple[Finding, ...]

    def matches(self, resource: str) -> bool:
        """Whether this is a file of the resource of this name."""
        return self.resource is not None and _composed(self.resource) == _resource_part(resource)

    def suits(self, kind: Kind) -> bool:
        """Whether content of this kind may go under this extension.

        The one rule (IN-X4, X5): a workbook may carry the extension of any kind of workbook, since programs save one
        under the name of another and open it without a question; text must say that it is csv.
        """
        return self.extension in _EXTENSIONS.get(kind, ())


def parse_name(raw: str) -> FileName:
    """Understand a name as far as it can be; what is wrong with it is in its findings."""
    findings: list[Finding] = []

    def find(rule: Rule, message: str) -> None:
        findings.append(Finding(None, None, rule, message))

    base = _PATH_PARTS.split(raw)[-1]
    if base != raw:
        find(Rule.NAME_PATH, "文件名含有路径")
    if any(map(_is_unseen, base)):
        find(Rule.NAME_CHARACTERS, "文件名含有控制字符或不可见字符")
    if len(base) > NAME_CHARACTERS:
        find(Rule.NAME_LENGTH, f"文件名有{len(base)}字，超过{NAME_CHARACTERS}字上限")
    stem, dot, suffix = base.rpartition(".")
    extension = f".{suffix.lower()}" if dot else ""
    if extension not in _ALL_EXTENSIONS:
        stem = base if not dot else stem
        find(Rule.NAME_EXTENSION, f"文件扩展名应为 {'、'.join(_ALL_EXTENSIONS)} 之一")
    resource, dash, stamp_text = stem.rpartition("-")
    stamp = _stamp(stamp_text) if dash else None
    if stamp is None:
        find(Rule.NAME_STAMP, "文件名应为“资源名称-时间戳”，时间戳为 YYYYMMDD 或 YYYYMMDDhhmmss")
    elif not resource.strip():
        find(Rule.NAME_RESOURCE, "文件名中没有资源名称")
    understood = stamp is not None and bool(resource.strip()) and extension in _ALL_EXTENSIONS
    return FileName(
        display=display_name(raw),
        resource=resource if understood else None,
        stamp=stamp,
        extension=extension,
        findings=tuple(findings),
    )


def check_name(raw: str, *, resource: str, kind: Kind) -> tuple[Finding, ...]:
    """Everything that is wrong with the name of a file of this resource whose content is of this kind."""
    name = parse_name(raw)
    findings = list(name.findings)
    if name.resource is not None and not name.matches(resource):
        message = f"文件名中的资源名称与“{display_name(resource)}”不一致"
        findings.append(Finding(None, None, Rule.NAME_RESOURCE, message))
    if name.extension in _ALL_EXTENSIONS and not name.suits(kind):
        message = f"文件扩展名为{name.extension}，内容却是{kind.value}"
        findings.append(Finding(None, None, Rule.NAME_KIND, message))
    return tuple(findings)


def make_name(resource: str, at: date | datetime, extension: str = ".xls") -> str:
    """The annex's name for a file of this resource made at this moment, usable as a file name everywhere.

    Raises:
        ValueError: the resource has no name that could be seen.
    """
    part = _resource_part(resource)
    if not part.strip("_ ."):
        raise ValueError("resource")
    stamp = at.strftime("%Y%m%d%H%M%S" if isinstance(at, datetime) else "%Y%m%d")
    return f"{part}-{stamp}{extension}"


def display_name(raw: str) -> str:
    """A text of a stranger, safe and short enough to show in a line."""
    base = _PATH_PARTS.split(raw)[-1]
    plain = "".join(" " if character.isspace() else character for character in base)
    shown = "".join(_PLACEHOLDER if _is_unseen(character) else character for character in plain)
    if len(shown) > _DISPLAY_CHARACTERS:
        half = _DISPLAY_CHARACTERS // 2
        shown = f"{shown[:half]}…{shown[1 - half :]}"
    return shown or "（无文件名）"


def _resource_part(resource: str) -> str:
    """The resource's name as a part of a file name; names that differ only in forbidden characters meet here."""
    kept = "".join("_" if _is_unseen(character) else character for character in _composed(resource))
    kept = _EDGES.sub("", _NOT_IN_NAMES.sub("_", kept))
    return kept.encode()[:_RESOURCE_BYTES].decode(errors="ignore")


def _composed(text: str) -> str:
    """One form for characters that can be written in two."""
    return unicodedata.normalize("NFC", text)


def _is_unseen(character: str) -> bool:
    return unicodedata.category(character) in _UNSEEN_CATEGORIES


def _stamp(text: str) -> date | datetime | None:
    found = _STAMP.fullmatch(text)
    if found is None:
        return None
    try:
        if found[2]:
            return datetime.strptime(text, "%Y%m%d%H%M%S")  # noqa: DTZ007 -- a file name knows no time zone
        return datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007 -- as above
    except ValueError:
        return None
