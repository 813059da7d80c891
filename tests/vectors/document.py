"""A file of golden cases: its form checked against the schema, its content read."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import jsonschema

from tests.vectors import cases, fixture, literal
from tests.vectors.cases import Case
from tests.vectors.errors import BadFile
from tests.vectors.fixture import Fixture

SCHEMA: Final = Path(__file__).parents[1] / "contract" / "vectors" / "schema.json"
SHOWN: Final = 10
"""Violations of the form that are told; more help nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    fixture: Fixture
    cases: tuple[Case, ...]
    units: tuple[str, ...]
    """Every unit that gets a key."""


def read(path: Path) -> Document:
    """Read a file and check it.

    Raises:
        BadFile: it is not there, no JSON, not of the form, or says what cannot be; the text tells all places of a
            violated form, and the first place of a content that cannot be.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise BadFile(f"读不到 {path}：{error.strerror}") from None
    except UnicodeDecodeError as error:
        raise BadFile(f"{path} 不是 UTF-8 文本（第 {error.start} 字节）") from None
    try:
        told = literal.load(text)
    except (ValueError, RecursionError) as error:
        raise BadFile(f"{path} 不是 JSON：{error}") from None
    wrong = list(_violations(literal.plain(told)))
    if wrong:
        more = [f"……共 {len(wrong)} 处"] if len(wrong) > SHOWN else []
        raise BadFile("\n".join([f"{path} 不符合 {SCHEMA.name}：", *wrong[:SHOWN], *more]))
    found = fixture.read(told["fixture"])
    read_cases = tuple(cases.read(case, place, found) for place, case in enumerate(told["cases"]))
    return Document(fixture=found, cases=read_cases, units=cases.units(read_cases, found))


def _violations(told: Any) -> Iterator[str]:
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
    for error in sorted(validator.iter_errors(told), key=lambda error: [str(part) for part in error.absolute_path]):
        yield f"  {error.json_path}：{error.message[:300]}"
