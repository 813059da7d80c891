"""Objects and nothing but: a small port of S3 calls, behind which any S3 store can stand.

The client is synchronous; it runs in threads of its own, with deadlines and few retries, so that a store that hangs
holds nothing but those threads (PIT-O3).
"""

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import IO, Final
from urllib.parse import quote, urlsplit

from minio import Minio
from minio.datatypes import PostPolicy
from minio.error import S3Error

from common.errors import Unwell
from ingest_files import errors
from ingest_files.asking import ASK_WITHIN, THREADS, Threads, client

TRANSFER_WITHIN: Final = 60.0
_ASK_READ: Final = 3.0
FETCH_WITHIN: Final = 300.0
"""Seconds for a file of any length on its way into a local one."""
_STEP: Final = 1024 * 1024
_CONTENT_TYPE: Final = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Posting:
    """Where and with which form fields a file is posted; the file's own field comes last, named `file`."""

    url: str
    fields: dict[str, str]


@dataclass(frozen=True, slots=True)
class Held:
    """An object as the store has it now."""

    version: str
    size: int


@dataclass(frozen=True, slots=True)
class Content:
    data: bytes
    sha256: str


class Blobs:
    """The objects of this service."""

    def __init__(self, *, endpoint: str, public: str, region: str, access_key: str, secret_key: str) -> None:
        self._public = public.rstrip("/")
        self._client = client(endpoint, region=region, access_key=access_key, secret_key=secret_key)
        self._asking = client(
            endpoint, region=region, access_key=access_key, secret_key=secret_key, read=_ASK_READ, tries=1
        )
        outside = urlsplit(public)
        # Signs links for the address that others see; it never sends anything.
        self._signer = Minio(
            outside.netloc,
            access_key=access_key,
            secret_key=secret_key,
            secure=outside.scheme == "https",
            region=region,
        )
        self._threads = Threads("blobs", THREADS)
        # A transfer that drags on keeps no question waiting.
        self._askers = Threads("blobs-asking", THREADS)

    def close(self) -> None:
        self._threads.close()
        self._askers.close()

    async def posting(self, bucket: str, key: str, *, most: int, until: datetime) -> Posting:
        """A POST policy for this one key: 1 to `most` bytes, until then. The size is enforced by the store (PIT-O5)."""
        policy = PostPolicy(bucket, until)
        policy.add_equals_condition("key", key)
        policy.add_equals_condition("Content-Type", _CONTENT_TYPE)
        policy.add_content_length_range_condition(1, most)
        fields = self._client.presigned_post_policy(policy)
        return Posting(f"{self._public}/{bucket}", {**fields, "key": key, "Content-Type": _CONTENT_TYPE})

    def link(self, bucket: str, key: str, *, name: str, lasts: timedelta) -> str:
        """An address by which whoever has it fetches the object under this file name, for as long as it lasts."""
        headers = {
            "response-content-disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
            "response-content-type": _CONTENT_TYPE,
        }
        return self._signer.presigned_get_object(
            bucket_name=bucket, object_name=key, expires=lasts, response_headers=dict(headers)
        )

    async def find(self, bucket: str, key: str) -> Held | None:
        """The newest version of an object, if there is one."""

        def stat() -> Held | None:
            try:
                found = self._asking.stat_object(bucket_name=bucket, object_name=key)
            except S3Error as error:
                if error.code in {"NoSuchKey", "NoSuchVersion"}:
                    return None
                raise
            if found.version_id is None or found.size is None:
                raise Unwell("object store without versions")
            return Held(found.version_id, found.size)

        return await self._askers.run(stat, ASK_WITHIN)

    async def put(self, bucket: str, key: str, data: bytes) -> str:
        """Put an object; the version by which it is pinned."""

        def send() -> str:
            done = self._client.put_object(
                bucket_name=bucket, object_name=key, data=io.BytesIO(data), length=len(data), content_type=_CONTENT_TYPE
            )
            if done.version_id is None:
                raise Unwell("object store without versions")
            return done.version_id

        return await self._threads.run(send, TRANSFER_WITHIN)

    async def get(self, bucket: str, key: str, version: str, *, most: int) -> Content:
        """One version of an object, whole, with the digest of what was read.

        Raises:
            ObjectGone: there is no such version.
            FileTooLarge: it is larger than `most`.
        """

        def fetch() -> Content:
            digest = hashlib.sha256()
            data = bytearray()
            for piece in self._pieces(bucket, key, version):
                data += piece
                digest.update(piece)
                if len(data) > most:
                    raise errors.FileTooLarge(f"文件超过{most}字节", limit=most)
            return Content(bytes(data), digest.hexdigest())

        return await self._threads.run(fetch, TRANSFER_WITHIN)

    async def fetch(self, bucket: str, key: str, version: str, into: IO[bytes], *, most: int) -> str:
        """One version of an object into a file, a piece at a time; the digest of what was read.

        Raises:
            ObjectGone: there is no such version.
            FileTooLarge: it is larger than `most`.
        """

        def fetch() -> str:
            into.seek(0)
            into.truncate()
            digest, size = hashlib.sha256(), 0
            for piece in self._pieces(bucket, key, version):
                size += len(piece)
                if size > most:
                    raise errors.FileTooLarge(f"文件超过{most}字节", limit=most)
                digest.update(piece)
                into.write(piece)
            into.flush()
            return digest.hexdigest()

        return await self._threads.run(fetch, FETCH_WITHIN)

    def _pieces(self, bucket: str, key: str, version: str) -> Iterator[bytes]:
        try:
            answer = self._client.get_object(bucket_name=bucket, object_name=key, version_id=version)
        except S3Error as error:
            if error.code in {"NoSuchKey", "NoSuchVersion"}:
                raise errors.ObjectGone("对象存储中没有这个文件版本") from error
            raise
        try:
            yield from answer.stream(_STEP)
        finally:
            answer.close()
            answer.release_conn()
