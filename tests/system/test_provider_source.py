"""A unit registers its own interface and another calls it: catalogue, application, grant, key, call, trail (REQ-A3)."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import httpx2
import pytest

from demo.cast import Cast
from demo.story import NOT_YET
from demo.system import System
from shuqiao import Answer, Gateway, Refused
from stack import free_ports
from tests.support.provider_server import SPACE
from tests.support.waiting import until

T = TypeVar("T")
ITEMS = [
    {"code": "person_no", "name": "编号", "type": "text", "length": 4, "key_place": 1, "nullable": False},
    {"code": "name", "name": "姓名", "type": "text", "length": 20, "standard": "XM"},
    {"code": "born", "name": "出生日期", "type": "date"},
]
ENTRY = {
    "name": "居民信息（实时，示例）",
    "classification": "307001",
    "abstract": "虚构的居民信息，由提供单位的接口实时提供。",
    "source_system": "居民信息系统（示例）",
    "format": "database",
    "update_frequency": "real-time",
    "data_grade": "general-1",
    "sharing_type": "unrestricted",
    "opening_type": "unrestricted",
    "items": ITEMS,
}
GIVEN = [{"item": "person_no", "member": "no"}, {"item": "name", "member": "xm"}, {"item": "born", "member": "born"}]


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    (port,) = free_ports(1)
    server = subprocess.Popen([sys.executable, "-m", "tests.support.provider_server", str(port)])
    try:
        until(lambda: _listens(f"http://127.0.0.1:{port}/rest"), what="the provider's interface")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=10)


def _listens(url: str) -> bool:
    try:
        return httpx2.post(url, timeout=2).status_code == 200
    except httpx2.HTTPError:
        return False


@pytest.fixture
def cast(system: System) -> Iterator[Cast]:
    made = Cast(system.profile, system.held)
    yield made
    made.leave()


def interface(kind: str, provider: str) -> dict[str, Any]:
    place = "form" if kind == "rest" else "element"
    made = {
        "kind": kind,
        "url": f"{provider}/{kind}",
        "sent": [{"parameter": "person_no", "name": "no", "place": place}],
        "records": "data.list" if kind == "rest" else "people.row",
        "given": GIVEN,
        "dates": "iso",
    }
    soap = {"namespace": SPACE, "operation": "find", "action": "urn:find"}
    return made if kind == "rest" else {**made, "soap": soap}


def patiently(ask: Callable[[], T]) -> T:
    """What is asked, once the event that it needs has arrived."""
    found: list[T] = []

    def done() -> bool:
        try:
            found.append(ask())
        except Refused as refused:
            if refused.code not in NOT_YET:
                raise
            return False
        return True

    until(done, what="the event has arrived")
    return found[0]


def published(cast: Cast) -> str:
    code: str = patiently(lambda: cast.as_("mzj.bianzhi").post("catalog", "/entries", ENTRY))["code"]
    cast.as_("mzj.bianzhi").post("catalog", f"/entries/{code}/submission")
    cast.as_("mzj.shenhe").post("catalog", f"/entries/{code}/review", {"approve": True})
    cast.as_("mzj.fabu").post("catalog", f"/entries/{code}/publication")
    return code


@pytest.mark.parametrize("kind", ["rest", "soap"])
def test_from_the_registration_to_the_trail(system: System, cast: Cast, provider: str, kind: str) -> None:
    entry, service = published(cast), f"residents-{kind}"
    inputs = [{"item": "person_no", "operators": ["eq"], "required": True}]
    content = {"name": "居民信息查询", "source": "provider", "inputs": inputs, "interface": interface(kind, provider)}
    cast.as_("mzj.bianzhi").post("catalog", "/services", {"code": service, "entry": entry, "content": content})
    cast.as_("mzj.fabu").put("catalog", f"/services/{service}/state", {"state": "active"})

    application = {
        "entry": entry,
        "services": [service],
        "items": ["person_no", "born"],
        "use_mode": "interface",
        "using_system": "教育资助管理系统（示例）",
        "reason": "核对学生信息",
        "contact": "021-00000000",
        "commitment": True,
    }
    applicant = cast.as_("jyj.shenqing")
    asked = patiently(lambda: applicant.post("sharing", "/applications", application))
    assert applicant.post("sharing", f"/applications/{asked['id']}/submission")["state"] == "granted"
    (grant,) = [one for one in applicant.get("sharing", "/grants", limit=1000) if one["service"] == service]
    method_key = applicant.post("sharing", f"/grants/{grant['id']}/keys")["methodKey"]
    issued = cast.as_("jyj.admin").post("registry", "/units/jyj/keys")
    try:
        with Gateway(system.profile.gateway, issued["unitKey"]) as gateway:

            def called() -> Answer | None:
                answer = gateway.call(service, method_key, {"person_no": "0001"})
                return answer if answer.ok else None

            answer = until(called, what="the grant and both keys are known to the gateway")
        assert answer is not None
        assert answer.data == [{"person_no": "0001", "born": "1982/03/09"}]

        def on_record() -> Any:
            """The one call of the trace, once its end has followed its begin."""
            (call,) = applicant.get("audit", "/calls", trace_id=answer.trace_id) or [None]
            return call if call and call["outcome"] != "pending" else None

        call = until(on_record, what="the call is in the trail")
        assert (call["record"]["kind"], call["record"]["code"], call["outcome"]) == ("end", "1", "recorded")
        thread = applicant.get("audit", f"/calls/{call['record']['call']}/trace")
        assert thread["begun"]["record"]["kind"] == "begin"
        assert thread["missing"] == []
    finally:
        cast.as_("jyj.admin").delete("registry", f"/units/jyj/keys/{issued['id']}")
