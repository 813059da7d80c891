"""How the gateway asks a service what changed: with a token of its own, page by page, forgetting nothing."""

import asyncio
import json
from uuid import uuid4

import httpx2
import pytest
from pydantic import SecretStr

from common import clock
from common.events import GrantChanged, UnitChanged, base
from gateway.jobs import asking
from gateway.jobs.asking import BeginAnew, NotTold, Source, Tokens
from tests.support.registry_values import unit_changed

SECRET = "s" * 32


def change(event):
    head = base.headers(
        event.topic, event_id=uuid4(), source=event.owner, time=clock.now(), traceparent="00-" + "1" * 32
    )
    headers = {name: value.decode() for name, value in head}
    return {"topic": event.topic, "key": event.key, "headers": headers, "value": base.dump(event).decode()}


def page(*events, until="m1", beyond=0, more=False):
    return httpx2.Response(200, json={"until": until, "events": list(events), "beyond": beyond, "more": more})


class Services:
    """A register that hands out tokens, and a service that answers what the test says."""

    def __init__(self):
        self.answers = []
        self.asked = []
        self.handed_out = 0
        self.register = 200
        self.expires_in = 600

    async def __call__(self, request):
        if request.url.path == "/service-tokens":
            self.handed_out += 1
            self.credentials = json.loads(request.content)
            body = {"token": f"t{self.handed_out}", "expires_in": self.expires_in}
            return httpx2.Response(self.register, json=body)
        self.asked.append((dict(request.url.params), request.headers["authorization"]))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def services():
    return Services()


@pytest.fixture
def heard():
    return []


@pytest.fixture
async def source(services, heard):
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(services)) as http:
        tokens = Tokens(http, "http://registry/", SecretStr(SECRET))
        yield Source("registry", "http://registry", [UnitChanged], http, tokens, heard.append)


async def fails(source, kind=NotTold):
    with pytest.raises(kind) as failed:
        await source.ask()
    return str(failed.value)


async def test_it_shows_its_own_secret_and_asks_with_the_token_of_that_audience(services, source):
    services.answers = [page()]
    await source.ask()
    assert services.credentials == {"client": "gateway", "secret": SECRET, "audience": "registry"}
    assert services.asked == [({"topic": "unit-changed", "beyond": "0"}, "Bearer t1")]


async def test_what_is_told_is_applied_and_the_next_question_goes_on_from_there(services, source, heard):
    services.answers = [page(change(unit_changed("mzj"))), page(until="m2")]
    await source.ask()
    await source.ask()
    assert heard == [unit_changed("mzj")]
    assert [asked.get("after") for asked, _ in services.asked] == [None, "m1"]


async def test_all_pages_are_taken_and_the_mark_is_that_of_the_first(services, source, heard):
    services.answers = [
        page(change(unit_changed("aa")), until="m1", beyond=5, more=True),
        page(change(unit_changed("bb")), until="m2", beyond=9, more=True),
        page(change(unit_changed("cc")), until="m3", beyond=11),
        page(),
    ]
    await source.ask()
    assert [event.unit for event in heard] == ["aa", "bb", "cc"]
    assert [asked["beyond"] for asked, _ in services.asked] == ["0", "5", "9"]
    await source.ask()
    assert services.asked[-1][0]["after"] == "m1", "what changed while the pages were turned is told next time"


async def test_an_answer_that_ends_in_the_middle_moves_no_mark(services, source, heard):
    services.answers = [
        page(until="m1"),
        page(change(unit_changed("aa")), until="m2", beyond=5, more=True),
        httpx2.ReadError("cut"),
        page(),
    ]
    await source.ask()
    assert await fails(source) == "ReadError"
    await source.ask()
    assert services.asked[-1][0] == {"topic": "unit-changed", "beyond": "0", "after": "m1"}


async def test_a_service_that_knows_the_mark_no_more_is_asked_anew(services, source):
    services.answers = [page(), httpx2.Response(410), page()]
    await source.ask()
    await fails(source, BeginAnew)
    await source.ask()
    assert "after" not in services.asked[-1][0]


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(500),
        httpx2.Response(403),
        httpx2.Response(307, headers={"location": "http://elsewhere/changes"}),
        httpx2.Response(200, content=b"<html>"),
        httpx2.Response(200, json={"until": "m1", "events": []}),
        httpx2.Response(200, json=[]),
        httpx2.ConnectError("refused"),
        httpx2.ReadTimeout("late"),
    ],
)
async def test_an_answer_that_is_none_confirms_nothing(services, source, answer):
    services.answers = [answer]
    await fails(source)
    assert len(services.asked) == 1, "no redirect is followed"


async def test_an_answer_beyond_all_bounds_is_not_read_to_its_end(services, source, monkeypatch):
    monkeypatch.setattr(asking, "MOST_BYTES", 1000)
    services.answers = [httpx2.Response(200, content=b"x" * 1001)]
    assert await fails(source) == "too large"


async def test_pages_without_end_are_given_up(services, source, monkeypatch):
    monkeypatch.setattr(asking, "_MOST_PAGES", 3)
    services.answers = [page(more=True, beyond=1) for _ in range(4)]
    await fails(source)
    assert len(services.asked) == 3


async def test_a_service_that_hangs_is_given_up_in_time(source, monkeypatch):
    monkeypatch.setattr(asking, "WITHIN", 0.05)

    async def hang(request):
        if request.url.path == "/service-tokens":
            return httpx2.Response(200, json={"token": "t", "expires_in": 600})
        await asyncio.Event().wait()
        raise AssertionError

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(hang)) as http:
        source.http = http
        source.tokens = Tokens(http, "http://registry", SecretStr(SECRET))
        assert await fails(source) == "TimeoutError"


async def test_one_event_that_cannot_be_read_stops_none_of_the_others(services, source, heard):
    good = change(unit_changed("mzj"))
    bad = [
        good | {"value": "{"},
        good | {"key": "jyj"},
        good | {"headers": {}},
        good | {"headers": good["headers"] | {"ce_source": "/shuqiao/somebody"}},
        good | {"topic": GrantChanged.topic},
    ]
    services.answers = [page(*bad, good)]
    await source.ask()
    assert heard == [unit_changed("mzj")]
    assert (source.told, source.unreadable) == (1, len(bad))


# --- Tokens ---------------------------------------------------------------------------------------------------------


async def test_a_token_is_kept_for_half_its_life(services, source):
    services.answers = [page(), page()]
    await source.ask()
    await source.ask()
    assert services.handed_out == 1
    services.expires_in = 0
    source.tokens.forget("registry")
    services.answers = [page(), page()]
    await source.ask()
    await source.ask()
    assert services.handed_out == 3


async def test_while_the_register_is_away_the_old_token_serves_and_is_not_renewed_at_each_question(services, source):
    services.expires_in = 0
    services.answers = [page() for _ in range(4)]
    await source.ask()
    services.register = 503
    for _ in range(3):
        await source.ask()
    assert services.handed_out == 2, "one vain try, and a pause"
    assert {token for _, token in services.asked} == {"Bearer t1"}


async def test_without_any_token_nothing_is_asked(services, source):
    services.register = 401
    assert await fails(source) == "token: 401"
    assert services.asked == []


async def test_a_token_that_is_not_heard_is_given_up_for_a_new_one(services, source):
    services.answers = [httpx2.Response(401), page()]
    assert await fails(source) == "401"
    await source.ask()
    assert [token for _, token in services.asked] == ["Bearer t1", "Bearer t2"]
