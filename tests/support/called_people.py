"""Made-up people whose values are nowhere else, grants that each show something else of them, and what a call gives.

The model is written from the protocol page alone; it shares no code with what it judges.
"""

import json
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from common.events import GrantedItem, ItemMode, Mode, RowCondition
from tests.support.items import day, integer, key, text

ITEMS: Final = (
    key(text("id", 4)),
    text("name", 20, standard="XM"),
    text("id_number", 18, standard="ZJHM"),
    text("telephone", 20, standard="telephone"),
    text("home", 40, standard="JZDXZ"),
    text("remark", 40),
    day("born"),
    integer("children"),
)
CODES: Final = tuple(item.code for item in ITEMS)
INPUTS: Final = {"id": "eq in", "name": "eq", "remark": "eq prefix", "born": "ge lt", "children": "eq gt le"}
ORDERINGS: Final = ("born", "name", "children")
COUNT: Final = 40
CODES_OF_THE_PAGE: Final = frozenset({"101", "201", "202", "203", "205", "206", "207", "208", "301"})


def _row(n: int) -> tuple[Any, ...]:
    if n % 6 == 5:
        return (f"{n:04}", None, None, None, None, None, None, None)
    born = date(1950 + n % 7, 2, 1 + n % 28)
    known = (f"甲{n}<&>'\"乙", f"1101051949{n:04}002X", f"138{n:04}5678", f"上海市示例路{n}号", f"备注{n}")
    return (f"{n:04}", *known, born, 700_000 + n)


ROWS: Final = tuple(_row(n) for n in range(COUNT))


def told(code: str, value: Any) -> Any:
    """A value as an answer in clear has it."""
    return f"{value:%Y/%m/%d}" if code == "born" and value is not None else value


MASKS: Final = {
    "name": lambda v: v[0] + "*" * (len(v) - 1),
    "id_number": lambda v: v[:6] + "********" + v[-4:],
    "telephone": lambda v: v[:3] + "****" + v[-4:],
    "home": lambda v: v[:3] + "****",
}


@dataclass(frozen=True, slots=True)
class Granted:
    """What a unit may see."""

    unit: str
    modes: Mapping[str, ItemMode]
    only: tuple[str, ...] = ()
    """The ids of the rows that it may see; all without any."""

    def tell(self, world: Any) -> None:
        world.unit(self.unit)
        items = [GrantedItem(code=code, mode=mode, mask=None) for code, mode in self.modes.items()]
        conditions = (RowCondition(item="id", values=self.only),) if self.only else ()
        world.grant(self.unit, "people", items, row_filter=conditions)

    @property
    def shown(self) -> list[str]:
        return [code for code in CODES if self.modes.get(code) in {ItemMode.CLEAR, ItemMode.MASKED}]

    def fragment(self, code: str, value: Any) -> Any:
        """A value as this unit sees it."""
        if value is None or self.modes[code] is ItemMode.CLEAR:
            return told(code, value)
        return MASKS.get(code, lambda _: "****")(told(code, value))

    def hidden(self) -> list[str]:
        """Texts that no answer to this unit may have anywhere."""
        found = []
        for row in ROWS:
            seen = not self.only or row[0] in self.only
            for code, value in zip(CODES, row, strict=True):
                if value is None or code in {"id", "born"}:  # too short to be looked for in a text
                    continue
                if not seen or self.modes.get(code) is not ItemMode.CLEAR:
                    found.append(str(value))
        return found


C, M, V = ItemMode.CLEAR, ItemMode.MASKED, ItemMode.VERIFY
GRANTS: Final = (
    Granted("clear", dict.fromkeys(CODES, C)),
    Granted("masked", {code: C if code == "id" else M for code in CODES}),
    Granted("little", {"id": C, "remark": C}),
    Granted("rows", dict.fromkeys(CODES, C), only=("0001", "0003", "0004", "0005", "0012")),
    Granted("one", {"name": M}),
    Granted("mixed", {"id": C, "name": V, "id_number": M, "children": C, "born": V}),
)


def tell(world: Any, resource: Any) -> None:
    """Tell a gateway of a query and a verification over these people, and of every grant."""
    world.service("people", ITEMS, INPUTS, resource=resource, orderings=ORDERINGS)
    claims = tuple(code for code in CODES if code != "id")
    world.service("check", ITEMS, {}, resource=resource, mode=Mode.VERIFY, identity=("id",), claims=claims)
    for one in GRANTS:
        one.tell(world)
        world.grant(one.unit, "check", [GrantedItem(code=c, mode=m, mask=None) for c, m in one.modes.items()])


# --- What a call gives ------------------------------------------------------------------------------------------------


def expected(granted: Granted, asked: Mapping[str, str]) -> str | list[tuple[Any, ...]]:
    """The code of the refusal, or the rows of the page as the unit sees them; every value of `asked` is well formed."""
    filters = {name: value for name, value in asked.items() if name.partition("__")[0] in CODES}
    for name in filters:
        if granted.modes.get(name.partition("__")[0], C) is not C:
            return "101"
    if asked.get("rsStructure") == "SR" and len(granted.shown) != 1:
        return "101"
    order = asked.get("orderBy", "").removeprefix("-")
    if order and granted.modes.get(order, C) is not C:
        return "206"
    found = [row for row in ROWS if not granted.only or row[0] in granted.only]
    found = [row for row in found if all(_matches(row, name, value) for name, value in filters.items())]
    if order:
        at = CODES.index(order)
        found = [
            *sorted((r for r in found if r[at] is not None), key=lambda r: (_bytes(r[at]), r[0])),
            *(r for r in found if r[at] is None),
        ]
        if asked["orderBy"].startswith("-"):
            # Ties go by key, ascending, and nulls stay last.
            known = [r for r in found if r[at] is not None]
            known.sort(key=lambda r: r[0])
            known.sort(key=lambda r: _bytes(r[at]), reverse=True)
            found = [*known, *(r for r in found if r[at] is None)]
    if asked.get("rsStructure") in {"SR", "KV"}:
        if len(found) > 1:
            return "301"
    else:
        size = int(asked.get("pageSize", "100"))
        skip = (int(asked.get("page", "1")) - 1) * size
        found = found[skip : skip + size]
    return [tuple(granted.fragment(code, row[CODES.index(code)]) for code in granted.shown) for row in found]


def _bytes(value: Any) -> Any:
    return value.encode() if isinstance(value, str) else value


def _matches(row: tuple[Any, ...], name: str, text: str) -> bool:
    code, _, operator = name.partition("__")
    value = row[CODES.index(code)]
    if value is None:
        return False
    if operator == "in":
        return value in text.split(",")
    if operator == "prefix":
        return bool(value.startswith(text))
    wanted: Any = int(text) if code == "children" else date(*map(int, text.split("/"))) if code == "born" else text
    if not operator:
        return bool(value == wanted)
    than = {"ge": value >= wanted, "gt": value > wanted, "le": value <= wanted, "lt": value < wanted}
    return bool(than[operator])


# --- What came back ---------------------------------------------------------------------------------------------------


def read(body: bytes, asked: Mapping[str, str], codes: list[str]) -> str | list[tuple[Any, ...]]:
    """The code of a failure, or the rows of an answer, its form checked on the way."""
    structure, simple = asked.get("rsStructure", "LM"), asked.get("rsStyle") == "simple"
    if asked.get("format") == "xml":
        return _of_xml(ET.fromstring(body), structure, codes, simple=simple)
    parsed = json.loads(body)
    if isinstance(parsed, dict) and parsed.get("SUCCESS") == "0":
        assert list(parsed) == ["SUCCESS", "ERROR"]
        assert list(parsed["ERROR"]) == ["ERROR_CODE", "ERROR_MEMO"]
        return str(parsed["ERROR"]["ERROR_CODE"])
    if not simple:
        assert list(parsed) == ["SUCCESS", "DATA"]
        assert parsed["SUCCESS"] == "1"
        parsed = parsed["DATA"]
    match structure:
        case "LM":
            assert all(list(record) == codes for record in parsed)
            return [tuple(record.values()) for record in parsed]
        case "KV":
            assert parsed is None or list(parsed) == codes
            return [] if parsed is None else [tuple(parsed.values())]
        case "SR":
            return [] if parsed is None else [(parsed,)]
        case _:
            assert list(parsed) == codes
            return list(zip(*parsed.values(), strict=True))


def _of_xml(root: ET.Element, structure: str, codes: list[str], *, simple: bool) -> str | list[tuple[Any, ...]]:
    if root.tag == "RESULT" and root[0].text == "0":
        assert [child.tag for child in root] == ["SUCCESS", "ERROR"]
        assert [child.tag for child in root[1]] == ["ERROR_CODE", "ERROR_MEMO"]
        return str(root[1][0].text)
    if not simple:
        assert root.tag == "RESULT"
        assert [child.tag for child in root] == ["SUCCESS", "DATA"]
        root = root[1]
    assert root.tag == "DATA"
    match structure:
        case "LM":
            assert all(row.tag == "ROW" and [cell.tag for cell in row] == codes for row in root)
            return [tuple(cell.text for cell in row) for row in root]
        case "KV":
            assert [cell.tag for cell in root] in ([], codes)
            return [tuple(cell.text for cell in root)] if len(root) else []
        case "SR":
            assert len(root) == 0
            return [(root.text,)] if root.text else []
        case _:
            assert [column.tag for column in root] == codes
            return list(zip(*[[cell.text for cell in column] for column in root], strict=True))


def as_texts(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Rows as XML tells them: all texts, null an empty element."""
    return [tuple(None if value is None else str(value) for value in row) for row in rows]
