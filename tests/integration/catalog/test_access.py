"""Who may do what in the catalogue: every role of the providing unit, another and the platform's, on each route."""

import itertools
import re

import pytest

from common.roles import Role
from tests.support.access import OK, SERVICES_ONLY, Attempt, wrong_cells
from tests.support.catalog_steps import Unit
from tests.support.catalog_values import entry_body, service_body

UNITS = ("mzj", "jyj", "dsjzx")
NUMBERS = itertools.count()
APPROVE = {"approve": True}


def by(role, *, elsewhere="forbidden"):
    """This role of the providing unit; the same role of another unit gets the refusal named."""

    def expected(unit, held):
        if held is not role:
            return "forbidden"
        return OK if unit == "mzj" else elsewhere

    return expected


def everybody(unit, role):
    return OK


def insiders(absent):
    """Everybody of the providing unit, and the platform's reviewers; for others it is as if it were not there."""

    def expected(unit, role):
        return OK if unit == "mzj" or role is Role.PLATFORM_REVIEWER else absent

    return expected


def reviewing(owner, *, keepers):
    """The unit's own reviewer, or the platform's where one person keeps the unit's catalogue alone."""

    def expected(unit, role):
        if role is Role.REVIEWER:
            return OK if unit == owner else "entry-unknown"
        if role is Role.PLATFORM_REVIEWER:
            return OK if keepers == 1 else "not-separated"
        return "forbidden"

    return expected


def moving(*, elsewhere):
    def expected(unit, role):
        return OK if role is Role.PLATFORM_REVIEWER else by(Role.PUBLISHER, elsewhere=elsewhere)(unit, role)

    return expected


def code_set(_):
    return {"id": f"s{next(NUMBERS)}", "name": "代码", "source": "试验", "codes": [{"code": "1", "name": "一"}]}


def only(role):
    """This role of whatever unit."""
    return lambda _, held: OK if held is role else "forbidden"


def registering(entry):
    return {"code": f"svc-{next(NUMBERS)}", "entry": entry, "content": service_body()}


def on_a_draft(unit, role):
    return (
        "entry-state"
        if (unit, role) == ("mzj", Role.COMPILER)
        else by(Role.COMPILER, elsewhere="entry-unknown")(unit, role)
    )


ROUTES = {
    # name: (method, what has to be there, the route, its body, who gets what)
    "list": ("GET", "nothing", "/entries?limit=5", None, everybody),
    "compile": ("POST", "nothing", "/entries", lambda _: entry_body(), only(Role.COMPILER)),
    "see-draft": ("GET", "draft", "/entries/{}", None, insiders("entry-unknown")),
    "see-published": ("GET", "published", "/entries/{}", None, everybody),
    "history-of-draft": ("GET", "draft", "/entries/{}/history", None, insiders("entry-unknown")),
    "history-of-published": ("GET", "published", "/entries/{}/history", None, everybody),
    "services-of-draft": ("GET", "draft", "/entries/{}/services", None, insiders("entry-unknown")),
    "services-of-published": ("GET", "published", "/entries/{}/services", None, everybody),
    "change": (
        "PUT",
        "draft",
        "/entries/{}/draft",
        lambda _: {"revision": 1, "content": entry_body()},
        by(Role.COMPILER, elsewhere="entry-unknown"),
    ),
    "submit": ("POST", "draft", "/entries/{}/submission", None, by(Role.COMPILER, elsewhere="entry-unknown")),
    "review": ("POST", "under_review", "/entries/{}/review", lambda _: APPROVE, reviewing("mzj", keepers=3)),
    "review-for-one-keeper": (
        "POST",
        "under_review_of_gaj",
        "/entries/{}/review",
        lambda _: APPROVE,
        reviewing("gaj", keepers=1),
    ),
    "publish": ("POST", "approved", "/entries/{}/publication", None, by(Role.PUBLISHER, elsewhere="entry-unknown")),
    "withdraw": (
        "POST",
        "published",
        "/entries/{}/withdrawal",
        lambda _: {"reason": "职责调整"},
        by(Role.PUBLISHER),
    ),
    "register-on-draft": ("POST", "draft", "/services", registering, on_a_draft),
    "register": ("POST", "published", "/services", registering, by(Role.COMPILER)),
    "see-hidden-service": ("GET", "hidden_service", "/services/{}", None, insiders("service-unknown")),
    "see-open-service": ("GET", "open_service", "/services/{}", None, everybody),
    "describe-hidden-service": (
        "GET",
        "hidden_service",
        "/services/{}/description",
        None,
        insiders("service-unknown"),
    ),
    "describe-open-service": ("GET", "open_service", "/services/{}/description", None, everybody),
    "describe-as-text": ("GET", "open_service", "/services/{}/description.md", None, everybody),
    "describe-hidden-as-text": (
        "GET",
        "hidden_service",
        "/services/{}/description.md",
        None,
        insiders("service-unknown"),
    ),
    "let-out": (
        "PUT",
        "hidden_service",
        "/services/{}/state",
        lambda _: {"state": "active"},
        moving(elsewhere="service-unknown"),
    ),
    "stop": (
        "PUT",
        "open_service",
        "/services/{}/state",
        lambda _: {"state": "stopped", "reason": "维护"},
        moving(elsewhere="forbidden"),
    ),
    "code-sets": ("GET", "nothing", "/code-sets", None, everybody),
    "proposed-code-sets": ("GET", "nothing", "/code-sets/proposals", None, everybody),
    "standard-fields": ("GET", "nothing", "/standard-fields", None, everybody),
    "match-standard-field": ("GET", "nothing", "/standard-fields/match?title=XM", None, everybody),
    "publish-code-set": ("POST", "nothing", "/code-sets", code_set, only(Role.PLATFORM_REVIEWER)),
}


async def ready(catalog, what):
    """Make what a route works on; returns the code that its path or body names."""
    unit = Unit(catalog)
    match what:
        case "nothing":
            return ""
        case "under_review_of_gaj":
            return await Unit(catalog, "gaj").under_review()
        case "hidden_service" | "open_service":
            entry, code = await unit.published(), f"svc-{next(NUMBERS)}"
            await unit.registered(entry, code)
            if what == "open_service":
                await unit.moved(code, "active")
            return code
        case _:
            return await getattr(unit, what)()


@pytest.mark.parametrize("name", sorted(ROUTES))
async def test_every_role_of_every_unit_gets_its_answer(catalog, name):
    method, what, route, body, expected = ROUTES[name]

    async def prepare():
        made = await ready(catalog, what)
        return route.format(made), body(made) if body else None

    assert await wrong_cells(catalog, UNITS, Attempt(method, prepare, expected)) == {}


async def test_every_route_of_the_catalogue_is_in_the_matrix(catalog):
    document = catalog.parts.http.openapi()["paths"]
    there = {(method.upper(), path) for path, methods in document.items() for method in methods}
    tried = {(method, re.sub(r"\?.*", "", route)) for method, _, route, _, _ in ROUTES.values()}
    # The schema of an entry is no secret.
    named = (
        {(method, re.sub(r"\{[a-z]+\}", "{}", path)) for method, path in there}
        - {("GET", "/entry-schema")}
        - SERVICES_ONLY
    )
    assert named == tried
