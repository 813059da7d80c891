"""The road in under test: its pieces beside a running ingest, and what a client of it does."""

import contextlib
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import httpx2
from minio import Minio

from ingest_files.pieces import Pieces
from ingest_files.receiving import Receiving
from ingest_files.watching import Watching
from tests.support.annex_files import FILE
from tests.support.ingest_bench import Ingest
from tests.support.installation import Installation


@contextlib.asynccontextmanager
async def pieces(installation: Installation) -> AsyncIterator[Pieces]:
    settings = installation.settings("ingest-files")
    made = Pieces(
        endpoint=settings["INGEST_FILES_S3_ENDPOINT"],
        public=settings["INGEST_FILES_S3_ENDPOINT"],
        region=settings["INGEST_FILES_S3_REGION"],
        access_key=settings["INGEST_FILES_S3_ACCESS_KEY"],
        secret_key=settings["INGEST_FILES_S3_SECRET_KEY"],
    )
    try:
        yield made
    finally:
        made.close()


def receiving(ingest: Ingest, made: Pieces) -> Receiving:
    return Receiving(ingest.desk, made)


def watching(ingest: Ingest, made: Pieces) -> Watching:
    return Watching(ingest.desk, made)


def administrator(installation: Installation) -> Minio:
    """The object store as its administrator; also as a unit's own system that lays files down."""
    s3 = installation.endpoints.s3
    return Minio(s3.endpoint, access_key=s3.access_key, secret_key=s3.secret_key, secure=s3.secure, region=s3.region)


async def put(url: str, data: bytes, **headers: str) -> httpx2.Response:
    async with httpx2.AsyncClient(timeout=30) as http:
        return await http.put(url, content=data, headers=headers)


def wanted(ingest: Ingest, data: bytes, name: str = FILE) -> dict[str, Any]:
    """What a client says of a large file."""
    return {"entry": ingest.entry, "name": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}


async def begun(ingest: Ingest, data: bytes, name: str = FILE) -> dict[str, Any]:
    answer = await ingest.as_().post("/transfers", wanted(ingest, data, name))
    assert answer.status_code == 201, answer.text
    return answer.json()


async def sent(ingest: Ingest, transfer: dict[str, Any], data: bytes, numbers: list[int]) -> None:
    """Put these parts where the service says."""
    path = f"/transfers/{transfer['upload']['id']}/links"
    answer = await ingest.as_().post(path, {"numbers": numbers})
    assert answer.status_code == 200, answer.text
    for link in answer.json():
        first = (link["number"] - 1) * transfer["part_bytes"]
        done = await put(link["url"], data[first : first + link["size"]])
        assert done.status_code == 200, done.text
