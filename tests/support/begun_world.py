"""A gateway's world of one unit, one service and one grant, as the tests of its memory begin."""

from exchange.layout import Resource
from tests.support.gateway_world import PEPPER, World
from tests.support.items import day, key, text

ITEMS = (key(text("street_code", 9)), text("street_name", 40), day("updated"))
RESOURCE = Resource(provider="civil-affairs", version="307001-000001_v1", items=ITEMS)


def begun():
    made = World()
    made.unit("edu")
    made.service("streets", ITEMS, {"street_code": "eq in", "street_name": "prefix", "updated": "ge lt required"})
    made.grant("edu", "streets", ["street_code"])
    return made


def ref(text):
    return (PEPPER.id, PEPPER.digest(text))
