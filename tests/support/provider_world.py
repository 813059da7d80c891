"""A service of people whose source is a provider's own interface, and a gateway before it."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from common.events import DateStyle, Given, Interface, InterfaceKind, Item, Sent, SentAs, Soap, SourceKind
from common.reach import Reach
from exchange.layout import READER
from gateway.provider import Limits, Providers
from tests.support.exchange_store import Store
from tests.support.gateway_door import Door, opened
from tests.support.gateway_world import World
from tests.support.installation import Fresh
from tests.support.items import day, integer, key, numeric, text
from tests.support.provider_server import SPACE, Provider

HERE = Reach.of([], [], ["127.0.0.0/8"])
"""Where the providers of tests live: on this machine, which only a setting allows."""
ITEMS: tuple[Item, ...] = (
    key(text("person_no", 4)),
    text("name", 10, standard="XM"),
    integer("age"),
    numeric("income", precision=10, scale=2),
    day("born"),
    text("area_code", 6),
)
MEMBERS = {"person_no": "no", "name": "xm", "age": "age", "income": "income", "born": "born", "area_code": "area"}
INPUTS = {"person_no": "eq in", "area_code": "eq", "age": "ge lt", "born": "ge", "name": "prefix"}
GIVEN = tuple(Given(item=item, member=member) for item, member in MEMBERS.items())


def rest(url: str, **more: Any) -> Interface:
    """The REST interface of `provider_server`, as its unit registers it."""
    sent = (
        Sent(parameter="person_no", name="no", place=SentAs.FORM),
        Sent(parameter="area_code", name="area", place=SentAs.FORM),
    )
    values = {
        "kind": InterfaceKind.REST,
        "url": url,
        "sent": sent,
        "records": "data.list",
        "given": GIVEN,
        "dates": DateStyle.ISO,
        "deadline": 5.0,
    }
    return Interface.model_validate(values | more)


def soap(url: str, **more: Any) -> Interface:
    """The SOAP interface of `provider_server`."""
    values = {
        "kind": InterfaceKind.SOAP,
        "sent": (
            Sent(parameter="person_no", name="no", place=SentAs.ELEMENT),
            Sent(parameter="area_code", name="area", place=SentAs.ELEMENT),
        ),
        "records": "people.row",
        "soap": Soap(namespace=SPACE, operation="find", action="urn:find"),
    }
    return rest(url, **values | more)


@dataclass(slots=True)
class Asked:
    """The gateway, the provider behind it, and the client between."""

    door: Door
    provider: Provider
    providers: Providers

    def registered(self, interface: Interface, **more: Any) -> None:
        """Tell that the service is registered like this from now on."""
        told = {"interface": interface, "source": SourceKind.PROVIDER, "ready": False}
        self.door.world.service("people", ITEMS, more.pop("inputs", INPUTS), **told | more)

    def faults(self) -> dict[str, int]:
        return {fault.value: count for *_, faults in self.providers.states() for fault, count in faults.items()}


@contextlib.asynccontextmanager
async def asked(
    store: Store, outbox: Fresh, provider: Provider, *, limits: Limits | None = None, reach: Reach = HERE, **more: Any
) -> AsyncIterator[Asked]:
    """区教育局 is granted every item in clear; the REST interface is registered."""
    world = World()
    world.unit("edu")
    providers = Providers(reach, more.pop("credentials", None), limits, **more)
    async with opened(
        world=world,
        store_url=store.database.url(READER),
        outbox_url=outbox.app_url,
        admin_url=outbox.admin_url(),
        providers=providers,
    ) as door:
        made = Asked(door, provider, providers)
        made.registered(rest(provider.url()))
        world.grant("edu", "people", [item.code for item in ITEMS])
        yield made
