"""Waits until what was entered is in force at the gateway, and uses up nothing of any grant while it asks.

A unit of the run's own, with a grant for every service, calls them; of the file's grants only what costs no quota is
asked: a key at a service that it is not for (205 where it is known, 202 where not), and a grant that no longer stands
(203). What does not come in time is told, and the cases are played all the same: they show what is wrong.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from typing import Any, Final

from common.clock import now
from tests.vectors.calling import Gateway, NoAnswer
from tests.vectors.catalogue import Catalogue
from tests.vectors.comparing import Answer
from tests.vectors.document import Document
from tests.vectors.literal import load
from tests.vectors.sharing import Sharing

IN_FORCE_WITHIN: Final = 15.0
"""Seconds for everything together; the protocol promises two for a change."""
PROMISED: Final = 2.0
"""Seconds within which a change is in force at every replica of the gateway."""
_PAUSE: Final = 0.2
_STOPPED: Final = "208"
_NOT_STANDING: Final = "203"
_OTHER_SERVICE: Final = "205"
_ANSWERED: Final = frozenset({"1", "101"})
"""What a call without parameters ends in where the service is in use: its rows, or that an input is missing."""
Seen = Callable[[], tuple[bool, str]]
"""Asks once: whether it is in force, and what came back."""


def wait(document: Document, gateway: Gateway, catalogue: Catalogue, sharing: Sharing) -> Iterator[str]:
    """Wait for all of it; yields what is not in force in time, with what came back last."""
    for end in sharing.ends:
        time.sleep(max((end - now()).total_seconds(), 0.0))
    deadline = time.monotonic() + IN_FORCE_WITHIN
    for what, ask in _asked(document, gateway, catalogue, sharing):
        while True:
            there, seen = ask()
            if there:
                break
            if time.monotonic() > deadline:
                yield f"{what}：{seen}"
                break
            time.sleep(_PAUSE)
    # One replica has answered; every other one has it within what the protocol promises.
    time.sleep(PROMISED)


def _asked(document: Document, gateway: Gateway, catalogue: Catalogue, sharing: Sharing) -> Iterator[tuple[str, Seen]]:
    def probe(service: str, **more: str) -> Answer:
        return _call(gateway, service, sharing.probe_unit_key, sharing.probe_keys[service], **more)

    for table in document.fixture.tables.values():
        service = catalogue.probes[table.name]
        rows = min(len(table.rows), 1)
        yield f"表 {table.name}", _seen(partial(probe, service, pageSize="1"), partial(_holds, rows))
        for field in table.fields:
            for code in _ends(field.code_set or ()):
                ask = partial(probe, service, **{field.code: code})
                yield f"信息项 {field.code} 的代码集", _seen(ask, partial(_is, {"1"}))
    for plan in document.fixture.services.values():
        in_use = plan.state == "active"
        ask = partial(probe, sharing.names.services[plan.code])
        yield f"服务 {plan.code}", _seen(ask, partial(_is, _ANSWERED if in_use else {_STOPPED}))
    for (unit, code), grant in document.fixture.grants.items():
        plan = document.fixture.services[code]
        keys = (sharing.names.unit_keys[unit], sharing.names.method_keys[unit, code])
        service, wanted = catalogue.probes[plan.table], _OTHER_SERVICE
        if grant.state != "active" and plan.state == "active":
            service, wanted = sharing.names.services[code], _NOT_STANDING
        ask = partial(_call, gateway, service, *keys)
        yield f"单位 {unit} 对服务 {code} 的授权", _seen(ask, partial(_is, {wanted}))


def _call(gateway: Gateway, service: str, unit_key: str, method_key: str, **more: str) -> Answer:
    return gateway.send("POST", service, [("unitKey", unit_key), ("methodKey", method_key), *more.items()])


def _ends(codes: Sequence[str]) -> list[str]:
    """The first and the last code: a long set is told in parts."""
    return list(dict.fromkeys([*codes[:1], *codes[-1:]]))


def _is(codes: AbstractSet[str], answer: Answer) -> bool:
    return answer.code in codes


def _holds(rows: int, answer: Answer) -> bool:
    if answer.code != "1":
        return False
    data: Any = load(answer.body)["DATA"]
    return isinstance(data, list) and len(data) == rows


def _seen(ask: Callable[[], Answer], fits: Callable[[Answer], bool]) -> Seen:
    def once() -> tuple[bool, str]:
        try:
            answer = ask()
        except NoAnswer as error:
            return False, str(error)
        return fits(answer), answer.code

    return once
