"""FAULT-26, 27: a grant is suspended and the news of it does not come. No answer is given beyond the promised bound."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx2
import pytest

from shuqiao import Session
from tests.fault.conftest import LEASE, Faulty
from tests.support.waiting import until

pytestmark = pytest.mark.slow

BOUND = 5.0
"""Seconds within which a suspension is in force with the broker away."""
OWNERS = ("registry", "catalog", "sharing")


@dataclass
class Caller:
    """Calls without pause, and keeps what came back and when it was asked and answered."""

    url: str
    keys: dict[str, str]
    seen: list[tuple[float, float, str]] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        with httpx2.Client(headers=self.keys, timeout=30) as http:
            while not self.stop.is_set():
                asked = time.monotonic()
                try:
                    answer = http.post(self.url, params={"street_code": "310105001"})
                except httpx2.TransportError:
                    code = "gone"
                else:
                    told = answer.json()
                    code = told["SUCCESS"] if told["SUCCESS"] == "1" else told["ERROR"]["ERROR_CODE"]
                    code += f" {answer.headers['x-reason']}" if answer.status_code == 503 else ""
                self.seen.append((asked, time.monotonic(), code))
                self.stop.wait(0.02)

    def codes(self, since: float, until_: float = float("inf")) -> set[str]:
        """What came back at that time."""
        return {code for _, answered, code in list(self.seen) if since <= answered <= until_}

    def comes(self, code: str, within: float) -> float:
        """Wait until this is what comes back; when it did."""
        began = time.monotonic()

        def came() -> float | None:
            return next((at for _, at, found in list(self.seen) if at >= began and found == code), None)

        found = until(came, within=within, what=f"an answer {code}")
        assert found is not None
        return found


@contextmanager
def calling(faulty: Faulty) -> Iterator[Caller]:
    story = faulty.story
    keys = {"X-Unit-Key": story.unit_key, "X-Method-Key": story.method_keys["streets"]}
    caller = Caller(f"{faulty.system.profile.gateway}/{story.streets_service}", keys)
    thread = threading.Thread(target=caller.run)
    thread.start()
    try:
        caller.comes("1", 30)
        yield caller
    finally:
        caller.stop.set()
        thread.join(40)


@pytest.fixture
def reviewer(faulty: Faulty) -> Iterator[Session]:
    """Who may suspend the grant; logged in before anything is broken, and it is active again at the end."""
    system = faulty.system
    with Session(system.profile, "mzj.shenhe", system.held.passwords["mzj.shenhe"]) as made:
        made.get("sharing", f"/grants/{faulty.story.grant_of('streets')}")
        yield made


def move(faulty: Faulty, reviewer: Session, state: str) -> float:
    body = {"state": state, "reason": "演练"}
    reviewer.put("sharing", f"/grants/{faulty.story.grant_of('streets')}/state", body)
    return time.monotonic()


@pytest.mark.parametrize("away", ["for everybody", "for the gateway", "for the owner of the grant"])
def test_a_suspension_is_in_force_within_seconds_with_the_broker_away(
    faulty: Faulty, reviewer: Session, away: str
) -> None:
    control, links = faulty.system.control, faulty.links
    with calling(faulty) as caller:
        match away:
            case "for everybody":
                control.stop("kafka")
            case "for the gateway":
                links["gateway"].cut()
            case _:
                links["sharing"].cut()
        try:
            began = time.monotonic()
            until(lambda: time.monotonic() - began > LEASE + 2, within=LEASE + 5, what="more than a lease")
            assert caller.codes(began) == {"1"}, "calls go on"
            suspended = move(faulty, reviewer, "suspended")
            caller.comes("203", BOUND)
            began = time.monotonic()
            until(lambda: time.monotonic() - began > BOUND, within=BOUND + 3, what="the bound")
            assert caller.codes(suspended + BOUND) == {"203"}
            move(faulty, reviewer, "active")
            caller.comes("1", BOUND)
        finally:
            if away == "for everybody":
                control.start("kafka")
            links["gateway"].mend()
            links["sharing"].mend()
        faulty.system.wait_ready(["gateway", "sharing"])


def test_a_gateway_that_nobody_tells_anything_stops_after_the_lease(faulty: Faulty, reviewer: Session) -> None:
    control, link = faulty.system.control, faulty.links["gateway"]
    with calling(faulty) as caller:
        move(faulty, reviewer, "suspended")
        caller.comes("203", BOUND)
        move(faulty, reviewer, "active")
        caller.comes("1", BOUND)
        link.cut()
        move(faulty, reviewer, "suspended")
        caller.comes("203", BOUND)
        move(faulty, reviewer, "active")
        caller.comes("1", BOUND)
        try:
            cut = time.monotonic()
            for owner in OWNERS:
                control.pause(owner)
            paused = time.monotonic()
            stopped = caller.comes("500 grants", LEASE + 3)
            assert stopped - cut > LEASE - 3, "it relied on the last confirmation for the lease"
            until(lambda: time.monotonic() > paused + LEASE + 3, within=LEASE + 5, what="a while more")
            assert caller.codes(paused + LEASE + 1) == {"500 grants"}
            assert not faulty.system.ready("gateway")
        finally:
            for owner in OWNERS:
                control.resume(owner)
        caller.comes("1", BOUND + 2)
        link.mend()
        faulty.system.wait_ready(["gateway", *OWNERS])


def test_a_gateway_that_stood_still_gives_no_answer_by_what_it_knew_before(faulty: Faulty, reviewer: Session) -> None:
    control = faulty.system.control
    with calling(faulty) as caller:
        control.pause("gateway")
        try:
            suspended = move(faulty, reviewer, "suspended")
            until(lambda: time.monotonic() > suspended + BOUND, within=BOUND + 3, what="the bound")
        finally:
            control.resume("gateway")
        caller.comes("203", BOUND)
        # The answer that was on its way when it was paused had left; none was given afterwards.
        assert "1" not in caller.codes(suspended + BOUND)
        move(faulty, reviewer, "active")
        caller.comes("1", BOUND)
