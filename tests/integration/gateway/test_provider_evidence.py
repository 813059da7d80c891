"""Evidence of a call that asks a provider: a beginning before, an end before the answer; and what it is charged."""

from common.events import GrantedItem, GrantState, ItemMode, Quota, RecordKind
from gateway.domain.flood import Flood
from tests.support.provider_server import people, says
from tests.support.provider_world import INPUTS, rest


def is_provider_failure(answer):
    told = answer.response
    return (answer.status, answer.reason, answer.code) == (503, "provider", "500") and "x-trace-id" in told.headers


class TestEvidence:
    async def test_a_begin_is_committed_before_the_provider_is_asked_and_an_end_before_the_answer(self, at):
        held = []

        async def looks(request, writer):
            held.append(await at.door.records())
            await people(request, writer)

        at.provider.behave = looks
        answer = await at.door.call("people", person_no="0001")
        (begin,) = held[0]
        assert (begin.kind, begin.status, begin.code, begin.rows, begin.answer) == (RecordKind.BEGIN, 0, "", 0, None)
        assert (begin.trace_id, begin.service, len(begin.filters), len(begin.items)) == (
            answer.trace_id,
            "people",
            1,
            6,
        )
        assert begin.subject
        assert begin.sourced_at is None
        first, second = await at.door.records()
        assert first == begin
        assert (second.kind, second.call, second.number, second.code) == (RecordKind.END, begin.call, 2, "1")
        assert (second.rows, second.subject, second.batches) == (1, begin.subject, ())
        assert second.answer

    async def test_a_failure_of_the_provider_has_its_end_too(self, at):
        at.provider.behave = says(500, b"")
        answer = await at.door.call("people")
        begin, end = await at.door.records()
        assert is_provider_failure(answer)
        assert (begin.kind, end.kind, end.status, end.code, end.rows) == (
            RecordKind.BEGIN,
            RecordKind.END,
            503,
            "500",
            0,
        )

    async def test_what_is_refused_before_the_provider_is_asked_has_one_record(self, at):
        await at.door.call("people", nothing="x")
        at.registered(rest("http://10.9.9.9/x"))
        assert is_provider_failure(await at.door.call("people"))
        assert [(record.kind, record.code) for record in await at.door.records()] == [
            (RecordKind.CALL, "101"),
            (RecordKind.CALL, "500"),
        ]
        assert at.provider.requests == []

    async def test_no_value_of_the_answer_or_of_the_question_is_in_the_records(self, at):
        await at.door.call("people", name__prefix="张示例")
        told = "".join(record.model_dump_json() for record in await at.door.records())
        assert "示例" not in told

    async def test_a_grant_that_is_taken_back_while_the_provider_is_asked_shows_nothing(self, at):
        async def takes_back(request, writer):
            at.door.world.grant("edu", "people", ["person_no"], state=GrantState.SUSPENDED)
            await people(request, writer)

        at.provider.behave = takes_back
        answer = await at.door.call("people")
        assert (answer.code, "示例" in answer.response.text) == ("203", False)
        assert [record.kind for record in await at.door.records()] == [RecordKind.BEGIN, RecordKind.END]

    async def test_a_key_that_is_taken_back_meanwhile_still_has_its_end(self, at, monkeypatch):
        # In a flood of bad keys only their count is recorded; what has begun has its end all the same.
        monkeypatch.setattr(Flood, "bad_key", lambda *_: False)

        async def takes_back(request, writer):
            at.door.world.unit("edu", keys=())
            await people(request, writer)

        at.provider.behave = takes_back
        for _ in range(3):
            at.door.world.unit("edu")
            assert (await at.door.call("people")).code == "201"
        kinds = [record.kind for record in await at.door.records()]
        assert kinds == [RecordKind.BEGIN, RecordKind.END] * 3

    async def test_items_that_are_taken_back_while_the_provider_is_asked_are_not_shown_and_it_is_not_asked_again(
        self, at
    ):
        async def takes_back(request, writer):
            at.door.world.grant("edu", "people", ["person_no", GrantedItem(code="name", mode=ItemMode.MASKED)])
            await people(request, writer)

        at.provider.behave = takes_back
        answer = await at.door.call("people", person_no="0001")
        assert answer.data == [{"person_no": "0001", "name": "张**"}]
        assert len(at.provider.requests) == 1

    async def test_a_service_that_became_another_meanwhile_is_503(self, at):
        async def registers(request, writer):
            at.registered(rest(at.provider.url()), inputs={**INPUTS, "income": "ge"})
            await people(request, writer)

        at.provider.behave = registers
        answer = await at.door.call("people")
        assert (answer.status, answer.reason) == (503, "grants")


class TestQuota:
    async def test_what_the_provider_did_not_answer_is_not_charged(self, at):
        quota = Quota(per_day=2)
        at.door.world.grant("edu", "people", ["person_no"], quota=quota)
        at.provider.behave = says(500, b"")
        for _ in range(4):
            assert is_provider_failure(await at.door.call("people"))
        at.provider.behave = people
        assert [(await at.door.call("people")).code for _ in range(3)] == ["1", "1", "207"]
        charged = [(record.kind, record.charged is not None) for record in await at.door.records()]
        assert charged[-3:] == [(RecordKind.BEGIN, False), (RecordKind.END, True), (RecordKind.CALL, False)]
        assert sum(one for _, one in charged) == 2
