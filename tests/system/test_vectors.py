"""Files of golden cases played against the running exchange, as `make vectors FILE=… URL=… PROFILE=…` does."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from demo.system import System
from shuqiao import Session
from tests.support.falsifying import Lie, Proxy

VECTORS = Path(__file__).parents[1] / "contract" / "vectors"
LEGAL = {"decimal keeps its digits, date in the annex's form", "large decimal is not rounded", "wrong check digit"}


@dataclass(frozen=True)
class Played:
    code: int
    said: str

    @property
    def last(self) -> str:
        return self.said.splitlines()[-1]

    @property
    def failed(self) -> set[str]:
        return {line[2:] for line in self.said.splitlines() if line.startswith("✗ ")}


def command(file: Path, url: str | None = None, profile: Path | None = None) -> list[str]:
    made = [sys.executable, "-m", "tests.vectors", "--file", str(file)]
    made += ["--url", url] if url else []
    return made + (["--profile", str(profile)] if profile else [])


def play(file: Path, url: str | None = None, profile: Path | None = None) -> Played:
    done = subprocess.run(command(file, url, profile), capture_output=True, text=True, timeout=240, check=False)
    return Played(done.returncode, done.stdout + done.stderr)


@pytest.fixture
def profile(system: System) -> Path:
    return system.folder / "profile.json"


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """One table, one service, one grant and three cases of the golden file."""
    told: dict[str, Any] = json.loads((VECTORS / "gateway.json").read_text(encoding="utf-8"))
    fixture = told["fixture"]
    fixture["tables"] = {"legal": fixture["tables"]["legal"]}
    fixture["services"] = [one for one in fixture["services"] if one["service"] == "legal"]
    fixture["grants"] = [one for one in fixture["grants"] if (one["service"], one["unit"]) == ("legal", "A")]
    told["cases"] = [case for case in told["cases"] if case["name"] in LEGAL]
    assert len(told["cases"]) == len(LEGAL)
    path = tmp_path / "small.json"
    path.write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
    return path


@pytest.fixture
def nothing_left(system: System) -> Iterator[None]:
    """Whatever a run entered, its units, accounts and services are out of use afterwards."""
    yield
    account, password = system.profile.account, system.profile.password
    assert account is not None
    assert password is not None
    with Session(system.profile, account, password) as admin:
        units = [unit for unit in admin.get("registry", "/units") if unit["code"].startswith("vec-")]
        entries = [one for one in admin.get("catalog", "/entries", limit=200) if one["provider"].startswith("vec-")]
        services = [one for e in entries for one in admin.get("catalog", f"/entries/{e['code']}/services")]
        guests = [one for one in admin.get("registry", "/units/dsjzx/accounts") if one["name"].startswith("vec-")]
    assert units
    assert {unit["state"] for unit in units} == {"withdrawn"}
    assert {entry["state"] for entry in entries} <= {"withdrawn"}
    assert {service["state"] for service in services} <= {"withdrawn"}
    assert not any(guest["enabled"] for guest in guests)


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("name", ["gateway.json", "features.json"])
def test_every_golden_case_is_answered_as_the_protocol_says(system: System, profile: Path, name: str) -> None:
    cases = json.loads((VECTORS / name).read_text(encoding="utf-8"))["cases"]
    done = play(VECTORS / name, system.profile.gateway, profile)

    assert done.last == f"{len(cases)} passed, 0 failed", done.said
    assert done.code == 0


@pytest.mark.usefixtures("nothing_left")
def test_a_gateway_that_rounds_is_found_by_the_cases_concerned(system: System, profile: Path, small: Path) -> None:
    """A proxy that reads and writes the JSON as floats, as careless software does."""
    with Proxy(system.profile.gateway, Lie("POST", "/legal-r[0-9a-f]{6}", lambda answer: answer)) as proxy:
        done = play(small, proxy.url, profile)

    assert (done.code, done.last) == (1, "1 passed, 2 failed"), done.said
    assert done.failed == LEGAL - {"wrong check digit"}
    assert "12345678901234.568" in done.said


@pytest.mark.usefixtures("nothing_left")
def test_without_the_loaders_address_rows_come_in_as_a_file(
    system: System, profile: Path, small: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "profile.json"
    shutil.copy2(profile, elsewhere)
    done = play(small, system.profile.gateway, elsewhere)

    assert (done.code, done.last) == (0, "3 passed, 0 failed"), done.said
    assert "以文件上传" in done.said


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_is_stopped_midway_withdraws_what_was_entered(
    system: System, profile: Path, small: Path, number: signal.Signals
) -> None:
    process = subprocess.Popen(
        command(small, system.profile.gateway, profile), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    with process:
        assert process.stdout is not None
        said = next(line for line in process.stdout if "申请、审核" in line)
        os.kill(process.pid, number)
        said += process.stdout.read()
        code = process.wait(timeout=60)

    assert code == 130, said
    assert "passed" not in said
    assert "未能撤销" not in said


def test_a_good_file_with_a_profile_that_is_none_is_not_played(system: System, small: Path, tmp_path: Path) -> None:
    done = play(small, system.profile.gateway, tmp_path / "none.json")

    assert done.code == 3
    assert "未能播放" in done.said


def test_what_the_catalogue_refuses_is_a_bad_file(system: System, profile: Path, small: Path) -> None:
    told = json.loads(small.read_text(encoding="utf-8"))
    told["fixture"]["tables"]["legal"]["items"][1]["code"] = "a__b"
    for row in told["fixture"]["tables"]["legal"]["rows"]:
        row["a__b"] = row.pop("corp_name")
    told["fixture"]["grants"][0]["items"] = ["uni_sc_id"]
    small.write_text(json.dumps(told), encoding="utf-8")
    done = play(small, system.profile.gateway, profile)

    assert done.code == 2, done.said
    assert "样例文件有误" in done.said


@pytest.mark.slow
def test_without_an_address_the_cases_are_played_in_an_exchange_of_their_own(small: Path) -> None:
    done = play(small)

    assert (done.code, done.last) == (0, "3 passed, 0 failed"), done.said
