"""Who may do what: every role of every unit is let try a route, and each answer is put beside what it should be."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from common.errors import Forbidden
from common.roles import Role
from tests.support.running import Running

OK = "ok"
ANONYMOUS = ("nobody", None)
SERVICES_ONLY = {("GET", "/changes")}
"""Routes that hear services and nobody else; their own tests say so (tests/integration/common/test_changes.py)."""

Who = tuple[str, Role | None]
"""A unit and the one role that an account of it has."""
Prepare = Callable[[], Awaitable[tuple[str, Any]]]
"""Makes ready what the route works on; returns path and body."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A route as it is tried: `prepare` is called again after each success, which may have used up what was ready."""

    method: str
    prepare: Prepare
    expected: Callable[[str, Role], str]
    """What a role of a unit gets: `ok`, or the code of the refusal."""


async def wrong_cells(running: Running, units: Iterable[str], attempt: Attempt) -> dict[Who, str]:
    """The cells of the matrix that are not as expected, each with what was got; nobody without a token gets in."""
    path, body = await attempt.prepare()
    wrong: dict[Who, str] = {}
    without = await running.http.request(attempt.method, path, json=body)
    if (without.status_code, without.json()["code"]) != (401, "unauthenticated"):
        wrong[ANONYMOUS] = without.text
    for unit in units:
        for role in Role:
            answer = await running.as_(f"{unit}.{role}", unit, role).ask(attempt.method, path, body)
            got = OK if answer.is_success else answer.json()["code"]
            # A service's own token opens no route of people's.
            if got != (Forbidden.code if role is Role.SERVICE else attempt.expected(unit, role)):
                wrong[unit, role] = got
            if got == OK and attempt.method != "GET":
                path, body = await attempt.prepare()
    return wrong
