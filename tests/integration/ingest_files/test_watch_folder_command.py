"""`python -m ingest_files watch-folder`: a process of its own, that ends when it is told to."""

import json
import os
import signal
import subprocess
import sys

from tests.support.annex_files import FILE, annex
from tests.support.waiting import until


def test_it_takes_files_until_it_is_told_to_stop(installation, tmp_path) -> None:
    box = tmp_path / "drop" / "mzj" / "307001-999999"
    box.mkdir(parents=True)
    (box / FILE).write_bytes(annex())
    env = {**os.environ, **installation.settings("ingest-files"), "INGEST_FILES_PORT": "0"}
    env["INGEST_FILES_REGISTRY_URL"] = "http://127.0.0.1:9"
    words = [sys.executable, "-m", "ingest_files", "watch-folder", "--root", str(tmp_path / "drop")]
    with subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as watcher:
        try:
            until(lambda: list(box.glob("refused/*.result.json")), within=30, what="a result")
        finally:
            watcher.send_signal(signal.SIGTERM)
        said = watcher.communicate(timeout=20)[0].decode()
    assert watcher.returncode == 0, said
    (result,) = box.glob("refused/*.result.json")
    # Nobody of this unit is known to this installation.
    assert json.loads(result.read_text())["reason"] == "unit-not-active"
    assert installation.settings("ingest-files")["INGEST_FILES_S3_SECRET_KEY"] not in said


def test_a_folder_that_is_not_there_is_told(tmp_path) -> None:
    words = [sys.executable, "-m", "ingest_files", "watch-folder", "--root", str(tmp_path / "none")]
    done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=30)
    assert (done.returncode, "is no folder" in done.stderr) == (2, True)
