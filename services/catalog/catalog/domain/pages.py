"""A document out of plain blocks, written as HTML or as Markdown. Whatever stands in it is text: nothing is markup."""

import base64
import hashlib
import re
import unicodedata
from dataclasses import dataclass
from html import escape
from typing import Final, assert_never

_STYLE: Final = (
    "body{font:16px/1.7 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;margin:1rem 0}th,td{border:1px solid #999;padding:.2rem .6rem;text-align:left}"
    "pre{background:#f3f3f3;padding:1rem;overflow:auto}"
)
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; style-src 'sha256-"
    + base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    + "'"
)
"""With which a page is sent: no script, nothing from elsewhere, this one style."""
_MARKDOWN: Final = re.compile(r"[!-/:-@\[-`{-~]")
_PLAIN: Final = frozenset(",'\"%/?;")
"""Punctuation that Markdown reads as itself anywhere in a line."""
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class Code:
    """A name of the interface, to be typed as it stands."""

    text: str


Cell = str | Code


@dataclass(frozen=True, slots=True)
class Heading:
    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Prose:
    text: str


@dataclass(frozen=True, slots=True)
class Table:
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """Lines to be copied; `language` is what Markdown calls it."""

    language: str
    text: str


Block = Heading | Prose | Table | Listing
Document = tuple[Block, ...]


def seen(text: str) -> str:
    """One line of characters that can be seen: what is invisible, or turns the reading around, is shown as such."""
    return "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(one) in _UNSEEN else one for one in text)


def html(title: str, document: Document) -> str:
    """A whole HTML page."""
    body = "\n".join(map(_html, document))
    head = f'<meta charset="utf-8"><title>{escape(seen(title))}</title><style>{_STYLE}</style>'
    return f'<!DOCTYPE html>\n<html lang="zh-CN"><head>{head}</head><body>\n{body}\n</body></html>\n'


def _html(block: Block) -> str:
    match block:
        case Heading(level, text):
            return f"<h{level}>{escape(seen(text))}</h{level}>"
        case Prose(text):
            return f"<p>{escape(seen(text))}</p>"
        case Table(head, rows):
            above = "".join(f"<th>{escape(seen(text))}</th>" for text in head)
            lines = "".join("<tr>" + "".join(f"<td>{_html_cell(cell)}</td>" for cell in row) + "</tr>" for row in rows)
            return f"<table><thead><tr>{above}</tr></thead><tbody>{lines}</tbody></table>"
        case Listing(_, text):
            return f"<pre><code>{escape(_lines(text))}</code></pre>"
        case _:
            assert_never(block)


def _html_cell(cell: Cell) -> str:
    return f"<code>{escape(seen(cell.text))}</code>" if isinstance(cell, Code) else escape(seen(cell))


def markdown(document: Document) -> str:
    """The same as Markdown (CommonMark, with GitHub's tables)."""
    return "\n\n".join(map(_markdown, document)) + "\n"


def _markdown(block: Block) -> str:
    match block:
        case Heading(level, text):
            return f"{'#' * level} {_inline(text)}"
        case Prose(text):
            return _inline(text)
        case Table(head, rows):
            lines = [head, ("---",) * len(head)]
            return "\n".join(
                [
                    *(f"| {' | '.join(line)} |" for line in lines),
                    *(f"| {' | '.join(map(_markdown_cell, row))} |" for row in rows),
                ]
            )
        case Listing(language, text):
            longest = max((len(run) for run in re.findall("`+", text)), default=0)
            fence = "`" * max(3, longest + 1)
            return f"{fence}{language}\n{_lines(text)}\n{fence}"
        case _:
            assert_never(block)


def _markdown_cell(cell: Cell) -> str:
    if isinstance(cell, Code) and not re.search(r"[`|\\]", cell.text) and cell.text.strip():
        return f"`{seen(cell.text)}`"
    return _inline(cell.text if isinstance(cell, Code) else cell)


def _inline(text: str) -> str:
    """A line of text in which nothing is markup."""
    return _MARKDOWN.sub(lambda found: found[0] if found[0] in _PLAIN else f"\\{found[0]}", seen(text)).strip()


def _lines(text: str) -> str:
    return "\n".join(map(seen, text.split("\n")))
