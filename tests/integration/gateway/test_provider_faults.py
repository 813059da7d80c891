"""FAULT-30, IN-G30: whatever a provider does, its callers get 503 in time and nothing raw; others keep their speed."""

import asyncio
import json
import time

import pytest

from gateway.domain.breaker import FAILURES, OPEN_FOR
from tests.support.provider_server import (
    PEOPLE,
    Provider,
    drips,
    envelope,
    floods,
    hangs,
    people,
    resets,
    says,
    soap,
    tells,
)
from tests.support.provider_world import INPUTS, ITEMS, asked, rest
from tests.support.provider_world import soap as soap_interface
from tests.support.waiting import eventually

DEADLINE, PATIENT = 0.5, 10.0
"""Seconds: for those that never answer, and for those that do."""
RECORD = {"no": "0001", "xm": "甲", "age": 1, "income": "1", "born": "2000-01-01", "area": "310105"}
CANARY = "金丝雀"


def one(**more):
    return tells({"data": {"list": [RECORD | more]}})


def without(member):
    return tells({"data": {"list": [{name: value for name, value in RECORD.items() if name != member}]}})


def declared(body):
    """The same with a document type."""
    return body.replace(b'<?xml version="1.0"?>', DTD)


HTML = b"<html><body>" + CANARY.encode() + b"</body></html>"
REFUSED = f"<s:Fault><faultcode>s:Client</faultcode><faultstring>{CANARY}</faultstring></s:Fault>"
BROKEN = f"<s:Fault><faultcode>s:Server</faultcode><faultstring>{CANARY}</faultstring></s:Fault>"
DTD = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "0001"><!ENTITY b "&a;">]>'
REST = {
    "never answers": (hangs, "deadline"),
    "a byte in a while": (drips, "deadline"),
    "resets": (resets, "connection"),
    "nothing in it": (says(200, b""), "malformed"),
    "a hundred megabytes": (floods, "too-large"),
    "a hundred megabytes, announced": (says(200, b"", "Content-Length: 104857600"), "connection"),
    "500": (says(500, HTML), "status"),
    "503": (says(503, b""), "status"),
    "429": (says(429, b""), "status"),
    "404": (says(404, HTML), "refused"),
    "a redirect": (says(302, b"", "Location: http://169.254.169.254/latest"), "redirect"),
    "a redirect that keeps the method": (says(307, b"", "Location: /rest"), "redirect"),
    "no content": (says(204, b""), "status"),
    "HTML": (says(200, HTML), "malformed"),
    "no JSON": (says(200, b'{"data":'), "malformed"),
    "a name twice": (says(200, b'{"data":{"list":[]},"data":{"list":[]}}'), "malformed"),
    "NaN": (says(200, b'{"data":{"list":[NaN]}}'), "malformed"),
    "no UTF-8": (says(200, b'{"data":"\xff"}'), "malformed"),
    "nested too deeply": (says(200, b"[" * 100_000 + b"]" * 100_000), "malformed"),
    "a coding that was not asked for": (says(200, b"x", "Content-Encoding: br"), "malformed"),
    "no gzip": (says(200, b"x", "Content-Encoding: gzip"), "malformed"),
    "success with the body of an error": (tells({"SUCCESS": "1", "ERROR": {"ERROR_CODE": "9"}}), "member"),
    "a list elsewhere": (tells({"data": []}), "member"),
    "a text instead of the list": (tells({"data": {"list": CANARY}}), "member"),
    "texts instead of records": (tells({"data": {"list": [CANARY]}}), "member"),
    "a member is not there": (without("xm"), "member"),
    "a key that is null": (one(no=None), "value"),
    "an object for a value": (one(xm={CANARY: 1}), "value"),
    "a number for a text": (one(xm=5), "value"),
    "a truth value": (one(age=True), "value"),
    "a text for a number": (one(age=CANARY), "value"),
    "a fraction for an integer": (one(age=1.5), "value"),
    "too long": (one(xm=CANARY * 4), "value"),
    "too many digits": (one(income="1.005"), "value"),
    "an unreal day": (one(born="2023-02-30"), "value"),
    "a day in another form": (one(born="2023/02/01"), "value"),
    "what cannot be seen": (one(xm="a\u202eb"), "value"),
    "a million rows": (tells({"data": {"list": [1] * 1001}}), "too-many"),
    "somebody else": (one(no="0002"), "disobeyed"),
}
SOAP = {
    "a document type": (declared(soap([PEOPLE[0]])), "malformed"),
    "an entity": (declared(soap([PEOPLE[0]]).replace(b"0001", b"&b;")), "malformed"),
    "a processing instruction": (soap([PEOPLE[0]]).replace(b"<people>", b"<?x y?><people>"), "malformed"),
    "no XML": (b"{}", "malformed"),
    "no envelope": (b"<people/>", "malformed"),
    "nested too deeply": (envelope("<a>" * 100 + "</a>" * 100), "malformed"),
    "mixed content": (envelope("<findResponse>x<people/></findResponse>"), "malformed"),
    "another operation": (envelope("<otherResponse/>"), "member"),
    "a fault of the sender": (envelope(REFUSED), "refused"),
    "a fault of the receiver": (envelope(BROKEN), "status"),
    "a value twice": (soap([PEOPLE[0]]).replace(b"<no>", b"<no>x</no><no>"), "value"),
    "a key that is not there": (soap([PEOPLE[0]]).replace(b"<no>0001</no>", b""), "value"),
}


@pytest.fixture
async def at(store, outbox, provider):
    async with asked(store, outbox, provider) as made:
        made.registered(rest(provider.url(), deadline=PATIENT))
        yield made


async def refused(at, fault):
    began = time.monotonic()
    answer = await at.door.call("people", person_no="0001")
    assert time.monotonic() - began < DEADLINE + 30
    assert (answer.status, answer.reason, answer.code) == (503, "provider", "500")
    everything = f"{answer.response.text}{answer.response.headers}"
    assert not [word for word in (CANARY, "127.0.0.1", str(at.provider.port), "169.254") if word in everything]
    assert at.faults() == ({} if fault == "disobeyed" else {fault: 1})


@pytest.mark.parametrize("case", REST)
async def test_rest(at, case):
    at.provider.behave, fault = REST[case]
    if fault == "deadline":
        at.registered(rest(at.provider.url(), deadline=DEADLINE))
    await refused(at, fault)
    if fault in {"redirect", "refused", "value"}:
        assert len(at.provider.requests) == 1


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize("case", SOAP)
async def test_soap(at, case, status):
    at.registered(soap_interface(at.provider.url("/soap"), deadline=PATIENT))
    body, fault = SOAP[case]
    at.provider.behave = says(status, body)
    await refused(at, fault if status == 200 or fault == "refused" else "status")


async def test_nobody_there(at):
    async with Provider() as gone:
        pass
    at.registered(rest(gone.url(), deadline=PATIENT))
    await refused(at, "connection")


class TestLeftAlone:
    """A provider that is not there is left alone for a while, then tried by one call."""

    async def test_after_some_failures_it_is_not_asked_and_others_are(self, at):
        at.provider.behave = says(500, b"")
        for _ in range(FAILURES):
            await at.door.call("people")
        at.provider.behave = people
        answer = await at.door.call("people")
        assert (answer.status, answer.reason) == (503, "provider")
        assert len(at.provider.requests) == FAILURES
        assert at.faults() == {"status": FAILURES, "open": 1}
        async with Provider() as other:
            at.door.world.service("others", ITEMS, INPUTS, ready=False, interface=rest(other.url()), source="provider")
            at.door.world.grant("edu", "others", ["person_no"])
            assert (await at.door.call("others")).code == "1"

    async def test_one_call_tries_it_again_and_lets_all_in(self, store, outbox, provider):
        now = [0.0]
        async with asked(store, outbox, provider, clock=lambda: now[0]) as at:
            at.registered(rest(provider.url(), deadline=DEADLINE))
            provider.behave = hangs
            await asyncio.gather(*(at.door.call("people") for _ in range(FAILURES)))
            now[0] = OPEN_FOR - 0.1
            assert (await at.door.call("people")).status == 503
            assert len(provider.requests) == FAILURES
            now[0] = OPEN_FOR
            several = await asyncio.gather(*(at.door.call("people") for _ in range(4)))
            assert {answer.status for answer in several} == {503}
            assert len(provider.requests) == FAILURES + 1, "one of them tried"
            provider.behave = people
            now[0] += 2 * OPEN_FOR
            assert (await at.door.call("people")).code == "1"
            several = await asyncio.gather(*(at.door.call("people") for _ in range(5)))
            assert {answer.code for answer in several} == {"1"}

    @pytest.mark.parametrize("behave", [says(404, b""), says(200, HTML), one(xm=5)])
    async def test_a_question_that_it_dislikes_shuts_nobody_out(self, at, behave):
        at.provider.behave = behave
        for _ in range(FAILURES + 2):
            await at.door.call("people")
        at.provider.behave = people
        assert (await at.door.call("people")).code == "1"


async def test_others_keep_their_speed_while_a_provider_hangs_drips_and_floods(store, outbox, provider, streets):
    """FAULT-30: calls of the exchange store beside a provider that misbehaves, against the same calls alone."""
    async with asked(store, outbox, provider) as at:
        at.registered(rest(provider.url(), deadline=2))
        at.door.world.service("streets", streets.items, {"street_code": "eq"}, resource=streets)
        at.door.world.grant("edu", "streets", ["street_code"])

        async def took():
            found = []
            for _ in range(150):
                began = time.monotonic()
                assert (await at.door.call("streets", street_code="310105001")).code == "1"
                found.append(time.monotonic() - began)
            return sorted(found)[140]

        await took()
        alone = await took()
        behaviours = (hangs, drips, floods)

        async def misbehaves(request, writer):
            await behaviours[len(provider.requests) % 3](request, writer)

        provider.behave = misbehaves
        calling = [asyncio.create_task(at.door.call("people")) for _ in range(40)]
        await eventually(lambda: _asked(provider, 8))
        beside = await took()
        assert {answer.status for answer in await asyncio.gather(*calling)} == {503}
        # Generous: the machine is shared, and both ends of all of it are in this one process.
        assert beside < alone * 3 + 0.05, json.dumps({"alone": alone, "beside": beside})


async def _asked(provider, count):
    return len(provider.requests) >= count
