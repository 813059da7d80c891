"""JSON whose numbers keep their digits: `1000.000000` is neither 1000 nor the text "1000.000000"."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Number:
    """A JSON number, by its digits: never equal to the text of them."""

    digits: str

    def __str__(self) -> str:
        return self.digits


class RepeatedName(ValueError):  # noqa: N818  what is wrong with a document
    """An object that names something twice: readers would not agree on what it says."""


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise RepeatedName(f"同一对象中重复：{'、'.join(twice)}")
    return found


def _constant(text: str) -> Any:
    raise ValueError(f"{text} 不是 JSON")


def load(text: str | bytes) -> Any:
    """The document, its numbers as `Number`. Raises ValueError if it is none, or an object repeats a name."""
    return json.loads(text, parse_float=Number, parse_int=Number, parse_constant=_constant, object_pairs_hook=_object)


def dump(value: Any) -> str:
    """The document as text, numbers by their digits."""
    if isinstance(value, Number):
        return value.digits
    if isinstance(value, dict):
        return "{" + ", ".join(f"{dump(name)}: {dump(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(dump, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def plain(value: Any) -> Any:
    """The document as `json.loads` gives it: numbers as int and float."""
    if isinstance(value, Number):
        return json.loads(value.digits)
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return value
