"""Keys of others, keys that were taken back, a service that stops meanwhile, ids that a caller would like to choose."""

import pytest

from common.events import Quota, ServiceState, UnitState
from tests.support.streets import STREETS

ONE = {"street_code": "310105001"}


class TestKeys:
    """IN-G5."""

    async def test_the_method_key_of_another_unit_is_202(self, door):
        door.world.unit("health")
        door.world.grant("health", "streets", ["street_code"])
        mixed = {**door.world.keys("edu", "streets"), "methodKey": door.world.method_keys["health", "streets"]}
        answer = await door.ask("POST", "/streets", params={**mixed, **ONE})
        assert answer.code == "202"
        record = await door.record_of(answer)
        assert (record.unit, record.grant, record.rows) == ("edu", None, 0)

    async def test_a_suspended_unit_is_203_and_a_withdrawn_key_201(self, door):
        door.world.unit("edu", UnitState.SUSPENDED)
        assert (await door.call(**ONE)).code == "203"
        door.world.unit("edu", UnitState.ACTIVE)
        assert (await door.call(**ONE)).code == "1"
        door.world.unit("edu", keys=[])
        assert (await door.call(**ONE)).code == "201"


class TestStopped:
    """IN-G7; protocol page, Quota: what passes check 7 is charged, and a stopped service is check 5."""

    @pytest.fixture
    def metered(self, door, streets):
        # A grant of its own: what others used of a quota does not count here.
        door.world.grants.pop(("edu", "streets"))
        door.world.method_keys.pop(("edu", "streets"))
        door.world.grant("edu", "streets", ["street_code"], quota=Quota(per_day=1))
        return streets

    def stop(self, door, streets, state=ServiceState.STOPPED):
        door.world.service("streets", STREETS, {"street_code": "eq in"}, resource=streets, state=state)

    async def test_a_stopped_service_is_208_and_nothing_is_charged(self, door, metered):
        self.stop(door, metered)
        answers = [await door.call(**ONE) for _ in range(3)]
        assert {answer.code for answer in answers} == {"208"}
        assert (await door.record_of(answers[0])).charged is None
        self.stop(door, metered, ServiceState.ACTIVE)
        assert (await door.call(**ONE)).code == "1", "the one call of the day is still there"

    async def test_one_that_stops_while_the_rows_are_read_is_208_and_gives_nothing(self, door, metered, monkeypatch):
        find = door.gateway.reader.find

        def stopped_meanwhile(*asked):
            self.stop(door, metered)
            return find(*asked)

        monkeypatch.setattr(type(door.gateway.reader), "find", lambda _self, *asked: stopped_meanwhile(*asked))
        answer = await door.call(**ONE)
        assert answer.code == "208"
        assert b"310105001" not in answer.response.content
        record = await door.record_of(answer)
        assert (record.code, record.rows) == ("208", 0)


async def test_an_id_that_the_caller_chooses_is_no_id_of_a_call(door):
    """IN-G26: a query has no outside effect, so a repetition is another call; neither touches the other's record."""
    chosen = {"Idempotency-Key": "0199", "X-Call-Id": "0199", "X-Request-Id": "0199"}
    first = await door.ask("POST", "/streets", params={**door.world.keys("edu", "streets"), **ONE}, headers=chosen)
    before = await door.record_of(first)
    other = {"street_code": "310105002"}
    second = await door.ask("POST", "/streets", params={**door.world.keys("edu", "streets"), **other}, headers=chosen)
    assert (first.data[0]["street_code"], second.data[0]["street_code"]) == ("310105001", "310105002")
    assert await door.record_of(first) == before
    assert (await door.record_of(second)).call != before.call
    assert "0199" not in first.response.text + second.response.text
