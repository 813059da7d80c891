"""A unit pushes rows and others call them within seconds: catalogue, grant, push, call, trail (REQ-A3)."""

from collections.abc import Iterator
from typing import Any

import pytest

from demo.cast import Cast
from demo.system import System
from shuqiao import Gateway, Pushed
from tests.support.waiting import until
from tests.system.test_provider_source import ENTRY, patiently, published

ROWS = [
    {"person_no": "0001", "name": "张示例", "born": "1982/03/09"},
    {"person_no": "0002", "name": None, "born": None},
]


@pytest.fixture
def cast(system: System) -> Iterator[Cast]:
    made = Cast(system.profile, system.held)
    yield made
    made.leave()


def granted(cast: Cast, account: str, entry: str, service: str) -> str:
    """The method key of a service that is granted at once."""
    asked = {
        "entry": entry,
        "services": [service],
        "items": [item["code"] for item in ENTRY["items"]],
        "use_mode": "interface",
        "using_system": "居民信息系统（示例）",
        "reason": "实时归集和使用",
        "contact": "021-00000000",
        "commitment": True,
    }
    person = cast.as_(account)
    made = patiently(lambda: person.post("sharing", "/applications", asked))
    assert person.post("sharing", f"/applications/{made['id']}/submission")["state"] == "granted"
    (grant,) = [one for one in person.get("sharing", "/grants", limit=1000) if one["service"] == service]
    return str(person.post("sharing", f"/grants/{grant['id']}/keys")["methodKey"])


def active(cast: Cast, entry: str, service: str, **content: Any) -> None:
    body = {"code": service, "entry": entry, "content": {"name": "居民信息（示例）", **content}}
    cast.as_("mzj.bianzhi").post("catalog", "/services", body)
    cast.as_("mzj.fabu").put("catalog", f"/services/{service}/state", {"state": "active"})


def test_from_the_registration_to_the_trail(system: System, cast: Cast) -> None:
    entry = published(cast)
    active(cast, entry, "residents-push", source="write")
    active(cast, entry, "residents", inputs=[{"item": "person_no", "operators": ["eq"], "required": False}])
    writing = granted(cast, "mzj.shenqing", entry, "residents-push")
    reading = granted(cast, "jyj.shenqing", entry, "residents")
    issued = {unit: cast.as_(f"{unit}.admin").post("registry", f"/units/{unit}/keys") for unit in ("mzj", "jyj")}
    try:
        with (
            Gateway(system.profile.gateway, issued["mzj"]["unitKey"]) as provider,
            Gateway(system.profile.gateway, issued["jyj"]["unitKey"]) as caller,
        ):
            until(lambda: caller.call("residents", reading).ok, what="the caller's keys are known to the gateway")

            def pushed() -> Pushed | None:
                done = provider.push("residents-push", writing, ROWS, key="first")
                return done if done.ok else None

            done = until(pushed, what="the provider's keys are known to the gateway")
            assert done is not None
            answer = caller.call("residents", reading)
            assert answer.data == ROWS
            changed = provider.push("residents-push", writing, [{**ROWS[0], "name": "李示例"}], key="second")
            assert caller.call("residents", reading, {"person_no": "0001"}).data[0]["name"] == "李示例"
            assert provider.push("residents-push", writing, ROWS, key="first").batch == done.batch
            bad = provider.push("residents-push", writing, [{**ROWS[0], "born": "1982-03-09"}])
            assert [(one.row, one.item, one.rule) for one in bad.findings] == [(1, "born", "type")]

        applicant = cast.as_("mzj.shenqing")

        def on_record() -> Any:
            """The one call of the trace, once its end has followed its begin."""
            (call,) = applicant.get("audit", "/calls", trace_id=changed.trace_id) or [None]
            return call if call and call["outcome"] != "pending" else None

        call = until(on_record, what="the push is in the trail")
        assert (call["record"]["kind"], call["record"]["batches"]) == ("end", [str(changed.batch)])

        def thread() -> Any:
            told = applicant.get("audit", f"/calls/{call['record']['call']}/trace")
            return told if told["batches"] else None

        told = until(thread, what="the batch is in the trail")
        assert told["batches"][0]["file"]["sha256"]
        assert told["decision"]["basis"]["rule"] == "aggregation-channel"
    finally:
        for unit, key in issued.items():
            cast.as_(f"{unit}.admin").delete("registry", f"/units/{unit}/keys/{key['id']}")
