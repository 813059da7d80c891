"""The golden cases of the interface protocol: their fixture as tables and tellings, their calls, their comparison."""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from common.clock import now
from common.events import (
    Check,
    CodeSetRef,
    GrantedItem,
    GrantState,
    Item,
    ItemMode,
    ItemType,
    MaskRule,
    Mode,
    Quota,
    RowCondition,
    ServiceState,
    SharingType,
)
from exchange.layout import Resource
from tests.support.exchange_store import Store
from tests.support.gateway_door import Answer, Door
from tests.support.gateway_world import World

FOLDER = Path(__file__).parents[1] / "contract" / "vectors"
CASES = json.loads((FOLDER / "gateway.json").read_text(encoding="utf-8"))
_TABLES: dict[str, Any] = CASES["fixture"]["tables"]
_READ: dict[str, Any] = {
    "text": str,
    "integer": int,
    "numeric": Decimal,
    "date": date.fromisoformat,
    "datetime": datetime.fromisoformat,
}
NUMERIC = {
    item["code"] for table in _TABLES.values() for item in table["items"] if item["type"] in {"integer", "numeric"}
}


@dataclass(frozen=True, slots=True)
class Number:
    """A JSON number, by its digits: never equal to the text of them."""

    digits: str


def item(table: str, told: Mapping[str, Any]) -> Item:
    return Item(
        code=told["code"],
        name=told["name"],
        type=ItemType(told["type"]),
        length=told.get("length"),
        precision=told.get("precision"),
        scale=told.get("scale"),
        nullable=not told.get("key", False),
        key_place=1 if told.get("key") else None,
        code_set=CodeSetRef(id=f"{table}-{told['code']}", version=1) if "code_set" in told else None,
        check=Check(told["check"]) if "check" in told else None,
        sharing_type=SharingType.UNRESTRICTED,
    )


async def tables(store: Store) -> dict[str, Resource]:
    """The fixture's tables with their rows."""
    found = {}
    for name, table in _TABLES.items():
        items = tuple(item(name, told) for told in table["items"])
        kinds = [_READ[told["type"]] for told in table["items"]]
        found[name] = await store.made(*items, provider="golden")
        rows = [
            tuple(None if row[i.code] is None else kind(row[i.code]) for i, kind in zip(items, kinds, strict=True))
            for row in table["rows"]
        ]
        await store.load(found[name], rows)
    return found


def tell(world: World, resources: Mapping[str, Resource]) -> datetime:
    """Tell the gateway the fixture's services and grants; the instant from which the expired ones are expired."""
    fixture = CASES["fixture"]
    end = now() + timedelta(seconds=1)
    for name, table in _TABLES.items():
        for told in table["items"]:
            if "code_set" in told:
                world.code_set(f"{name}-{told['code']}", told["code_set"])
    for service in fixture["services"]:
        resource = resources[service["table"]]
        world.service(
            service["service"],
            resource.items,
            {code: " ".join(operators) for code, operators in service.get("inputs", {}).items()},
            resource=resource,
            state=ServiceState(service.get("state", "active")),
            mode=Mode(service.get("mode", "query")),
            identity=tuple(service.get("identity", ())),
            claims=tuple(service.get("claims", ())),
            orderings=tuple(service.get("orderings", ())),
        )
    for grant in fixture["grants"]:
        world.unit(f"unit-{grant['unit'].lower()}")
        expired = grant.get("state") == "expired"
        world.grant(
            f"unit-{grant['unit'].lower()}",
            grant["service"],
            [_granted(told) for told in grant["items"]],
            state=GrantState.ACTIVE if expired else GrantState(grant.get("state", "active")),
            valid_until=end if expired else None,
            required_headers=tuple(grant.get("required_headers", ())),
            source_addresses=tuple(grant.get("source_addresses", ())),
            row_filter=tuple(RowCondition(item=i, values=(v,)) for i, v in grant.get("row_filter", {}).items()),
            quota=Quota(per_day=grant.get("daily_quota")),
        )
    return end


def _granted(told: str | Mapping[str, Any]) -> GrantedItem:
    if isinstance(told, str):
        return GrantedItem(code=told, mode=ItemMode.CLEAR)
    mask = MaskRule(told["rule"]) if "rule" in told else None
    return GrantedItem(code=told["code"], mode=ItemMode(told["as"]), mask=mask)


async def play(door: Door, case: Mapping[str, Any]) -> Answer:
    """Send a case's call."""
    more: dict[str, Any] = {"headers": _filled(door.world, case.get("headers", {}))}
    if "form" in case:
        more["data"] = _filled(door.world, case["form"])
    if "json" in case:
        more["json"] = _filled(door.world, case["json"])
    if "raw" in case:
        more["content"] = base64.b64decode(case["raw"]["base64"])
        more["headers"]["Content-Type"] = case["raw"]["content_type"]
    path = f"/{case['service']}"
    return await door.ask(case["method"], path, params=_filled(door.world, case["query"]), **more)


def _filled(world: World, told: Any) -> Any:
    """The value with keys in the place of `{unitKey:A}` and `{methodKey:A/streets}`."""
    if isinstance(told, dict):
        return {name: _filled(world, value) for name, value in told.items()}
    if isinstance(told, list):
        return [_filled(world, value) for value in told]
    if isinstance(told, str) and told.startswith("{unitKey:"):
        return world.unit_keys[f"unit-{told[9:-1].lower()}"]
    if isinstance(told, str) and told.startswith("{methodKey:"):
        unit, _, service = told[11:-1].partition("/")
        return world.method_keys[f"unit-{unit.lower()}", service]
    return told


def differences(case: Mapping[str, Any], answer: Answer) -> Iterator[str]:
    """In what an answer is not the one that the case demands."""
    response = answer.response
    if response.status_code != case["status"]:
        yield f"status {response.status_code}"
    for name, value in case.get("response_headers", {}).items():
        held = response.headers.get(name)
        if (held is None) if value == "*" else (held != value):
            yield f"header {name}: {held}"
    if "body" in case:
        if response.headers.get("content-type") != "application/json; charset=utf-8":
            yield "media type"
        found = json.loads(response.content, parse_float=Number, parse_int=Number)
        if found != _expected(case["body"], None):
            yield f"body {response.text}"
    if "xml" in case:
        if response.headers.get("content-type") != "application/xml; charset=utf-8":
            yield "media type"
        if _tree(ET.fromstring(response.content)) != _tree(ET.fromstring(case["xml"])):
            yield f"body {response.text}"


def _expected(told: Any, code: str | None) -> Any:
    if isinstance(told, dict):
        return {name: _expected(value, name) for name, value in told.items()}
    if isinstance(told, list):
        return [_expected(value, code) for value in told]
    return Number(told) if isinstance(told, str) and code in NUMERIC else told


def _tree(element: ET.Element) -> tuple[str, str, tuple[Any, ...]]:
    return element.tag, element.text or "", tuple(map(_tree, element))
