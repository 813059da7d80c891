"""Who may do what in sharing: every role of whoever asks, provides, decides and of a stranger, on each route."""

import itertools
import re

import pytest

from common.roles import Role
from tests.support.access import OK, SERVICES_ONLY, Attempt, wrong_cells
from tests.support.sharing_steps import CLOSED_ITEMS, Parties
from tests.support.sharing_values import application_body

ASKS, PROVIDES, DECIDES, STRANGER = "jyj", "mzj", "dsjzx", "gaj"
UNITS = (ASKS, PROVIDES, DECIDES, STRANGER)
INSIDE = {Role.PLATFORM_REVIEWER, Role.AUDITOR, Role.COORDINATOR}
NUMBERS = itertools.count()


def sees(unit, role):
    return unit in {ASKS, PROVIDES} or role in INSIDE


def seeing(unit, role):
    return OK if sees(unit, role) else "application-unknown"


def own_draft(unit, role):
    return OK if unit == ASKS else "application-unknown"


def drafting(unit, role):
    if role is not Role.APPLICANT:
        return "forbidden"
    # The provider needs no application for its own data.
    return "not-applicable" if unit == PROVIDES else OK


def asking(unit, role):
    """A step of whoever asks, with the application of others as if it were not there."""
    if role is not Role.APPLICANT:
        return "forbidden"
    return OK if unit == ASKS else "application-unknown"


def opining(unit, role):
    if role is not Role.PROVIDER_REVIEWER:
        return "forbidden"
    # Whoever asks sees the application, and is still not its provider.
    return OK if unit == PROVIDES else "application-unknown"


def deciding(unit, role):
    if not sees(unit, role):
        return "application-unknown"
    if role is not Role.PLATFORM_REVIEWER:
        return "forbidden"
    return OK if unit == DECIDES else "not-yours-to-decide"


def sees_grant(unit, role):
    return unit in {ASKS, PROVIDES} or role in {Role.PLATFORM_REVIEWER, Role.AUDITOR}


def seeing_grant(unit, role):
    return OK if sees_grant(unit, role) else "grant-unknown"


def suspending(unit, role):
    if not sees_grant(unit, role):
        return "grant-unknown"
    provider = unit == PROVIDES and role is Role.PROVIDER_REVIEWER
    return OK if provider or role is Role.PLATFORM_REVIEWER else "forbidden"


def giving_up(unit, role):
    if not sees_grant(unit, role):
        return "grant-unknown"
    return OK if unit == ASKS and role is Role.APPLICANT else "forbidden"


def keeping_keys(unit, role):
    if role is not Role.APPLICANT:
        return "forbidden"
    if not sees_grant(unit, role):
        return "grant-unknown"
    return OK if unit == ASKS else "forbidden"


def everybody(unit, role):
    return OK


ROUTES = {
    # name: (method, what has to be there, the route, its body, who gets what)
    "list": ("GET", "nothing", "/applications", None, everybody),
    "draft": ("POST", "nothing", "/applications", application_body(items=CLOSED_ITEMS), drafting),
    "see-draft": ("GET", "draft", "/applications/{}", None, own_draft),
    "see-withdrawn-draft": ("GET", "withdrawn_draft", "/applications/{}", None, own_draft),
    "see-submitted": ("GET", "submitted", "/applications/{}", None, seeing),
    "submit": ("POST", "draft", "/applications/{}/submission", None, asking),
    "withdraw": ("POST", "submitted", "/applications/{}/withdrawal", None, asking),
    "opinion": ("POST", "submitted", "/applications/{}/opinions", {"agree": True}, opining),
    "papers": ("POST", "submitted", "/applications/{}/papers", {"papers": ["applicant-stamp"]}, deciding),
    "approve": ("POST", "heard", "/applications/{}/decision", {"approve": True}, deciding),
    "refuse": (
        "POST",
        "submitted",
        "/applications/{}/decision",
        {"approve": False, "reason": "超出所需", "legal_basis": "某法第一条"},
        deciding,
    ),
    "grants": ("GET", "nothing", "/grants", None, everybody),
    "see-grant": ("GET", "granted", "/grants/{}", None, seeing_grant),
    "suspend": ("PUT", "granted", "/grants/{}/state", {"state": "suspended", "reason": "核查"}, suspending),
    "revoke": ("PUT", "granted", "/grants/{}/state", {"state": "revoked", "reason": "违规"}, suspending),
    "give-up": ("PUT", "granted", "/grants/{}/state", {"state": "withdrawn"}, giving_up),
    "issue-key": ("POST", "granted", "/grants/{}/keys", None, keeping_keys),
    "revoke-key": ("DELETE", "key", "/grants/{}/keys/{}", None, keeping_keys),
}


async def ready(sharing, what):
    """Make what a route works on; returns what its path names."""
    parties = Parties(sharing)
    match what:
        case "nothing":
            return ()
        case "withdrawn_draft":
            name = await parties.draft()
            await parties.applicant.post(f"/applications/{name}/withdrawal")
            return (name,)
        case "granted" | "key":
            # A grant of its own each time: one per unit and service, so the one before is ended.
            grants = (await parties.applicant.get("/grants")).json()
            for held in grants:
                await parties.applicant.put(f"/grants/{held['id']}/state", {"state": "withdrawn"})
            grant = await parties.granted()
            if what == "granted":
                return (grant,)
            return grant, (await parties.applicant.post(f"/grants/{grant}/keys")).json()["id"]
        case _:
            return (await getattr(parties, what)(),)


@pytest.mark.parametrize("name", sorted(ROUTES))
async def test_every_role_of_every_party_gets_its_answer(sharing, name):
    method, what, route, body, expected = ROUTES[name]

    async def prepare():
        return route.format(*await ready(sharing, what)), body

    assert await wrong_cells(sharing, UNITS, Attempt(method, prepare, expected)) == {}


async def test_every_route_of_sharing_is_in_the_matrix(sharing):
    document = sharing.parts.http.openapi()["paths"]
    there = {(method.upper(), path) for path, methods in document.items() for method in methods}
    tried = {(method, route) for method, _, route, _, _ in ROUTES.values()}

    assert {(method, re.sub(r"\{[a-z]+\}", "{}", path)) for method, path in there - SERVICES_ONLY} == tried


@pytest.mark.parametrize("step", ["opinions", "papers", "decision", "withdrawal", "submission"])
@pytest.mark.parametrize("what", ["draft", "withdrawn_draft"])
async def test_what_was_never_submitted_is_nobodys_to_decide(sharing, what, step):
    (name,) = await ready(sharing, what)
    parties = Parties(sharing)
    bodies = {
        "opinions": {"agree": True},
        "papers": {"papers": ["applicant-stamp"]},
        "decision": {"approve": True},
    }
    roles = (Role.PLATFORM_REVIEWER, Role.PROVIDER_REVIEWER, Role.APPLICANT)
    for unit in (PROVIDES, DECIDES, STRANGER):
        answer = await sharing.as_(f"{unit}.x", unit, *roles).post(f"/applications/{name}/{step}", bodies.get(step))
        assert (answer.status_code, answer.json()["code"]) == (404, "application-unknown")
    if step in bodies:
        own = await sharing.as_("jyj.x", ASKS, *roles).post(f"/applications/{name}/{step}", bodies[step])
        assert own.json()["code"] == "application-unknown"
    assert (await parties.applicant.get(f"/applications/{name}")).is_success
