"""`make demo` is a check that can fail: a service that is away, or one false answer, is found by the step concerned."""

import copy
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from demo import accounts
from demo.system import System
from shuqiao import profile as profiles
from tests.support.falsifying import Lie, Proxy

STEPS = [
    "register",
    "catalogue",
    "services",
    "files-in",
    "file-refused",
    "application-at-once",
    "application-reviewed",
    "keys",
    "calls",
    "refusals",
    "trace",
]
# Which step is the first that needs a service.
NEEDS = {
    "registry": "register",
    "catalog": "catalogue",
    "ingest-files": "files-in",
    "sharing": "application-at-once",
    "gateway": "calls",
    "audit": "trace",
}
UUID = "[0-9a-f-]{36}"


def changed(document: Any, **values: Any) -> Any:
    return {**document, **values}


def _rename_a_unit(units: Any) -> Any:
    return [changed(unit, name="某单位") if unit["code"] == "mzj" else unit for unit in units]


def _one_person_did_it_all(entry: Any) -> Any:
    return changed(entry, edition=changed(entry["edition"], separation="none-asked"))


def _another_item(grants: Any) -> Any:
    return [changed(g, items=[*g["items"], {"code": "JZDXZ", "mode": "clear", "mask": None}]) for g in grants]


def _within_term(application: Any) -> Any:
    if application["decision"] is None:
        return application
    decision = copy.deepcopy(application["decision"])
    decision["basis"]["past_term"] = False
    return changed(application, decision=decision)


def _another_article(application: Any) -> Any:
    if application["decision"] is None:
        return application
    decision = copy.deepcopy(application["decision"])
    decision["basis"]["article"] = "18.1"
    return changed(application, decision=decision)


def _one_name_wrong(answer: Any) -> Any:
    if answer.get("SUCCESS") == "1" and answer["DATA"]:
        answer["DATA"][0] = dict.fromkeys(answer["DATA"][0], "某某")
    return answer


def _foreign_keys_are_fine(answer: Any) -> Any:
    if answer.get("ERROR", {}).get("ERROR_CODE") == "202":
        return {"SUCCESS": "1", "DATA": []}
    return answer


def _another_file(thread: Any) -> Any:
    thread = copy.deepcopy(thread)
    for batch in thread["batches"]:
        batch["file"]["sha256"] = "0" * 64
    return thread


LIES: dict[str, tuple[str, str, str, Callable[[Any], Any]]] = {
    "register": ("registry", "GET", "/units", _rename_a_unit),
    "catalogue": ("catalog", "GET", "/entries/[0-9-]+", _one_person_did_it_all),
    "services": ("catalog", "GET", "/services/.+", lambda found: changed(found, state="registered")),
    "files-in": ("ingest-files", "GET", f"/uploads/{UUID}", lambda found: changed(found, sha256="0" * 64)),
    "file-refused": ("ingest-files", "GET", f"/uploads/{UUID}/findings", lambda found: found[1:]),
    "application-at-once": ("sharing", "POST", "/applications/.+/submission", _within_term),
    "application-reviewed": ("sharing", "GET", "/applications/CNZYSQ[0-9]+", _another_article),
    "keys": ("sharing", "GET", "/grants", _another_item),
    "calls": ("gateway", "POST", "/streets-.+", _one_name_wrong),
    "refusals": ("gateway", "POST", "/streets-.+", _foreign_keys_are_fine),
    "trace": ("audit", "GET", f"/calls/{UUID}/trace", _another_file),
}
# One of each kind in `make test`; all of them before an issue is closed (`make test-fault`).
QUICK = {"stopped": {"audit"}, "falsified": {"register"}}


def _marked(names: list[str], kind: str) -> list[Any]:
    return [name if name in QUICK[kind] else pytest.param(name, marks=pytest.mark.slow) for name in names]


@contextmanager
def profile_of(system: System, folder: Path, lie: tuple[str, Lie] | None = None) -> Iterator[Path]:
    """A folder with the system's profile, where one service may be reached through a proxy that lies."""
    with ExitStack() as stack:
        profile = system.profile
        if lie is not None:
            service, told = lie
            target = profile.gateway if service == "gateway" else profile.services[service]
            url = stack.enter_context(Proxy(target, told)).url
            profile = (
                replace(profile, gateway=url)
                if service == "gateway"
                else replace(profile, services={**profile.services, service: url})
            )
        profiles.save(profile, folder / "profile.json")
        accounts.save(system.held, folder / "demonstration.json")
        yield folder


def play(folder: Path) -> tuple[int, str, dict[str, Any], str]:
    """Play the story as `make demo` does; its exit code, what it said, the steps by name, the first that failed."""
    output = folder / "demo.json"
    command = [sys.executable, "-m", "demo", "play", "--against", str(folder), "--output", str(output)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    steps = {step["name"]: step for step in json.loads(output.read_text())["steps"]}
    assert list(steps) == STEPS
    failed = next((name for name, step in steps.items() if not step["ok"]), "")
    return done.returncode, done.stdout, steps, failed


def test_it_exits_zero_when_every_step_held(system: System, tmp_path: Path) -> None:
    with profile_of(system, tmp_path) as folder:
        code, said, steps, failed = play(folder)
    assert (code, failed) == (0, ""), said
    assert all(step["evidence"] and step["seconds"] >= 0 for step in steps.values())


@pytest.mark.parametrize("service", _marked(list(NEEDS), "stopped"))
def test_a_service_that_is_away_is_found_by_the_step_that_needs_it(
    system: System, tmp_path: Path, service: str
) -> None:
    system.control.stop(service)
    try:
        with profile_of(system, tmp_path) as folder:
            code, said, steps, failed = play(folder)
    finally:
        system.control.start(service)
        system.wait_ready([service])
    assert code != 0
    assert failed == NEEDS[service], said
    assert f"（{failed}）" in said
    assert steps[failed]["evidence"]["error"]


@pytest.mark.parametrize("step", _marked(STEPS, "falsified"))
def test_one_false_answer_is_found_by_its_step(system: System, tmp_path: Path, step: str) -> None:
    service, method, path, change = LIES[step]
    lie = Lie(method, path, change)
    with profile_of(system, tmp_path, (service, lie)) as folder:
        code, said, _, failed = play(folder)
    assert lie.told > 0
    assert code != 0
    assert failed == step, said
    assert f"（{failed}）" in said
