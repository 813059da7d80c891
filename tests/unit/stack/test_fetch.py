"""Preparing the servers: nothing half-made stays, nothing unexpected is started, and a failure says what to do."""

import hashlib
import os
import stat
from pathlib import Path
from typing import NamedTuple

import pytest

from stack.errors import FetchFailed, NoSpace
from stack.fetch import jars, maven, minio


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture
def registry(monkeypatch):
    """A registry of two jars; gives the calls made to it, and fails once for each error put in `errors`."""
    contents = {f"kafka_2.13-{jars.KAFKA_VERSION}.jar": b"kafka", "slf4j-api-1.jar": b"slf4j"}
    wanted = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}

    class Registry:
        def __init__(self):
            self.calls = []
            self.errors = []
            self.contents = contents

        def resolve(self, coordinates, folder, address, on_file):
            self.calls.append(address)
            if self.errors:
                raise self.errors.pop()
            folder.mkdir()
            for count, (name, content) in enumerate(self.contents.items(), start=1):
                (folder / name).write_bytes(content)
                on_file(count)
            return [folder / name for name in self.contents]

    made = Registry()
    monkeypatch.setattr(maven, "resolve", made.resolve)
    monkeypatch.setattr(jars, "expected", lambda: wanted)
    return made


def test_the_list_of_checksums_names_kafka_4_3_1_only_and_a_log():
    wanted = jars.expected()
    assert len(wanted) == 46
    ours = [name for name in wanted if name.startswith("kafka")]
    assert len(ours) > 10
    assert all("4.3.1" in name for name in ours)
    assert "log4j-slf4j-impl-2.25.4.jar" in wanted
    assert all(len(digest) == 64 for digest in wanted.values())


def test_jars_are_loaded_once(tmp_path, registry):
    first = jars.kafka_jars(tmp_path, {})
    assert jars.kafka_jars(tmp_path, {}) == first
    assert registry.calls == [None]
    assert [path.read_bytes() for path in first] == [b"kafka", b"slf4j"]
    assert not list(tmp_path.glob("kafka-part-*"))


def test_a_mirror_is_asked_if_one_is_named(tmp_path, registry):
    jars.kafka_jars(tmp_path, {"SHUQIAO_MAVEN_URL": "https://mirror.internal/maven"})
    assert registry.calls == ["https://mirror.internal/maven"]


@pytest.mark.parametrize("error", [ConnectionError("no route to host"), RuntimeError("not found")])
def test_without_network_the_error_names_proxy_and_mirror_and_nothing_is_left(tmp_path, registry, error):
    registry.errors.append(error)
    with pytest.raises(FetchFailed) as refused:
        jars.kafka_jars(tmp_path, {})
    assert refused.value.code == "fetch-failed"
    assert "SHUQIAO_MAVEN_URL" in refused.value.zh
    assert "HTTPS_PROXY" in refused.value.en
    assert [path.name for path in tmp_path.iterdir()] == ["kafka.lock"]
    assert len(jars.kafka_jars(tmp_path, {})) == 2  # the next run begins anew


def test_a_jar_with_other_bytes_is_not_used(tmp_path, registry):
    registry.contents = {**registry.contents, "slf4j-api-1.jar": b"something else"}
    with pytest.raises(FetchFailed, match=r"slf4j-api-1\.jar"):
        jars.kafka_jars(tmp_path, {})
    assert [path.name for path in tmp_path.iterdir()] == ["kafka.lock"]


def test_an_older_kafka_is_not_used_even_if_someone_lists_it(tmp_path):
    older = tmp_path / "kafka-clients-3.9.1.jar"
    older.write_bytes(b"older")
    with pytest.raises(FetchFailed, match=r"kafka-clients-3\.9\.1\.jar"):
        jars.verify([older], {older.name: hashlib.sha256(b"older").hexdigest()})


def test_the_remains_of_a_killed_run_are_removed(tmp_path, registry):
    (tmp_path / "kafka-part-old" / "m2").mkdir(parents=True)
    jars.kafka_jars(tmp_path, {})
    assert not (tmp_path / "kafka-part-old").exists()


def test_minio_is_not_built_on_a_full_disk(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(10**12, 10**12, 2 * 1024**3))
    with pytest.raises(NoSpace, match=r"3\.0 GiB"):
        minio.minio_program(tmp_path, {})
    assert [path.name for path in tmp_path.iterdir()] == ["minio.lock"]


def fake_go(folder: Path, script: str) -> Path:
    go = folder / "go"
    go.write_text("#!/bin/sh\n" + script)
    go.chmod(go.stat().st_mode | stat.S_IXUSR)
    return go


def test_a_built_minio_is_installed_under_its_version_and_the_rest_removed(tmp_path, monkeypatch):
    cache, bench = tmp_path / "cache", tmp_path / "bench"
    cache.mkdir()
    bench.mkdir()
    (cache / "minio-build-old").mkdir()
    go = fake_go(bench, 'echo "$@" > ' + str(bench / "said") + '; mkdir "$GOBIN"; echo binary > "$GOBIN/minio"')
    monkeypatch.setattr(minio, "_go", lambda: go)
    built = minio.minio_program(cache, dict(os.environ))
    assert built == cache / f"minio-{minio.MINIO_VERSION}" / "minio"
    assert os.access(built, os.X_OK)
    assert minio.MODULE in (bench / "said").read_text()
    assert not list(cache.glob("minio-build-*"))
    go.unlink()
    assert minio.minio_program(cache, {}) == built  # the second time nothing is run


def test_a_failed_build_shows_gos_last_words_and_leaves_nothing(tmp_path, monkeypatch):
    cache = tmp_path / "cache"
    cache.mkdir()
    monkeypatch.setattr(minio, "_go", lambda: fake_go(tmp_path, "echo dial tcp: i/o timeout >&2; exit 1"))
    with pytest.raises(FetchFailed, match="i/o timeout") as refused:
        minio.minio_program(cache, dict(os.environ))
    assert "GOPROXY" in refused.value.zh
    assert [path.name for path in cache.iterdir()] == ["minio.lock"]


def test_another_go_of_the_machine_does_not_lead_the_build_astray(monkeypatch):
    monkeypatch.setenv("HOME", "/home/li")
    environ = {
        "GOROOT": "/usr/local/go",
        "GOFLAGS": "-mod=vendor",
        "GOPROXY": "https://mirror.internal",
        "PATH": "/bin",
    }
    built = minio.build_environment(environ, Path("/b"))
    assert "GOROOT" not in built
    assert built["GOFLAGS"] == "-modcacherw"
    assert built["GOTOOLCHAIN"] == "local"
    assert built["GOPROXY"] == "https://mirror.internal"
    assert built["GOENV"] == "/home/li/.config/go/env"  # what the user has told Go stays in force


def test_the_build_writes_below_its_own_folder_only():
    built = minio.build_environment({"XDG_CONFIG_HOME": "/x"}, Path("/b"))
    places = ("GOPATH", "GOCACHE", "GOMODCACHE", "GOBIN", "GOTMPDIR", "XDG_CONFIG_HOME")
    assert all(built[name].startswith("/b/") for name in places)
    assert built["GOENV"] == "/x/go/env"
