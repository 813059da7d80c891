"""Objects that come in pieces, and what lies in a bucket: the rest of the port of S3 calls, beside `blobs`."""

import hashlib
import hmac
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import quote, urlencode, urlsplit

from minio.commonconfig import CopySource
from minio.datatypes import Part as S3Part
from minio.error import S3Error
from minio.helpers import DictType

from common.errors import Unwell
from ingest_files import errors
from ingest_files.asking import ASK_WITHIN, THREADS, Threads, client
from ingest_files.domain.arrivals import Sighting
from ingest_files.domain.transfers import Link, Part, Transfer

T = TypeVar("T")

JOIN_WITHIN: Final = 60.0
"""Seconds in which the store joins parts, copies, or lists a page."""
FETCH_WITHIN: Final = 300.0
_STEP: Final = 1024 * 1024
AT_ONCE: Final = 1000
"""Versions of a listing that are looked at together."""
_GONE: Final = frozenset({"NoSuchUpload", "NoSuchKey", "NoSuchVersion"})
_ALGORITHM: Final = "AWS4-HMAC-SHA256"


class Pieces:
    """Uploads in parts, listings, copies and short-lived links of this service's buckets."""

    def __init__(self, *, endpoint: str, public: str, region: str, access_key: str, secret_key: str) -> None:
        self._client = client(endpoint, region=region, access_key=access_key, secret_key=secret_key)
        # The address under which others reach the store: what is signed is signed for it.
        self._origin, self._region = public.rstrip("/"), region
        self._access_key, self._secret_key = access_key, secret_key
        self._threads = Threads("pieces", THREADS)

    def close(self) -> None:
        self._threads.close()

    async def begin(self, bucket: str, key: str) -> str:
        """Begin an object in parts; the store's id of it."""

        def call() -> str:
            headers: DictType = {"Content-Type": "application/octet-stream"}
            return self._client._create_multipart_upload(bucket, key, headers)  # noqa: SLF001  no public call begins one

        return await self._run(call, ASK_WITHIN)

    def link(self, bucket: str, key: str, transfer: Transfer, number: int, *, at: datetime, good: timedelta) -> Link:
        """Where a part is put, for so long: its size is signed, so that the store takes no other (PIT-O5)."""
        assert transfer.store_id is not None
        size = transfer.bytes_of(number)
        url = presigned(
            f"{self._origin}/{bucket}/{quote(key)}",
            {"partNumber": str(number), "uploadId": transfer.store_id},
            {"content-length": str(size)},
            region=self._region,
            access_key=self._access_key,
            secret_key=self._secret_key,
            at=at,
            good=good,
        )
        return Link(number, size, url)

    async def held(self, bucket: str, key: str, store_id: str) -> list[Part] | None:
        """The parts that are there; None if the store knows of no such upload (any more)."""

        def call() -> list[Part] | None:
            try:
                found = self._client._list_parts(bucket, key, store_id, max_parts=1000)  # noqa: SLF001  as above
            except S3Error as error:
                if error.code in _GONE:
                    return None
                raise
            return [Part(p.part_number, p.size or 0, p.etag.strip('"')) for p in found.parts]

        return await self._run(call, ASK_WITHIN)

    async def join(self, bucket: str, key: str, store_id: str, parts: list[Part]) -> bool:
        """Make the parts one object; whether there was such an upload."""

        def call() -> bool:
            named = [S3Part(part.number, part.etag) for part in parts]
            try:
                self._client._complete_multipart_upload(bucket, key, store_id, named)  # noqa: SLF001  as above
            except S3Error as error:
                if error.code in _GONE:
                    return False
                raise
            return True

        return await self._run(call, JOIN_WITHIN)

    async def abandon(self, bucket: str, key: str, store_id: str) -> None:
        """Throw away the parts of an upload that will not be whole."""

        def call() -> None:
            try:
                self._client._abort_multipart_upload(bucket, key, store_id)  # noqa: SLF001  as above
            except S3Error as error:
                if error.code not in _GONE:
                    raise

        await self._run(call, ASK_WITHIN)

    async def pages(self, bucket: str, prefix: str) -> AsyncIterator[list[Sighting]]:
        """Every version of the objects in a bucket whose keys begin so, a page at a time."""
        rest = await self._run(
            lambda: self._client.list_objects(bucket, prefix=prefix, recursive=True, include_version=True),
            ASK_WITHIN,
        )
        while page := await self._run(lambda: list(islice(rest, AT_ONCE)), JOIN_WITHIN):
            yield [
                Sighting(bucket, one.object_name, one.version_id, one.size or 0)
                for one in page
                if one.object_name and one.version_id and not one.is_delete_marker and not one.is_dir
            ]

    async def copy(self, seen: Sighting, bucket: str, key: str) -> str:
        """Copy one version to a key of ours, within the store; the copy's version."""

        def call() -> str:
            source = CopySource(bucket_name=seen.bucket, object_name=seen.key, version_id=seen.version)
            done = self._client.copy_object(bucket_name=bucket, object_name=key, source=source)
            if done.version_id is None:
                raise Unwell("object store without versions")
            return done.version_id

        return await self._run(call, JOIN_WITHIN)

    async def fetch(self, bucket: str, key: str, version: str, path: Path, *, most: int) -> None:
        """One version of an object into a file.

        Raises:
            ObjectGone: there is no such version. FileTooLarge: it is larger than `most`.
        """

        def call() -> None:
            try:
                answer = self._client.get_object(bucket_name=bucket, object_name=key, version_id=version)
            except S3Error as error:
                if error.code in _GONE:
                    raise errors.ObjectGone("对象存储中没有这个文件版本") from error
                raise
            try:
                with path.open("wb") as file:
                    for piece in answer.stream(_STEP):
                        file.write(piece)
                        if file.tell() > most:
                            raise errors.FileTooLarge(f"文件超过{most}字节", limit=most)
            finally:
                answer.close()
                answer.release_conn()

        await self._run(call, FETCH_WITHIN)

    def download(
        self, bucket: str, key: str, version: str, answer: dict[str, str], *, at: datetime, good: timedelta
    ) -> str:
        """An address from which one version is fetched, for so long; `answer` are headers that the store sends."""
        return presigned(
            f"{self._origin}/{bucket}/{quote(key)}",
            {"versionId": version, **answer},
            {},
            region=self._region,
            access_key=self._access_key,
            secret_key=self._secret_key,
            at=at,
            good=good,
            method="GET",
        )

    async def _run(self, call: Callable[[], T], within: float) -> T:
        return await self._threads.run(call, within)


def presigned(
    url: str,
    query: dict[str, str],
    headers: dict[str, str],
    *,
    region: str,
    access_key: str,
    secret_key: str,
    at: datetime,
    good: timedelta,
    method: str = "PUT",
) -> str:
    """An address signed for one request with these headers (AWS Signature Version 4); the client library signs none."""
    parts = urlsplit(url)
    stamp = at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{stamp[:8]}/{region}/s3/aws4_request"
    signed = dict(sorted({**headers, "host": parts.netloc}.items()))
    names = ";".join(signed)
    asked = {
        **query,
        "X-Amz-Algorithm": _ALGORITHM,
        "X-Amz-Credential": f"{access_key}/{scope}",
        "X-Amz-Date": stamp,
        "X-Amz-Expires": str(int(good.total_seconds())),
        "X-Amz-SignedHeaders": names,
    }
    written = urlencode(sorted(asked.items()), quote_via=quote, safe="-_.~")
    lines = "".join(f"{name}:{value}\n" for name, value in signed.items())
    request = f"{method}\n{parts.path}\n{written}\n{lines}\n{names}\nUNSIGNED-PAYLOAD"
    to_sign = f"{_ALGORITHM}\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = f"AWS4{secret_key}".encode()
    for part in (stamp[:8], region, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return f"{url}?{written}&X-Amz-Signature={hmac.digest(key, to_sign.encode(), 'sha256').hex()}"
