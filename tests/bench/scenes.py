"""What is compared beside `gateway.call`: many grants, one grant, ten thousand; pages, verification, the depth of a
walk, and calls while a million rows are loaded. Each against its own floor, with every duty of a call on."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote

import httpx2

from demo.system import System
from tests.bench.district import CODES, ROWS, District, Teller
from tests.bench.load import Calls, Target, zipf
from tests.bench.world import Query
from tests.support.databases import value
from tests.support.waiting import until

SPREAD = (20, 10)
"""Services and units: each service is granted to each unit."""
MANY = (1_000, 10)
DEPTH = 100_000
DEEP_ROWS = 120_000
PAGE = 100
BULK_ROWS = 1_000_000


@dataclass(frozen=True, slots=True)
class Scene:
    """Two loads that are compared, each at its own server."""

    name: str
    ours: Calls
    other: Calls
    other_is_ours: bool = False
    """Whether the other load goes to the gateway too: another of its cases, not a floor."""


def columns(district: District, number: int) -> str:
    return f"select {', '.join(CODES[:5])} from {district.resources[number].qualified_view}"


def queries(district: District) -> dict[str, Query]:
    """What the floor answers, by path."""
    found: dict[str, Query] = {}
    for number in range(len(district.resources)):
        shown = columns(district, number)
        found[f"/r{number}"] = (f"{shown} where code = $1 order by code limit 100", ("code",), CODES[:5])
        found[f"/page{number}"] = (
            f"{shown} where code >= $1 and code < $2 order by code limit {PAGE}", ("code__ge", "code__lt"), CODES[:5],
        )  # fmt: skip
    view = district.resources[0].qualified_view
    found["/verify"] = (f"select name = $2 as name from {view} where code = $1", ("code", "name"), ("name",))
    return found


def _floor(targets: list[Target], path: str) -> list[Target]:
    return [Target(f"{path}{target.resource}", {}, target.resource) for target in targets]


async def district(teller: Teller) -> District:
    """The first resources, twenty services and two hundred grants."""
    await teller.resources(rows=DEEP_ROWS)
    return await teller.services("spread", *SPREAD)


def spread(found: District) -> Scene:
    draws = zipf(len(found.targets), 1.1)
    return Scene(
        "gateway.call.spread",
        Calls(found.targets, draws, rows=ROWS),
        Calls(_floor(found.targets, "/r"), draws, rows=ROWS),
    )


def one(found: District) -> Scene:
    first = found.targets[1:2]
    return Scene("gateway.call.one", Calls(first, rows=ROWS), Calls(_floor(first, "/r"), rows=ROWS))


def grants(few: District, many: District) -> Scene:
    """Ten thousand grants against two hundred."""
    draws = zipf(len(few.targets), 1.1)
    return Scene(
        "gateway.grants", Calls(many.targets, rows=ROWS), Calls(few.targets, draws, rows=ROWS), other_is_ours=True
    )


def batch(found: District) -> Scene:
    query = "code__ge=K%09d&code__lt=K%09d"
    rows = ROWS - PAGE
    return Scene(
        "gateway.batch",
        Calls(found.targets, query=query, rows=rows, span=PAGE),
        Calls(_floor(found.targets, "/page"), query=query, rows=rows, span=PAGE),
    )


def verification(found: District) -> Scene:
    name = quote("上海示例企业第{}号有限公司").replace("%", "%%").replace(quote("{}").replace("%", "%%"), "%d")
    query = f"code=K%09d&name={name}"
    return Scene(
        "gateway.verify",
        Calls(found.targets, query=query, rows=ROWS),
        Calls([Target("/verify", {})], query=query, rows=ROWS),
    )


def depth(system: System, found: District) -> Scene:
    """A page behind a hundred thousand rows against the first page."""
    target = found.targets[1]
    cursor = ""
    with httpx2.Client(base_url=system.profile.gateway, headers=target.headers, timeout=30) as http:
        for _ in range(DEPTH // 1000):
            answer = http.post(target.path, params={"pageSize": "1000"} | ({"cursor": cursor} if cursor else {}))
            cursor = answer.headers["x-next-cursor"]
    deep = f"pageSize={PAGE}&cursor={cursor}"
    return Scene(
        "gateway.depth", Calls([target], query=deep), Calls([target], query=f"pageSize={PAGE}"), other_is_ours=True
    )


@contextmanager
def loading(load: Callable[[], None]) -> Iterator[threading.Event]:
    """Load over and over while the block runs; the event says that the first rows are on their way."""
    begun, over = threading.Event(), threading.Event()
    failed: list[BaseException] = []

    def run() -> None:
        try:
            while not over.is_set():
                begun.set()
                load()
        except BaseException as error:  # noqa: BLE001  told to the one who waits
            failed.append(error)
            begun.set()

    thread = threading.Thread(target=run)
    thread.start()
    begun.wait(30)
    try:
        yield begun
    finally:
        over.set()
        thread.join()
    if failed:
        raise failed[0]


def await_callable(system: System, found: District) -> None:
    """Wait until each grant can be called."""
    with httpx2.Client(base_url=system.profile.gateway, timeout=10) as http:

        def answers(target: Target) -> bool:
            told = http.post(f"{target.path}?code=K000000007", headers=target.headers).json()
            return bool(told["SUCCESS"] == "1")

        # Grants arrive in the order in which they were told.
        until(lambda: answers(found.targets[-1]), within=120, what="the last grant callable")
        until(lambda: answers(found.targets[0]), within=30, what="the first grant callable")
    # The trail keeps each of them in a transaction of its own, which takes longer than the gateway does.
    told = value(system, "sharing", "select count(*) from outbox where topic = 'grant-changed'")
    kept = "select count(*) from kept_event where topic = 'grant-changed'"
    until(lambda: value(system, "audit", kept) >= told, within=300, what="a trail that has the grants")
