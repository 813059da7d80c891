"""A drop folder: files taken when whole, once, never lost; names and links of strangers never followed (IN-X3)."""

import asyncio
import json
import os
import socket
from dataclasses import replace

import pytest

from common.events import FileReceived, UnitState
from common.roles import Role
from ingest_files import folder as folders
from ingest_files.domain.limits import Limits
from ingest_files.folder import Folder
from tests.support.annex_files import FILE, ROWS, annex


@pytest.fixture
def root(tmp_path):
    return tmp_path / "drop"


@pytest.fixture
def box(ingest, root):
    """The unit's folder of its entry."""
    made = root / "mzj" / ingest.entry
    made.mkdir(parents=True)
    return made


@pytest.fixture
def folder(ingest, root, box):
    return Folder(ingest.desk, root)


async def looked(folder, times=3):
    return sum([await folder.look() for _ in range(times)])


async def ended(ingest, folder):
    """Let the service take what was handed in, and the folder end it."""
    for told in await ingest.running.told(FileReceived):
        await ingest.running.hear(told.event, event_id=told.meta.id)
    await folder.look()


def lying(box):
    """Everything in a box, but for folders."""
    return sorted(str(path.relative_to(box)) for path in box.rglob("*") if not path.is_dir())


async def test_a_whole_file_becomes_an_upload_and_ends_in_done_with_its_result_beside_it(ingest, folder, box):
    (box / FILE).write_bytes(annex())
    assert await looked(folder) == 1
    (told,) = await ingest.running.told(FileReceived)
    upload = str(told.event.upload)
    assert lying(box) == [f".taken/{upload}/{FILE}"]
    held = await ingest.upload(upload)
    assert (held["state"], held["name"], held["uploaded_by"], held["provider"]) == ("received", FILE, "folder", "mzj")
    await ended(ingest, folder)
    assert lying(box) == [f"done/{upload}.result.json", f"done/{upload}/{FILE}"]
    assert (box / "done" / upload / FILE).read_bytes() == annex()
    result = json.loads((box / "done" / f"{upload}.result.json").read_text())
    assert (result["state"], result["rows"], result["findings"]) == ("loaded", 3, [])
    assert await looked(folder) == 0
    assert len(await ingest.running.told(FileReceived)) == 1


async def test_the_folder_below_says_in_which_way_a_file_goes(ingest, folder, box):
    body = {"ways": ["replace", "append"]}
    await ingest.as_("mzj", Role.PUBLISHER).put(f"/entries/{ingest.entry}/loading", body)
    (box / FILE).write_bytes(annex(ROWS[:1]))
    await looked(folder)
    await ended(ingest, folder)
    for way in ("append", "upsert", "anything"):
        (box / way).mkdir()
        (box / way / FILE).write_bytes(annex(ROWS[1:]))
    assert await looked(folder) == 2
    await ended(ingest, folder)
    assert len(await ingest.store.rows(ingest.resource)) == 3
    (done,) = (box / "append" / "done").glob("*.result.json")
    assert json.loads(done.read_text())["rows"] == 2
    # A way that the resource does not allow is told beside the file; a folder of another name is nobody's.
    (refused,) = (box / "upsert" / "refused").glob("*.result.json")
    assert json.loads(refused.read_text())["reason"] == "way-unfit"
    assert lying(box / "anything") == [FILE]


async def test_a_link_that_is_named_as_a_way_is_not_followed(ingest, folder, box, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / FILE).write_bytes(annex())
    (box / "append").symlink_to(tmp_path / "elsewhere")
    assert await looked(folder) == 0
    assert lying(tmp_path / "elsewhere") == [FILE]


async def test_a_bad_file_ends_in_refused_with_every_finding(ingest, folder, box):
    (box / FILE).write_bytes(b"<html>")
    await looked(folder)
    await ended(ingest, folder)
    (result,) = (box / "refused").glob("*.result.json")
    told = json.loads(result.read_text())
    assert (told["state"], told["reason"].partition(":")[0]) == ("rejected", "unreadable")
    assert told["message"]


async def test_a_file_that_still_grows_is_left_alone_until_it_is_whole(ingest, folder, box):
    path = box / FILE
    for size in range(1, 5):
        path.write_bytes(annex()[: size * 100])
        os.utime(path, ns=(size, size))
        assert await folder.look() == 0
    path.write_bytes(annex())
    assert await looked(folder) == 1
    await ended(ingest, folder)
    assert len(list((box / "done").glob("*.result.json"))) == 1


@pytest.mark.parametrize("name", [".x.xls", "~$x.xls", "x.xls.part", "x.tmp", "x.xls.CRDOWNLOAD", "x.xls~"])
async def test_what_programs_are_still_writing_is_left_alone(ingest, folder, box, name):
    (box / name).write_bytes(annex())
    assert await looked(folder) == 0
    (box / name).rename(box / FILE)
    assert await looked(folder) == 1


@pytest.mark.parametrize(
    "name",
    [b"a\nb.xls", b"\xff\xfe.xls", "\u202eslx.x".encode(), b"<script>.xls", b"-rf", b"%00.xls", b"x" * 255, b"*?.xls"],
)
async def test_any_name_is_data(ingest, folder, box, name):
    (box / os.fsdecode(name)).write_bytes(annex())
    assert await looked(folder) == 1
    (told,) = await ingest.running.told(FileReceived)
    assert told.event.object_key == f"mzj/{ingest.entry}/{told.event.upload}"
    await ended(ingest, folder)
    (kept,) = (box / "refused" / str(told.event.upload)).iterdir()
    assert os.fsencode(kept.name) == name


async def test_links_pipes_and_sockets_are_never_read(ingest, folder, box, tmp_path):
    secret = tmp_path / "secret.xls"
    secret.write_bytes(annex())
    (box / FILE).symlink_to(secret)
    os.mkfifo(box / "pipe.xls")
    with socket.socket(socket.AF_UNIX) as line:
        line.bind(str(box / "s.xls"))
        assert await looked(folder) == 0
    assert await ingest.running.told(FileReceived) == []
    assert secret.exists()


async def test_a_folder_that_was_replaced_by_a_link_is_not_followed(ingest, folder, box, root, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / FILE).write_bytes(annex())
    (root / "jyj").symlink_to(root / "mzj")
    (root / "mzj" / "307001-999999").symlink_to(other)
    (box / "done").symlink_to(other)
    (box / FILE).write_bytes(annex())
    assert await looked(folder) == 1
    await ended(ingest, folder)
    assert sorted(path.name for path in other.iterdir()) == [FILE]
    # Its result waits until the folder is one again; nothing was lost.
    (box / "done").unlink()
    await folder.look()
    assert len(list((box / "done").glob("*.result.json"))) == 1


@pytest.mark.parametrize("where", ["", "mzj", "mzj/not-an-entry", "Mzj/307001-000001", "..x/307001-000001"])
async def test_what_lies_in_no_units_folder_of_an_entry_is_nobodys(ingest, folder, root, where):
    (root / where).mkdir(parents=True, exist_ok=True)
    (root / where / FILE).write_bytes(annex())
    assert await looked(folder) == 0
    assert (root / where / FILE).exists()


async def test_a_file_for_what_the_unit_does_not_provide_is_refused_with_the_reason(ingest, folder, root):
    box = root / "mzj" / "307001-999999"
    box.mkdir()
    (box / FILE).write_bytes(annex())
    assert await looked(folder) == 1
    (result,) = (box / "refused").glob("*.result.json")
    assert json.loads(result.read_text())["reason"] == "entry-unknown"
    assert await ingest.running.told(FileReceived) == []


async def test_a_suspended_unit_an_empty_file_and_one_too_large_are_refused(ingest, folder, box):
    (box / "empty.xls").write_bytes(b"")
    with (box / "large.xls").open("wb") as file:
        file.truncate(folders.MAX_BYTES + 1)
    await looked(folder)
    await ingest.suspend("mzj", UnitState.SUSPENDED)
    (box / FILE).write_bytes(annex())
    await looked(folder)
    told = [json.loads(path.read_text())["reason"] for path in (box / "refused").glob("*.result.json")]
    assert sorted(told) == ["file-too-large", "not-uploaded", "unit-not-active"]


async def test_a_unit_that_has_brought_too_much_waits_and_nothing_is_lost(ingest, folder, box):
    """IN-X23: another look, later, takes it."""
    names = [f"街道信息-2023063{n}.xls" for n in range(3)]
    for name in names:
        (box / name).write_bytes(annex())
    folder.desk = _limited(ingest, Limits(waiting=1))
    assert await looked(folder) == 1
    assert sorted(path.name for path in box.glob("*.xls")) == names[1:]
    folder.desk = _limited(ingest, Limits())
    assert await looked(folder) == 2


def _limited(ingest, limits):
    return replace(ingest.desk, limits=limits)


async def played(ingest, folder):
    for _ in range(3):
        await folder.look()
        await ended(ingest, folder)


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize(
    ("what", "before"),
    [("rename", False), ("rename", True), ("put", True), ("put", False), ("register", True), ("replace", True)],
)
async def test_a_watcher_killed_at_any_step_loses_nothing_and_takes_nothing_twice(
    ingest, folder, box, root, monkeypatch, what, before
):
    (box / FILE).write_bytes(annex())
    await folder.look()

    def deadly(real):
        def call(*given, **more):
            if before:
                raise Killed
            real(*given, **more)
            raise Killed

        return call

    def deadly_async(real):
        async def call(*given, **more):
            if not before:
                await real(*given, **more)
            raise Killed

        return call

    with monkeypatch.context() as patch:
        match what:
            case "rename" | "replace":
                patch.setattr(folders.os, what, deadly(getattr(os, what)))
            case "put":
                patch.setattr(type(ingest.desk.blobs), "put", deadly_async(type(ingest.desk.blobs).put))
            case _:
                patch.setattr(folders.store, "save_upload", deadly_async(folders.store.save_upload))
        with pytest.raises(Killed):
            await played(ingest, folder)
    await played(ingest, Folder(ingest.desk, root))
    assert len(list((box / "done").glob("*.result.json"))) == 1
    assert len(list((box / "done").glob(f"*/{FILE}"))) == 1
    assert len(await ingest.running.told(FileReceived)) == 1
    assert not list(box.glob("*.xls"))


async def test_two_watchers_take_a_file_once(ingest, folder, box, root):
    other = Folder(ingest.desk, root)
    for number in range(5):
        (box / f"街道信息-2023063{number}.xls").write_bytes(annex())
    await folder.look()
    await other.look()
    for _ in range(3):
        await asyncio.gather(folder.look(), other.look())
    assert len(await ingest.running.told(FileReceived)) == 5
