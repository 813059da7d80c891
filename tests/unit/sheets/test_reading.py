"""The child and its parent: whatever happens to the child, the caller gets a workbook or `Unreadable` (PIT-X1, X2)."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from sheets import reading, wire
from sheets.cells import Network
from sheets.errors import Reason, Unreadable
from sheets.limits import MIB, STRICT, Limits
from sheets.reading import read, read_async
from tests.support import hostile_sheets as hostile
from tests.support import sheet_files as files

ALLOWED_GROWTH = 20 * MIB
"""Of the caller's memory over a hostile file (architecture: ± 20 MB)."""


def sound() -> bytes:
    return files.xls(files.annex_rows(3))


def refused(source: Path | bytes, limits: Limits = STRICT) -> Reason:
    with pytest.raises(Unreadable) as refusal:
        read(source, limits=limits)
    return refusal.value.reason


def program(monkeypatch, code: str) -> None:
    """Put a program of ours in the child's place."""
    monkeypatch.setattr(reading, "_command", lambda limits: [sys.executable, "-I", "-c", code])


HOSTILE = {
    "far-cell": (lambda: hostile.far_cell("XFD1048576"), Reason.ROW_TOO_FAR),
    "tall": (lambda: hostile.far_cell("A1048576"), Reason.ROW_TOO_FAR),
    "string-count": (lambda: hostile.lying_string_count(4_000_000_000), Reason.SHARED_STRINGS),
    "string-index": (lambda: hostile.lying_string_count(1, index=7), Reason.DAMAGED),
    "bomb": (hostile.zip_bomb, Reason.ZIP_INFLATED),
    "lying-bomb": (hostile.lying_zip_bomb, Reason.ZIP_RATIO),
    "amplified-text": (lambda: hostile.repeated_long_string(40_000), Reason.CHILD_MEMORY),
    "entities": (hostile.billion_laughs, Reason.XML_ENTITIES),
    "difat": (hostile.huge_difat, Reason.DAMAGED),
    "fat-loop": (hostile.fat_loop, Reason.DAMAGED),
    "unclosed": (lambda: files.small_xlsx('<row r="1"><c r="A1"><v>1</v></row>'), Reason.DAMAGED),
    "html": (lambda: b"<html><table><tr><td>1</td></tr></table></html>", Reason.NOT_A_SPREADSHEET),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_and_the_next_file_is_fine(name):
    make, reason = HOSTILE[name]
    data = make()
    me = psutil.Process()
    # The servers of other tests are children of this process too.
    others = set(me.children())
    read(sound())
    before = me.memory_info().rss
    # Each has a reason of its own, never that its time was up: measured 0.06 to 0.5 s.
    assert refused(data) is reason
    assert abs(me.memory_info().rss - before) < ALLOWED_GROWTH
    assert len(read(sound()).sheets[0].rows) == 4
    assert set(me.children()) <= others


async def test_many_files_are_read_side_by_side_and_each_ends_as_it_should():
    sources = [sound(), hostile.far_cell("XFD1048576"), files.xlsx(files.annex_rows(2)), hostile.fat_loop()]
    ended = await asyncio.gather(*(read_async(source) for source in sources), return_exceptions=True)
    assert [getattr(end, "code", None) or len(end.sheets[0].rows) for end in ended] == [4, "row-too-far", 3, "damaged"]


def test_a_file_is_read_from_its_path(tmp_path):
    path = tmp_path / "../x.exe"
    path.write_bytes(sound())
    assert read(path) == read(sound())


def test_only_a_regular_file_of_the_right_size_reaches_the_child(tmp_path, monkeypatch):
    program(monkeypatch, "raise SystemExit(9)")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty.xls").touch()
    assert refused(tmp_path / "pipe") is Reason.NOT_A_FILE
    assert refused(tmp_path) is Reason.NOT_A_FILE
    assert refused(tmp_path / "empty.xls") is Reason.NOT_A_SPREADSHEET
    assert refused(b"") is Reason.NOT_A_SPREADSHEET
    assert refused(bytes(1_001), Limits(file_bytes=1_000)) is Reason.FILE_TOO_LARGE
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "nothing.xls")


def test_the_child_looks_at_the_size_again():
    # The file may have grown between the parent's look and the child's reading.
    ended = subprocess.run(
        reading._command(Limits(file_bytes=1_000)), input=bytes(1_001), capture_output=True, check=True, timeout=30
    )
    with pytest.raises(Unreadable) as refusal:
        wire.decode_answer(ended.stdout, STRICT)
    assert refusal.value.reason is Reason.FILE_TOO_LARGE


WAYS_TO_DIE = {
    "abort": ("import os; os.abort()", Reason.CHILD_CRASHED),
    "killed": ("import os; os.kill(os.getpid(), 9)", Reason.CHILD_CRASHED),
    "exception": ("raise RuntimeError", Reason.CHILD_CRASHED),
    "silence": ("pass", Reason.CHILD_CRASHED),
    "rubbish": ("print('rubbish')", Reason.CHILD_CRASHED),
    "no-memory": ("raise MemoryError", Reason.CHILD_MEMORY),
    "allocator": (
        "import os; os.write(2, b'memory allocation of 549755813888 bytes failed'); os.abort()",
        Reason.CHILD_MEMORY,
    ),
    "no-time": (
        "import resource as r; r.setrlimit(r.RLIMIT_CPU, (1, 2))\nwhile True: pass",
        Reason.CHILD_TIMEOUT,
    ),
    "noise": ("import sys; sys.stderr.write('x' * 10_000_000); raise SystemExit(3)", Reason.CHILD_CRASHED),
    "answer-then-death": ("import os; os.write(1, bytes.fromhex('9104')); os.abort()", Reason.CHILD_CRASHED),
}


@pytest.mark.parametrize("way", WAYS_TO_DIE)
async def test_any_death_of_the_child_is_a_refusal_with_its_code(way, monkeypatch):
    code, reason = WAYS_TO_DIE[way]
    program(monkeypatch, code)
    assert refused(sound()) is reason
    with pytest.raises(Unreadable) as refusal:
        await read_async(sound())
    assert refusal.value.reason is reason
    assert refusal.value.is_childs_death


@pytest.mark.parametrize("way", ["import time; time.sleep(60)", "import os, time; os.close(1); time.sleep(60)"])
async def test_a_child_that_hangs_is_killed_at_the_wall(way, monkeypatch):
    program(monkeypatch, way)
    limits = Limits(wall_seconds=0.5)
    others = set(psutil.Process().children())
    assert refused(sound(), limits) is Reason.CHILD_TIMEOUT
    with pytest.raises(Unreadable) as refusal:
        await read_async(sound(), limits=limits)
    assert refusal.value.reason is Reason.CHILD_TIMEOUT
    assert set(psutil.Process().children()) <= others


def test_a_childs_own_children_are_killed_with_it(monkeypatch, tmp_path):
    note = tmp_path / "pid"
    code = f"import os, time; pid = os.fork(); pid and open({str(note)!r}, 'w').write(str(pid)); time.sleep(60)"
    program(monkeypatch, code)
    assert refused(sound(), Limits(wall_seconds=1)) is Reason.CHILD_TIMEOUT
    orphan = int(note.read_text())
    deadline = time.monotonic() + 10
    while psutil.pid_exists(orphan) and psutil.Process(orphan).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline


async def test_a_flood_of_an_answer_is_cut_off(monkeypatch):
    program(monkeypatch, "import os\nwhile True: os.write(1, bytes(65536))")
    limits = Limits(answer_bytes=1_000_000)
    before = psutil.Process().memory_info().rss
    assert refused(sound(), limits) is Reason.CHILD_CRASHED
    with pytest.raises(Unreadable):
        await read_async(sound(), limits=limits)
    assert psutil.Process().memory_info().rss - before < ALLOWED_GROWTH


def test_an_answer_that_would_be_too_large_is_a_refusal_of_the_file():
    assert refused(files.xls(files.annex_rows(2_000)), Limits(answer_bytes=10_000)) is Reason.ANSWER_TOO_LARGE


def test_a_child_that_cannot_be_started_is_a_refusal(monkeypatch):
    monkeypatch.setattr(reading, "_command", lambda limits: ["/nonexistent/python"])
    assert refused(sound()) is Reason.CHILD_NOT_STARTED


async def test_cancelling_kills_the_child(monkeypatch):
    program(monkeypatch, "import time; time.sleep(60)")
    me = psutil.Process()
    others = set(me.children())
    reads = asyncio.create_task(read_async(sound()))
    deadline = time.monotonic() + 10
    while set(me.children()) <= others:
        assert time.monotonic() < deadline
        await asyncio.sleep(0)
    reads.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reads
    assert set(me.children()) <= others


PROBE = """
import sys; sys.argv = ["child", {word!r}]
import json, os, resource, socket
from sheets import wire
from sheets.confinement import confine
limits = wire.decode_limits(sys.argv[1])
network = confine(limits)
def fails(action):
    try: action()
    except (OSError, MemoryError, ValueError): return True
    return False
def reach():
    with socket.socket() as s: s.settimeout(1); s.connect(("127.0.0.1", {port}))
def write():
    with open({path!r}, "wb") as f: f.write(b"x")
print(json.dumps(dict(
    environment=sorted(os.environ), network=network.value, cwd=os.getcwd(), session=os.getsid(0) == os.getpid(),
    memory=resource.getrlimit(resource.RLIMIT_AS), core=resource.getrlimit(resource.RLIMIT_CORE),
    reach=fails(reach), write=fails(write), allocate=fails(lambda: bytes(600 * 1024 * 1024)),
    open=fails(lambda: [open("/dev/null") for _ in range(20)]), parser="python_calamine" in sys.modules,
)))
"""


def test_the_child_has_limits_and_no_secrets_and_no_network(monkeypatch, tmp_path):
    import json
    import socket

    monkeypatch.setenv("SECRET_TOKEN", "x")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        code = PROBE.format(word=wire.encode_limits(STRICT), port=port, path=str(tmp_path / "x"))
        monkeypatch.setattr(reading, "_command", lambda limits: [sys.executable, "-I", "-c", code])
        with reading._opened(sound(), STRICT) as file:
            ended = reading._run(file, STRICT)
    assert ended.status == 0, ended.complaint
    seen = json.loads(ended.answer)
    assert "SECRET_TOKEN" not in seen["environment"]
    assert set(seen["environment"]) <= {"LC_CTYPE"}  # set by Python itself
    assert (seen["cwd"], seen["session"], seen["core"]) == ("/", True, [0, 0])
    assert seen["memory"] == [512 * MIB, 512 * MIB]
    assert seen["write"]
    assert seen["allocate"]
    assert seen["open"]
    assert not seen["parser"]  # nothing that parses is imported before the limits
    assert seen["reach"] == (seen["network"] != Network.NONE.value)


def test_the_answer_says_how_the_network_was_kept_away():
    assert read(sound()).network in set(Network)
