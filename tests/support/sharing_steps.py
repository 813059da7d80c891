"""The steps of sharing over HTTP, each by the person whose step it is."""

from dataclasses import dataclass
from typing import Any

from common.events import GrantChanged
from common.roles import Role
from tests.support.catalog_values import REASONED, catalog_changed, content, service_changed, text
from tests.support.registry_values import unit_changed
from tests.support.running import Caller, Running
from tests.support.sharing_values import ENTRY, application_body

JSON = dict[str, Any]
OPEN_ITEMS = ["street_code", "street_name"]
CLOSED_ITEMS = ["ZJHM", "XM"]
CONTENT = content(
    **REASONED,
    items=[
        text("street_code", key_place=1, nullable=False),
        text("street_name", length=40),
        text("ZJHM", length=18, sharing_type="authorized", standard="ZJHM"),
        text("XM", sharing_type="authorized", standard="XM"),
        text("secret", sharing_type="not-shared"),
    ],
)


async def tell(running: Running) -> None:
    """What sharing hears before anybody applies: four units and the bodies of both editions, an entry, two services."""
    bodies = {"dsjzx": "data-centre", "kw": "science-commission", "qfb": "district-office"}
    for code in ("jyj", "mzj", "gaj", *bodies):
        await running.hear(unit_changed(code, body=bodies.get(code)))
    await running.hear(catalog_changed(content=CONTENT))
    for code in ("streets", "people"):
        await running.hear(service_changed(code))


@dataclass(frozen=True, slots=True)
class Parties:
    """区教育局 asks, 区民政局 provides, 区大数据中心 decides under 2021."""

    running: Running

    @property
    def applicant(self) -> Caller:
        return self.running.as_("jyj.shenqing", "jyj", Role.APPLICANT)

    @property
    def provider(self) -> Caller:
        return self.running.as_("mzj.shenhe", "mzj", Role.PROVIDER_REVIEWER)

    @property
    def platform(self) -> Caller:
        return self.running.as_("dsjzx.shenhe", "dsjzx", Role.PLATFORM_REVIEWER)

    @property
    def stranger(self) -> Caller:
        """Of a unit that has nothing to do with it, with every role that any unit may have."""
        roles = (Role.APPLICANT, Role.PROVIDER_REVIEWER, Role.COMPILER, Role.REVIEWER, Role.PUBLISHER)
        return self.running.as_("gaj.ren", "gaj", *roles, Role.ADMINISTRATOR)

    async def draft(self, **asked: Any) -> str:
        """The id of a new draft, for items that need authority unless told otherwise."""
        body = application_body(**{"items": CLOSED_ITEMS} | asked)
        return (await done(self.applicant, "POST", "/applications", body))["id"]

    async def submitted(self, **asked: Any) -> str:
        """The number of a new application."""
        return (await self.submit(await self.draft(**asked)))["number"]

    async def submit(self, name: str) -> JSON:
        return await done(self.applicant, "POST", f"/applications/{name}/submission")

    async def heard(self, **asked: Any) -> str:
        """The number of an application that the provider agrees to."""
        number = await self.submitted(**asked)
        await done(self.provider, "POST", f"/applications/{number}/opinions", {"agree": True})
        return number

    async def approve(self, number: str, **terms: Any) -> JSON:
        body = {"approve": True, "terms": terms}
        return await done(self.platform, "POST", f"/applications/{number}/decision", body)

    async def granted(self, **asked: Any) -> str:
        """The id of a grant after a decision."""
        number = await self.heard(**asked)
        await self.approve(number)
        return str((await self.grant_event()).grant)

    async def granted_at_once(self, **asked: Any) -> str:
        """The id of a grant of what is shared without condition."""
        await self.submitted(**{"items": OPEN_ITEMS} | asked)
        return str((await self.grant_event()).grant)

    async def grant_event(self) -> GrantChanged:
        """The newest that the exchange was told of any grant."""
        event = (await self.running.told(GrantChanged))[-1].event
        assert isinstance(event, GrantChanged)
        return event

    async def shown(self, name: str) -> JSON:
        return await done(self.applicant, "GET", f"/applications/{name}")


async def done(caller: Caller, method: str, path: str, body: Any = None) -> JSON:
    answer = await caller.ask(method, path, body)
    assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
    return answer.json()


__all__ = ["CLOSED_ITEMS", "CONTENT", "ENTRY", "OPEN_ITEMS", "Parties", "done", "tell"]
