"""Reading a file strictly: every key is asked for by name and type, and whatever is left over is refused.

A file is an administrator's work. Each refusal names the file, the key and what is wrong, so that it can be put right
without reading code.
"""

import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from difflib import get_close_matches
from enum import StrEnum
from typing import NoReturn, TypeVar

from policy.errors import FileRefused, Flaw

# A regulation as data is some 20 KB. The limits only keep a wrong file from costing memory or flooding a screen.
MAX_BYTES = 256 * 1024
MAX_TEXT = 400

# Control characters, line and paragraph ends, and marks that turn the direction of writing have no place in a citation.
_FORBIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})

_Word = TypeVar("_Word", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file as text or bytes, given by whoever may read files; `name` is only for messages."""

    name: str
    content: str | bytes


class Table:
    """One table of a file, with its place in it. `close()` refuses the keys that nobody asked for."""

    def __init__(self, file: str, path: str, content: Mapping[str, object]) -> None:
        self.file = file
        self._path = path
        self._content = content
        self._asked: set[str] = set()

    def refuse(self, key: str, flaw: Flaw, problem: str) -> NoReturn:
        """Refuse the file for a key of this table ("" for the table itself)."""
        raise FileRefused(self.file, self._at(key), flaw, problem)

    def close(self) -> None:
        """Nothing may be left over: a key that is not known is a slip, not an extension."""
        for key in self._content:
            if key not in self._asked:
                near = get_close_matches(key, sorted(self._asked), n=1)
                self.refuse(key, Flaw.UNKNOWN_KEY, "未知的键" + (f"，是否应为“{near[0]}”" if near else ""))

    def keys(self) -> tuple[str, ...]:
        """All keys as they stand in the file."""
        return tuple(self._content)

    def has(self, key: str) -> bool:
        self._asked.add(key)
        return key in self._content

    def text(self, key: str) -> str:
        """A text of 1 to `MAX_TEXT` characters without control or direction marks, as it would be shown."""
        return self._as_text(key, self._need(key))

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of at least one such text, none of them twice."""
        texts = tuple(self._as_text(key, value) for value in self._list(key))
        if not texts or len(set(texts)) != len(texts):
            self.refuse(key, Flaw.BAD_VALUE, "须至少一项且不得重复")
        return texts

    def word(self, key: str, words: type[_Word]) -> _Word:
        """One of a closed list of words."""
        return self._as_word(key, self._need(key), words)

    def words(self, key: str, words: type[_Word]) -> tuple[_Word, ...]:
        """At least one of a closed list of words, none twice."""
        found = tuple(self._as_word(key, value, words) for value in self._list(key))
        if not found or len(set(found)) != len(found):
            self.refuse(key, Flaw.BAD_VALUE, "须至少一项且不得重复")
        return found

    def number(self, key: str, most: int) -> int:
        """A whole number from 1 to `most`."""
        return self._as_number(key, self._need(key), most)

    def numbers(self, key: str, most: int) -> tuple[int, ...]:
        numbers = tuple(self._as_number(key, value, most) for value in self._list(key))
        if not numbers:
            self.refuse(key, Flaw.BAD_VALUE, "须至少一项")
        return numbers

    def flag(self, key: str) -> bool:
        value = self._need(key)
        if not isinstance(value, bool):
            self.refuse(key, Flaw.WRONG_TYPE, "须为 true 或 false")
        return value

    def day(self, key: str) -> date:
        """A date without a time of day, written without quotes: 2021-06-01."""
        return self._as_day(key, self._need(key))

    def days(self, key: str) -> tuple[date, ...]:
        """A list of dates, none twice; it may be empty."""
        days = tuple(self._as_day(key, value) for value in self._list(key))
        if len(set(days)) != len(days):
            self.refuse(key, Flaw.DUPLICATE, "同一日期出现两次")
        return days

    def table(self, key: str) -> "Table":
        return self._as_table(key, self._need(key))

    def tables(self, key: str) -> tuple["Table", ...]:
        """A list of at least one table."""
        values = self._list(key)
        if not values:
            self.refuse(key, Flaw.BAD_VALUE, "须至少一项")
        return tuple(self._as_table(f"{key}[{place}]", value) for place, value in enumerate(values))

    def _at(self, key: str) -> str:
        return f"{self._path}.{key}" if self._path and key else self._path or key

    def _need(self, key: str) -> object:
        if not self.has(key):
            self.refuse(key, Flaw.MISSING_KEY, "缺少此项")
        return self._content[key]

    def _list(self, key: str) -> list[object]:
        value = self._need(key)
        if not isinstance(value, list):
            self.refuse(key, Flaw.WRONG_TYPE, "须为列表")
        return value

    def _as_text(self, key: str, value: object) -> str:
        if not isinstance(value, str):
            self.refuse(key, Flaw.WRONG_TYPE, "须为文本")
        if not value.strip() or value != value.strip() or len(value) > MAX_TEXT:
            self.refuse(key, Flaw.BAD_VALUE, f"须为1至{MAX_TEXT}字、首尾无空格的文本")
        if any(unicodedata.category(character) in _FORBIDDEN_CATEGORIES for character in value):
            self.refuse(key, Flaw.BAD_VALUE, "含有控制字符或不可见字符")
        return value

    def _as_word(self, key: str, value: object, words: type[_Word]) -> _Word:
        text = self._as_text(key, value)
        try:
            return words(text)
        except ValueError:
            near = get_close_matches(text, list(words), n=1)
            hint = f"，是否应为“{near[0]}”" if near else ""
            self.refuse(key, Flaw.BAD_VALUE, f"“{text}”不在可用的词表中{hint}")

    def _as_number(self, key: str, value: object, most: int) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            self.refuse(key, Flaw.WRONG_TYPE, "须为整数")
        if not 1 <= value <= most:
            self.refuse(key, Flaw.BAD_VALUE, f"须为1至{most}的正整数")
        return value

    def _as_day(self, key: str, value: object) -> date:
        # A TOML date-time arrives as a datetime, which is a date too.
        if not isinstance(value, date) or isinstance(value, datetime):
            self.refuse(key, Flaw.WRONG_TYPE, "须为不带引号和时刻的日期，如 2021-06-01")
        return value

    def _as_table(self, key: str, value: object) -> "Table":
        if not isinstance(value, dict):
            self.refuse(key, Flaw.WRONG_TYPE, "须为表")
        return Table(self.file, self._at(key), value)


def read_table(source: SourceFile) -> Table:
    """The whole of a TOML file.

    Bytes are UTF-8, with or without the mark that some editors put before it.

    Raises:
        FileRefused: too long, not UTF-8, or not TOML (a key given twice is not).
    """
    content = source.content
    if len(content) > MAX_BYTES:
        raise FileRefused(source.name, "", Flaw.UNREADABLE, f"文件超过{MAX_BYTES // 1024}KB")
    try:
        text = content.decode("utf-8-sig") if isinstance(content, bytes) else content.removeprefix("\ufeff")
        return Table(source.name, "", tomllib.loads(text))
    except (ValueError, RecursionError) as error:
        # tomllib lets plain ValueError (numbers of thousands of digits) and RecursionError (deep nesting) through.
        raise FileRefused(
            source.name, "", Flaw.UNREADABLE, f"不是有效的UTF-8编码TOML文件（{_brief(error)}）"
        ) from error


def _brief(error: Exception) -> str:
    return str(error).splitlines()[0][:120] if str(error) else type(error).__name__
