"""Holds what came back against what a case demands."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

from tests.vectors import literal
from tests.vectors.cases import Case, Numbers
from tests.vectors.literal import Number

PRESENT = "*"
JSON_TYPE = "application/json; charset=utf-8"
XML_TYPE = "application/xml; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back: `headers` by their names in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", errors="replace")

    @property
    def code(self) -> str:
        """`1`, or the code of the failure; the status where the body is no envelope."""
        try:
            told = json.loads(self.body)
            return "1" if told["SUCCESS"] == "1" else str(told["ERROR"]["ERROR_CODE"])
        except (ValueError, KeyError, TypeError):
            return f"HTTP {self.status}"


def differences(case: Case, answer: Answer) -> Iterator[str]:
    """In what an answer is not the one that the case demands; nothing if it is."""
    if answer.status != case.status:
        yield f"状态码应为 {case.status}，实为 {answer.status}"
    for name, wanted in case.response_headers.items():
        held = answer.headers.get(name.lower())
        if wanted is None and held is not None:
            yield f"不应有响应头 {name}：{held}"
        elif wanted is not None and held is None:
            yield f"缺少响应头 {name}"
        elif wanted not in {None, PRESENT, held}:
            yield f"响应头 {name} 应为 {wanted}，实为 {held}"
    if case.expects_body:
        yield from _json(case, answer)
    if case.xml is not None:
        yield from _xml(case.xml, answer)


def _media_type(answer: Answer, wanted: str) -> Iterator[str]:
    held = answer.headers.get("content-type")
    if held != wanted:
        yield f"媒体类型应为 {wanted}，实为 {held}"


def _json(case: Case, answer: Answer) -> Iterator[str]:
    yield from _media_type(answer, JSON_TYPE)
    try:
        found = literal.load(answer.body)
    except ValueError as error:
        yield f"响应体不是 JSON：{error}"
        return
    wanted = expected(case.expected, case.numbers)
    if wanted != found:
        yield f"响应体应为 {literal.dump(wanted)}"


def expected(told: Any, numbers: Numbers) -> Any:
    """The document that a case demands, with numbers where its texts stand for them."""
    if isinstance(told, dict) and "SUCCESS" in told:
        return {name: _data(value, None, numbers) if name == "DATA" else value for name, value in told.items()}
    return _data(told, None, numbers)


def _data(told: Any, item: str | None, numbers: Numbers) -> Any:
    if isinstance(told, dict):
        return {code: _data(value, code, numbers) for code, value in told.items()}
    if isinstance(told, list):
        return [_data(value, item, numbers) for value in told]
    is_number = numbers.single if item is None else item in numbers.items
    return Number(told) if is_number and isinstance(told, str) else told


def _xml(wanted: str, answer: Answer) -> Iterator[str]:
    yield from _media_type(answer, XML_TYPE)
    try:
        found = ET.fromstring(answer.body)
    except ET.ParseError as error:
        yield f"响应体不是 XML：{error}"
        return
    if tree(found) != tree(ET.fromstring(wanted)):
        yield f"响应体应为 {wanted}"


def tree(element: ET.Element) -> tuple[Any, ...]:
    """Names, attributes, texts and nesting; blanks between elements are layout."""
    children = tuple(map(tree, element))
    own = element.text or ""
    between = "".join((own, *(child.tail or "" for child in element)))
    text = between.strip() if children else own
    return element.tag, tuple(sorted(element.attrib.items())), text, children
