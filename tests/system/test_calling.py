"""Every example of docs/calling.md, run against the whole exchange: what it prints is what the page says."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from rich.console import Console

from demo import accounts, playing
from demo.accounts import Demonstration
from demo.story import Story
from demo.system import System
from shuqiao import Gateway, Session, SigningKey
from shuqiao import profile as profiles
from tests.support.java_compiler import compiled
from tests.support.waiting import until
from tests.system.test_provider_source import published
from tests.system.test_write_source import active, granted

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "calling.md").read_text(encoding="utf-8")
CHECK, SIGNED, WRITE = "assistance-check", "assistance-signed", "residents-write"
MARK = "=== example ==="


@dataclass(frozen=True)
class Example:
    language: str
    text: str
    output: str | None
    """What the page says that it prints; None where it says nothing."""


def examples() -> list[Example]:
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert all(language in {"sh", "python", "output"} for language, _ in blocks), "every block of the page is run"
    following = [*blocks[1:], ("", "")]
    return [
        Example(language, text, after[1] if after[0] == "output" else None)
        for (language, text), after in zip(blocks, following, strict=True)
        if language != "output"
    ]


COMMANDS = [one for one in examples() if one.language == "sh" and not one.text.startswith("java ")]
KEY_MAKING = [one for one in COMMANDS if "key make" in one.text]
SHELL = [one for one in COMMANDS if one not in KEY_MAKING]
PYTHON = [one for one in examples() if one.language == "python"]
JAVA = [one for one in examples() if one.text.startswith("java ")]


@dataclass(frozen=True)
class Desk:
    """Where a department's developer sits: a folder with the profile and keys that `make run` writes."""

    folder: Path
    env: dict[str, str] = field(repr=False)

    def run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command, cwd=self.folder, env=self.env, capture_output=True, encoding="utf-8", timeout=120, check=False
        )


@pytest.fixture(scope="module")
def desk(system: System, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """The demonstration, with a verification service beside it."""
    story = Story(system.profile, system.held, "")
    done = playing.play(story.steps(), Console(quiet=True))
    assert [(step.name, step.evidence) for step in done if not step.ok] == []
    check_key = verification(story, CHECK, {})
    signed_key = verification(story, SIGNED, {"demand_signature": True})
    provider_key, write_key = writing(story)
    passwords = {"jyj.admin": system.held.passwords["jyj.admin"]}
    held = Demonstration(
        passwords=passwords, keys={"unitKey": story.unit_key, "methodKey": story.method_keys["streets"]}
    )
    folder = tmp_path_factory.mktemp("desk")
    (folder / ".run").mkdir()
    profiles.save(system.profile, folder / ".run" / "profile.json")
    accounts.save(held, folder / ".run" / "demonstration.json")
    (folder / ".venv").symlink_to(sys.prefix)
    env = {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "HOME": str(folder),
        "SHUQIAO_GATEWAY": system.profile.gateway,
        "SHUQIAO_UNIT_KEY": story.unit_key,
        "SHUQIAO_METHOD_KEY": story.method_keys["streets"],
        "SHUQIAO_CHECK_KEY": check_key,
        "SHUQIAO_SIGNED_KEY": signed_key,
        "SHUQIAO_PROVIDER_KEY": provider_key,
        "SHUQIAO_WRITE_KEY": write_key,
    }
    made = Desk(folder, env)
    for one in KEY_MAKING:
        done = made.run("bash", "-eu", "-o", "pipefail", "-c", one.text)
        assert done.returncode == 0, done.stderr
    yield made
    story.close()


def verification(story: Story, code: str, terms: dict[str, bool]) -> str:
    """A service that verifies name and amount by the identity number, granted to 区教育局; the grant's key."""
    cast = story._cast
    content = {"name": "救助对象核验", "mode": "verify", "identity": ["ZJHM"], "claims": ["XM", "amount"]}
    body = {"code": code, "entry": story.entry_of("assistance"), "content": content}
    cast.as_("mzj.bianzhi").post("catalog", "/services", body)
    cast.as_("mzj.fabu").put("catalog", f"/services/{code}/state", {"state": "active"})
    asked = story._apply("jyj.shenqing", "assistance", code, ["XM", "amount"], "核验资助申请")
    number = asked["number"]
    cast.as_("mzj.shenhe").post("sharing", f"/applications/{number}/opinions", {"agree": True})
    decision = {"approve": True, "terms": terms}
    cast.as_("dsjzx.shenhe").post("sharing", f"/applications/{number}/decision", decision)
    applicant = cast.as_("jyj.shenqing")
    grant = next(g for g in applicant.get("sharing", "/grants", limit=1000) if g["service"] == code)
    key: str = applicant.post("sharing", f"/grants/{grant['id']}/keys")["methodKey"]

    def in_force() -> bool:
        with Gateway(story._profile.gateway, story.unit_key) as gateway:
            found = gateway.call(code, key, {"ZJHM": "990105190002020010", "XM": "示例乙"})
            # A demand that this caller does not meet is in force as well.
            return found.code == ("203" if terms else "1")

    until(in_force)
    return key


def writing(story: Story) -> tuple[str, str]:
    """A write service of 区民政局 and its two keys, known to the gateway."""
    cast = story._cast
    entry = published(cast)
    active(cast, entry, WRITE, source="write")
    method_key = granted(cast, "mzj.shenqing", entry, WRITE)
    unit_key: str = cast.as_("mzj.admin").post("registry", "/units/mzj/keys")["unitKey"]
    with Gateway(story._profile.gateway, unit_key) as gateway:
        # No rows are bad rows: known by a refusal that says so.
        until(lambda: gateway.push(WRITE, method_key, [{}]).code == "206")
    return unit_key, method_key


def test_the_page_has_examples_of_each_kind():
    assert (len(SHELL) >= 6, len(PYTHON) >= 4, len(JAVA), len(KEY_MAKING)) == (True, True, 1, 1)


def test_the_commands_print_what_the_page_says(desk: Desk):
    assert shutil.which("curl") is not None, "the page's first examples need curl (Debian: apt-get install curl)"
    script = "set -eu -o pipefail\n" + "".join(f"{one.text}\nprintf '\\n%s\\n' '{MARK}'\n" for one in SHELL)
    env = {name: value for name, value in desk.env.items() if not name.startswith("SHUQIAO_")}
    done = Desk(desk.folder, env).run("bash", "-c", script)

    assert done.returncode == 0, done.stderr
    printed = done.stdout.split(MARK)[:-1]
    assert len(printed) == len(SHELL)
    for one, shown in zip(SHELL, printed, strict=True):
        assert lines(shown) == lines(one.output or ""), one.text
    assert (desk.folder / "keys.headers").stat().st_mode & 0o077 == 0


def lines(text: str) -> list[str]:
    """The lines of an output; curl ends an answer without one, and so the next begins on the same."""
    return [line for line in re.sub(r"(?<=[}>])(?=<RESULT>|\{\"SUCCESS)", "\n", text).splitlines() if line]


@pytest.mark.parametrize("place", range(len(PYTHON)))
def test_the_programs_in_python_print_what_the_page_says(desk: Desk, place: int):
    one = PYTHON[place]
    done = desk.run(sys.executable, "-c", one.text)
    assert (done.returncode, done.stderr) == (0, "")
    assert one.output is not None
    assert done.stdout == one.output


def test_the_program_in_java_prints_what_the_page_says(desk: Desk, tmp_path: Path):
    (one,) = JAVA
    _, source, *arguments = one.text.split()
    done = compiled(ROOT / source, tmp_path).run(*arguments, env=desk.env)
    assert (done.returncode, done.stdout) == (0, one.output), done.stderr
    assert done.stderr.startswith("trace_id ")


def test_what_the_register_takes_back_is_no_proof_any_more(desk: Desk, system: System):
    """REQ-G3, through register, broker and gateway: a signed call is answered until its key is withdrawn."""
    key = SigningKey.load(desk.folder / "jyj.pem")
    person = {"ZJHM": "990105190002020010", "XM": "示例乙"}
    passwords = system.held.passwords

    def code(sign_with: SigningKey | None) -> str:
        with Gateway(system.profile.gateway, desk.env["SHUQIAO_UNIT_KEY"], sign_with=sign_with) as gateway:
            return gateway.call(SIGNED, desk.env["SHUQIAO_SIGNED_KEY"], person).code

    assert (code(key), code(None), code(SigningKey.generate())) == ("1", "203", "203")
    with Session(system.profile, "jyj.admin", passwords["jyj.admin"]) as admin:
        admin.delete("registry", f"/units/jyj/signing-keys/{key.id}")
    until(lambda: code(key) == "203")
