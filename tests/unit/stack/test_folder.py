"""The run folder: one holder, passwords made once and for their owner only, logs that cannot fill the disk."""

import os
import socket
import stat
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.errors import AlreadyRunning, DataUnusable
from stack.folder import RunFolder
from stack.logfile import bound, open_log, tail


@pytest.fixture
def folder(tmp_path):
    made = RunFolder(tmp_path / "stack")
    made.make()
    return made


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_the_folder_and_its_passwords_are_for_their_owner_only(folder):
    folder.secrets()
    assert mode(folder.root) == 0o700
    assert mode(folder.secrets_file) == 0o600


def test_two_may_make_the_folder_at_once(tmp_path):
    run = RunFolder(tmp_path / "a" / "b" / "c")
    together = threading.Barrier(8)

    def make(_):
        together.wait(10)
        run.make()

    with ThreadPoolExecutor(8) as many:
        list(many.map(make, range(8)))
    assert mode(run.root) == 0o700


def test_passwords_are_made_once_and_differ_between_folders(folder, tmp_path):
    first = folder.secrets()
    assert folder.secrets() == first
    other = RunFolder(tmp_path / "other")
    other.make()
    assert other.secrets() != first
    assert first.kafka_password not in repr(first)


def test_data_without_their_passwords_are_refused_instead_of_overwritten(folder):
    folder.secrets()
    (folder.data / "postgres").mkdir()
    folder.secrets_file.unlink()
    with pytest.raises(DataUnusable) as refused:
        folder.secrets()
    assert str(folder.secrets_file) in refused.value.zh
    assert not folder.secrets_file.exists()


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"postgres_password": "x"}'])
def test_a_broken_password_file_is_refused(folder, text):
    folder.secrets_file.write_text(text)
    with pytest.raises(DataUnusable):
        folder.secrets()


def test_a_folder_has_one_holder_and_its_end_frees_it(folder):
    assert not folder.held()
    lock = folder.hold()
    assert folder.held()
    with pytest.raises(AlreadyRunning):
        folder.hold()
    os.close(lock)
    assert not folder.held()


def test_an_old_pid_file_names_nobody(folder):
    folder.pid_file.write_text(str(os.getpid()))  # a living process, but not a holder
    assert folder.pid() is None
    lock = folder.hold()
    assert folder.pid() == os.getpid()
    os.close(lock)


def test_waiting_for_the_holder_ends_with_it_or_with_the_time(folder):
    lock = folder.hold()
    assert not folder.wait_released(0.05)
    assert folder.wait_released(10, poll=lambda _: os.close(lock))


def test_the_control_socket_works_however_deep_the_folder_lies(tmp_path):
    folder = RunFolder(tmp_path / ("d" * 60) / ("e" * 60))  # beyond the 108 bytes of a socket's address
    folder.make()
    with folder.listen() as listener, socket.socket(socket.AF_UNIX) as caller, folder.socket_address() as address:
        caller.connect(address)
        taken, _ = listener.accept()
        taken.close()
    assert mode(folder.root / "control.sock") == 0o600


@given(st.lists(st.integers(0, 400), max_size=12))
def test_a_log_stays_within_its_limit_and_keeps_its_end(tmp_path_factory, sizes):
    path = tmp_path_factory.mktemp("logs") / "x.log"
    log = open_log(path)
    written = b""
    for number, size in enumerate(sizes):
        chunk = bytes([65 + number]) * size
        os.write(log, chunk)  # the writer knows nothing of the cutting
        written += chunk
        bound(path, limit=500)
        assert path.stat().st_size <= 500
    os.close(log)
    older = path.with_name("x.log.1")
    kept = (older.read_bytes() if older.exists() else b"") + path.read_bytes()
    assert written.endswith(kept)
    assert len(kept) >= min(len(written), 500)
    assert mode(path) == 0o600


def test_the_tail_begins_where_this_start_began(tmp_path):
    path = tmp_path / "x.log"
    assert tail(path) == ""
    path.write_text("of yesterday\n")
    before = path.stat().st_size
    with path.open("a") as log:
        log.write("地址已被占用\n")
    assert tail(path, before) == "地址已被占用"
