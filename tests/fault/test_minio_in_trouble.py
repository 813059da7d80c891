"""FAULT-33 to FAULT-35: the object store killed, silent or standing still while files come; and the sender killed.

Oracle: nothing half is registered, every file ends with exactly one result, and nobody else waits.
"""

import hashlib
import io
import socket
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import DEVNULL, Popen
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from minio import Minio

from shuqiao import Away, Gateway, Refused, Session, files, transfers
from tests.fault.conftest import Faulty
from tests.support.databases import query, value
from tests.support.waiting import until

pytestmark = pytest.mark.slow

PARTS = 6
FINAL = {"loaded", "rejected"}
STANDSTILL = 30.0
AT_ONCE = 40
SENDER = """
import sys
from pathlib import Path
from shuqiao import Session, files, profile
account, password, entry, path = sys.argv[1:]
with Session(profile.load(), account, password) as session:
    files.upload(session, entry, Path(path))
"""


@pytest.fixture
def provider(faulty: Faulty):
    with Session(faulty.system.profile, "mzj.fabu", faulty.system.held.passwords["mzj.fabu"]) as session:
        yield session


@pytest.fixture
def large(faulty: Faulty, provider: Session, tmp_path: Path) -> Iterator[Path]:
    """A file of several parts, unlike any other, for a resource that takes such files meanwhile."""
    loading = f"/entries/{faulty.story.entry_of('streets')}/loading"
    provider.put("ingest-files", loading, {"ways": ["replace"], "whole": True})
    made = tmp_path / "街道信息-20230630.csv"
    seed = uuid4().bytes
    made.write_bytes((hashlib.sha256(seed).digest() * 32 + b"\n") * (PARTS * transfers.LARGE // 1025))
    yield made
    provider.put("ingest-files", loading, {"ways": ["replace"]})


def results(faulty: Faulty, upload: str) -> int:
    """How often the end of an upload was told."""
    told = "select count(*) from outbox where topic in ('batch-ingested', 'batch-rejected') and payload like $1"
    return value(faulty.system, "ingest_files", told.replace("payload", "convert_from(payload, 'UTF8')"), f"%{upload}%")


def test_killed_while_parts_come_the_sender_goes_on_and_the_file_has_one_result(faulty, provider, large) -> None:
    control, killed = faulty.system.control, threading.Event()

    def kill() -> None:
        control.kill("minio")
        control.start("minio")

    killers: list[threading.Thread] = []

    def sent(done: int, _of: int) -> None:
        if done > transfers.LARGE and not killed.is_set():
            killed.set()
            killers.append(threading.Thread(target=kill))
            killers[0].start()

    found = files.upload(provider, faulty.story.entry_of("streets"), large, sent=sent)
    killers[0].join(60)
    assert killed.is_set()
    assert found["state"] in FINAL
    assert (found["size"], results(faulty, found["id"])) == (large.stat().st_size, 1)


def test_killed_within_a_put_nothing_half_is_registered(faulty, provider) -> None:
    """FAULT-33, byte by byte: half of a posted form lies in the store's buffers when it dies."""
    entry = faulty.story.entry_of("streets")
    data = b"x" * 1_000_000
    begun = provider.post("ingest-files", "/uploads", {"entry": entry, "name": "a-20230630.csv", "size": len(data)})
    upload = begun["upload"]["id"]
    at = urlsplit(begun["url"])
    lines = [
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'
        for name, text in begun["fields"].items()
    ]
    body = "".join(lines).encode() + b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n' + data
    head = (
        f"POST {at.path} HTTP/1.1\r\nHost: {at.netloc}\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        f"Content-Length: {len(body) + 9}\r\n\r\n"
    )
    with socket.create_connection((at.hostname, at.port), 10) as line:
        line.sendall(head.encode() + body[: len(body) // 2])
        faulty.system.control.kill("minio")
    faulty.system.control.start("minio")
    with pytest.raises(Refused) as refused:
        provider.post("ingest-files", f"/uploads/{upload}/completion")
    assert refused.value.code == "not-uploaded"
    files.post(begun["url"], begun["fields"], data)
    provider.post("ingest-files", f"/uploads/{upload}/completion")
    assert files.result(provider, upload)["state"] in FINAL
    until(lambda: results(faulty, upload) == 1, what="one result")


def test_a_sender_killed_in_the_middle_goes_on_when_it_is_started_again(faulty, provider, large, tmp_path) -> None:
    system, entry = faulty.system, faulty.story.entry_of("streets")
    words = [sys.executable, "-c", SENDER, "mzj.fabu", system.held.passwords["mzj.fabu"], entry, str(large)]
    sender = Popen(words, stdout=DEVNULL, stderr=DEVNULL, env=_environment(system, tmp_path))
    digest = hashlib.sha256(large.read_bytes()).hexdigest()
    wanted = {"entry": entry, "name": large.name, "size": large.stat().st_size, "sha256": digest}
    begun = "select count(*) from transfer where sha256 = $1"
    until(lambda: value(system, "ingest_files", begun, digest) == 1, what="begun")
    until(lambda: provider.post("ingest-files", "/transfers", wanted)["held"], what="a part")
    sender.kill()
    sender.wait(10)
    state = provider.post("ingest-files", "/transfers", wanted)
    told: list[int] = []
    found = files.upload(provider, entry, large, sent=lambda done, _: told.append(done))
    assert found["id"] == state["upload"]["id"]
    # What had come was not sent again.
    assert told[0] >= len(state["held"]) * transfers.LARGE > 0
    assert (found["state"] in FINAL, results(faulty, found["id"])) == (True, 1)


def _environment(system, folder: Path) -> dict[str, str]:
    import os

    from shuqiao import profile

    path = folder / "profile.json"
    profile.save(system.profile, path)
    return {**os.environ, "SHUQIAO_PROFILE": str(path)}


def test_what_no_notification_told_of_is_registered_once_within_a_minute(faulty) -> None:
    """FAULT-34: this store sends none at all; one that sends three in any order is a test of the watched bucket."""
    s3 = faulty.system.endpoints.s3
    store = Minio(s3.endpoint, access_key=s3.access_key, secret_key=s3.secret_key, secure=s3.secure, region=s3.region)
    entry = faulty.story.entry_of("streets")
    data = uuid4().bytes
    key = f"mzj/{entry}/街道信息-20230630.xls"
    put = store.put_object(bucket_name="drop", object_name=key, data=io.BytesIO(data), length=len(data))
    seen = "select upload::text as upload from sighting where key = $1 and version = $2"
    until(lambda: query(faulty.system, "ingest_files", seen, key, put.version_id), within=60, what="registered")
    (row,) = query(faulty.system, "ingest_files", seen, key, put.version_id)
    until(lambda: results(faulty, row["upload"]) == 1, within=30, what="one result")


def test_standing_still_for_half_a_minute_it_holds_up_nobody_else(faulty, provider) -> None:
    """FAULT-35."""
    system, entry = faulty.system, faulty.story.entry_of("streets")
    begun = [
        provider.post("ingest-files", "/uploads", {"entry": entry, "name": "a-20230630.csv", "size": 5})
        for _ in range(AT_ONCE)
    ]
    for one in begun:
        files.post(one["url"], one["fields"], b"drill")
    took: list[float] = []
    refused: list[str] = []

    def complete(upload: str) -> None:
        began = time.monotonic()
        try:
            with Session(system.profile, "mzj.fabu", system.held.passwords["mzj.fabu"]) as own:
                own.post("ingest-files", f"/uploads/{upload}/completion")
        except Away as away:
            refused.append(str(away))
        took.append(time.monotonic() - began)

    began = time.monotonic()
    system.control.pause("minio")
    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            work = [pool.submit(complete, one["upload"]["id"]) for one in begun]
            slowest = 0.0
            with Gateway(system.profile.gateway, faulty.story.unit_key) as gateway:
                while not all(one.done() for one in work) or time.monotonic() - began < STANDSTILL:
                    at = time.monotonic()
                    provider.get("ingest-files", "/uploads", limit=1)
                    slowest = max(slowest, time.monotonic() - at)
                    key = faulty.story.method_keys["streets"]
                    answer = gateway.call(faulty.story.streets_service, key, {"street_code": "310105002"})
                    assert answer.ok, answer.code
            for one in work:
                one.result()
    finally:
        system.control.resume("minio")
    assert len(refused) == AT_ONCE, "each is told within the deadline that the platform cannot say"
    assert max(took) < 20
    assert slowest < 5
    for one in begun:
        until(lambda upload=one["upload"]["id"]: _completed(provider, upload), within=60, what="completed afterwards")
    for one in begun:
        assert files.result(provider, one["upload"]["id"])["state"] in FINAL
    until(lambda: all(results(faulty, one["upload"]["id"]) == 1 for one in begun), within=30, what="one result each")


def _completed(provider: Session, upload: str) -> bool:
    try:
        provider.post("ingest-files", f"/uploads/{upload}/completion")
    except Refused as refused:
        return refused.code == "upload-state"
    except Away:
        return False
    return True
