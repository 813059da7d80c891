"""The golden cases of the interface protocol in one process: their fixture as tables and tellings, their calls.

The file is read, and answers are held against it, by `tests.vectors`, which plays the same cases over HTTP.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from common.clock import now
from common.events import (
    Check,
    CodeSetRef,
    GrantState,
    Item,
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
from tests.vectors import calling, comparing, document
from tests.vectors.fixture import Field, Table
from tests.vectors.names import Names

FOLDER = Path(__file__).parents[1] / "contract" / "vectors"
CASES = json.loads((FOLDER / "gateway.json").read_text(encoding="utf-8"))
GOLDEN = document.read(FOLDER / "gateway.json")
_FIXTURE = GOLDEN.fixture
_READ = {case.name: case for case in GOLDEN.cases}


def item(table: Table, field: Field) -> Item:
    return Item(
        code=field.code,
        name=field.name,
        type=field.type,
        length=field.length,
        precision=field.precision,
        scale=field.scale,
        nullable=field.key_place is None,
        key_place=field.key_place,
        code_set=CodeSetRef(id=f"{table.name}-{field.code}", version=1) if field.code_set else None,
        check=Check(field.check) if field.check else None,
        sharing_type=SharingType.UNRESTRICTED,
    )


async def tables(store: Store) -> dict[str, Resource]:
    """The fixture's tables with their rows."""
    found = {}
    for name, table in _FIXTURE.tables.items():
        found[name] = await store.made(*(item(table, field) for field in table.fields), provider="golden")
        await store.load(found[name], table.rows)
    return found


def tell(world: World, resources: Mapping[str, Resource]) -> datetime:
    """Tell the gateway the fixture's services and grants; the instant from which the expired ones are expired."""
    end = now() + timedelta(seconds=1)
    for table in _FIXTURE.tables.values():
        for field in table.fields:
            if field.code_set:
                world.code_set(f"{table.name}-{field.code}", field.code_set)
    for service in _FIXTURE.services.values():
        resource = resources[service.table]
        world.service(
            service.code,
            resource.items,
            {code: " ".join(operators) for code, operators in service.inputs.items()},
            resource=resource,
            state=ServiceState(service.state),
            mode=Mode.VERIFY if service.verify else Mode.QUERY,
            identity=service.identity,
            claims=service.claims,
            orderings=service.orderings,
        )
    for unit in GOLDEN.units:
        world.unit(_unit(unit))
    for (unit, service), grant in _FIXTURE.grants.items():
        expired = grant.state == "expired"
        world.grant(
            _unit(unit),
            service,
            grant.items,
            state=GrantState.ACTIVE if expired else GrantState(grant.state),
            valid_until=end if expired else None,
            required_headers=grant.required_headers,
            source_addresses=grant.source_addresses,
            row_filter=tuple(RowCondition(item=code, values=values) for code, values in grant.row_filter),
            quota=Quota(per_day=grant.daily_quota),
        )
    return end


def _unit(name: str) -> str:
    return f"unit-{name.lower()}"


def _names(world: World) -> Names:
    """The world's keys by the names of the file."""
    return Names(
        suffix="",
        services={code: code for code in _FIXTURE.services},
        unit_keys={unit: world.unit_keys[_unit(unit)] for unit in GOLDEN.units},
        method_keys={(unit, service): world.method_keys[_unit(unit), service] for unit, service in _FIXTURE.grants},
    )


async def play(door: Door, told: Mapping[str, Any]) -> Answer:
    """Send a case's call."""
    case, names = _READ[told["name"]], _names(door.world)
    query = [(names.filled(name), names.filled(value)) for name, value in case.query]
    more: dict[str, Any] = {"headers": {name: names.filled(value) for name, value in case.headers}}
    if case.body is not None:
        more["content"] = calling.content(case.body, names)
        more["headers"].setdefault("Content-Type", case.body.media_type)
    target = f"/{case.service}" + (f"?{calling.encoded(query)}" if query else "")
    return await door.ask(case.method, target, **more)


def differences(told: Mapping[str, Any], answer: Answer) -> Iterator[str]:
    """In what an answer is not the one that the case demands, and what came back."""
    response = answer.response
    headers = {name.lower(): value for name, value in response.headers.items()}
    got = comparing.Answer(status=response.status_code, headers=headers, body=response.content)
    found = list(comparing.differences(_READ[told["name"]], got))
    yield from found
    if found:
        yield f"{got.status} {got.text}"
