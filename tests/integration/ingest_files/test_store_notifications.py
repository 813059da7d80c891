"""FAULT-34 with notifications as a real object store sends them: lost, three of each, the last one first.

They come to a post office of the test, which hands them to the service as it likes: the store sends each once, more or
less in order, for as long as nothing fails.
"""

import io
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx2
import pytest
from fastapi import FastAPI
from minio import Minio, MinioAdmin
from minio.credentials.providers import StaticProvider
from minio.notificationconfig import NotificationConfig, QueueConfig
from pydantic import SecretStr

from common import http
from common.events import FileReceived
from ingest_files import road as doors
from tests.support import road
from tests.support.annex_files import annex
from tests.support.installation import Installation
from tests.support.waiting import eventually, until

pytestmark = pytest.mark.slow

TARGET = "notify_webhook:tests"
TOKEN = "notifications-" + "x" * 16
NAMES = [f"街道 信息+{place}-20230630.xls" for place in range(4)]


@dataclass
class PostOffice:
    """Keeps what the store sends: the authorization and the body."""

    kept: list[tuple[str, bytes]] = field(default_factory=list)

    def of(self, entry: str) -> list[tuple[str, bytes]]:
        return [(token, body) for token, body in self.kept if entry.encode() in body]


@pytest.fixture(scope="module")
def post_office(installation: Installation) -> Iterator[PostOffice]:
    """The store of these tests tells of every new object in `drop`, until the end of the module."""
    office = PostOffice()

    class Counter(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            if body:
                office.kept.append((self.headers.get("Authorization", ""), body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing to say."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Counter)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    s3 = installation.endpoints.s3
    admin = MinioAdmin(
        endpoint=s3.endpoint,
        credentials=StaticProvider(s3.access_key, s3.secret_key),
        region=s3.region,
        secure=s3.secure,
    )
    store = road.administrator(installation)
    url = f"http://127.0.0.1:{server.server_port}/hints"
    try:
        # Targets of notifications are read when the store starts.
        admin.config_set(TARGET, {"endpoint": url, "auth_token": TOKEN})
        admin.service_restart()
        queue = QueueConfig(
            config_id="new", queue=f"arn:minio:sqs:{s3.region}:tests:webhook", events=["s3:ObjectCreated:*"]
        )
        until(lambda: _took(store, NotificationConfig(queue_config_list=[queue])), within=60, what="told where to tell")
        yield office
    finally:
        # The target is gone with the next start; until then nothing is sent to it. To start the store anew here would
        # leave the tests behind this one a moment without it, and nobody could say when that moment is over.
        store.delete_bucket_notification("drop")
        admin.config_reset(TARGET)
        server.shutdown()
        server.server_close()
        serving.join(10)


def _took(store: Minio, config: NotificationConfig) -> bool:
    try:
        store.set_bucket_notification("drop", config)
    except Exception:  # noqa: BLE001  it is starting: no connection, half an answer, or a target not known yet
        return False
    return True


@pytest.fixture
async def watching(installation, ingest):
    async with road.pieces(installation) as made:
        yield road.watching(ingest, made)


@pytest.fixture
async def told_of(installation, ingest, post_office):
    """Files that a unit's system laid down, and what the store said of them."""
    store = road.administrator(installation)
    for name in NAMES:
        data = annex() + name.encode()
        store.put_object(
            bucket_name="drop", object_name=f"mzj/{ingest.entry}/{name}", data=io.BytesIO(data), length=len(data)
        )
    await eventually(lambda: _is(len(post_office.of(ingest.entry)) >= len(NAMES)), within=60, what="all were told of")
    return post_office.of(ingest.entry)


async def _is(answer: bool) -> bool:
    return answer


async def handed(watching, letters) -> None:
    """Each letter to the service's own door."""
    app = FastAPI()
    app.add_exception_handler(http.Refusal, http._refused)
    app.include_router(doors.arrivals(watching, SecretStr(TOKEN)))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://x") as client:
        for token, body in letters:
            answer = await client.post("/hints", content=body, headers={"Authorization": token})
            assert answer.status_code == 204, (token, answer.text)


async def test_three_of_each_and_the_last_first_register_each_file_once(ingest, watching, told_of):
    await handed(watching, told_of[::-1] * 3)
    assert await watching.follow_hints() == len(NAMES)
    await handed(watching, told_of)
    assert await watching.follow_hints() == 0
    assert await watching.look(f"mzj/{ingest.entry}/") == 0
    told = await ingest.running.told(FileReceived)
    uploads = [await ingest.upload(one.event.upload) for one in told]
    assert sorted(one["name"] for one in uploads) == NAMES


async def test_what_the_lost_ones_told_of_is_found_by_looking(ingest, watching, told_of):
    await handed(watching, told_of[:1])
    assert await watching.follow_hints() == 1
    assert await watching.look(f"mzj/{ingest.entry}/") == len(NAMES) - 1
    assert len(await ingest.running.told(FileReceived)) == len(NAMES)
