"""The cache: where it lies, one writer at a time, and a clear word when the disk is full."""

import threading
from pathlib import Path

import pytest

from stack.cache import GIB, cache_folder, locked, require_free
from stack.errors import NoSpace


def test_the_cache_is_the_own_variable_else_xdg_else_the_home(monkeypatch):
    monkeypatch.setenv("HOME", "/home/li")
    assert cache_folder({"SHUQIAO_CACHE": "/c", "XDG_CACHE_HOME": "/x"}) == Path("/c")
    assert cache_folder({"SHUQIAO_CACHE": "", "XDG_CACHE_HOME": "/x"}) == Path("/x/shuqiao")
    assert cache_folder({"XDG_CACHE_HOME": "relative"}) == Path("/home/li/.cache/shuqiao")
    assert cache_folder({}) == Path("/home/li/.cache/shuqiao")


def test_a_relative_cache_is_made_absolute(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert cache_folder({"SHUQIAO_CACHE": "c"}) == tmp_path / "c"


def test_two_first_runs_do_the_work_once_and_one_after_the_other(tmp_path):
    inside = threading.Semaphore(1)
    waited = threading.Event()
    made: list[str] = []

    def first_run(name):
        with locked(tmp_path / "deep" / "x.lock", on_wait=waited.set):
            assert inside.acquire(blocking=False)
            if not made:
                made.append(name)
                assert waited.wait(10)  # the other has come, and stands outside
            inside.release()

    runs = [threading.Thread(target=first_run, args=(name,)) for name in ("a", "b")]
    for run in runs:
        run.start()
    for run in runs:
        run.join(20)
    assert len(made) == 1
    assert waited.is_set()


def test_too_little_disk_is_refused_with_the_amount_and_the_way_out(tmp_path):
    with pytest.raises(NoSpace) as refused:
        require_free(tmp_path, 10**9 * GIB, "MinIO")
    assert refused.value.code == "no-space"
    for text in (refused.value.zh, refused.value.en):
        assert str(tmp_path) in text
        assert "GiB" in text
        assert "SHUQIAO_CACHE" in text
    require_free(tmp_path, 1, "MinIO")
