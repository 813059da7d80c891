"""The ingest of files as tests use it: the service, its pieces, a provider before it, an entry of its own."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx2
from minio import Minio

from common import clock
from common.events import CatalogChanged, CodeName, CodeSetChanged, EntryState, FileReceived, Meta, UnitState
from common.roles import Role
from exchange.layout import Resource
from ingest_files.service import Desk
from tests.support.annex_files import ENTRY, FILE, ITEMS, NAME, annex
from tests.support.catalog_values import catalog_changed
from tests.support.exchange_store import Store
from tests.support.installation import Installation
from tests.support.registry_values import unit_changed
from tests.support.running import Caller, Running


@dataclass(slots=True)
class Ingest:
    """The service, a provider before it, and an entry of its own for each test."""

    running: Running
    store: Store
    desk: Desk
    entry: str

    def as_(self, unit: str = "mzj", *roles: Role) -> Caller:
        return self.running.as_(f"{unit}.somebody", unit, *(roles or (Role.COMPILER,)))

    @property
    def resource(self) -> Resource:
        return Resource(provider=ENTRY.provider, version=f"{self.entry}_v1", items=ITEMS)

    def entry_event(self, *, version: int = 1, structure: int = 1, **more: Any) -> CatalogChanged:
        more = {"name": NAME, "items": ITEMS, "resource_version": f"{self.entry}_v{structure}", **more}
        return catalog_changed(self.entry, version=version, **more)

    async def told(self) -> None:
        """The service knows the unit, the codes and the entry."""
        for unit in ("mzj", "jyj"):
            await self.running.hear(unit_changed(unit))
        await self.codes()
        await self.running.hear(self.entry_event())

    async def codes(self, part: int = 1, parts: int = 1, codes: tuple[str, ...] = ("310104", "310105")) -> None:
        await self.running.hear(
            CodeSetChanged(
                version=1,
                code_set="areas",
                edition=1,
                name="区划",
                source="示例",
                part=part,
                parts=parts,
                codes=tuple(CodeName(code=code, name=code) for code in codes),
                changed_at=clock.now(),
            )
        )

    async def suspend(self, unit: str, state: UnitState = UnitState.SUSPENDED) -> None:
        await self.running.hear(unit_changed(unit, version=9, state=state))

    async def withdraw(self) -> None:
        await self.running.hear(self.entry_event(version=9, state=EntryState.WITHDRAWN))

    async def begun(self, data: bytes = b"x", name: str = FILE) -> dict[str, Any]:
        answer = await self.as_().post("/uploads", {"entry": self.entry, "name": name, "size": len(data)})
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def posted(self, data: bytes, name: str = FILE) -> str:
        """A file that lies in the object store; the upload's id."""
        begun = await self.begun(data, name)
        answer = await post(begun["url"], begun["fields"], data)
        assert answer.status_code == 204, answer.text
        return begun["upload"]["id"]

    async def received(self, data: bytes | None = None, name: str = FILE) -> tuple[FileReceived, Meta]:
        """A file that was completed; its event as the service told it."""
        upload = await self.posted(annex() if data is None else data, name)
        answer = await self.as_().post(f"/uploads/{upload}/completion")
        assert answer.status_code == 202, answer.text
        (told,) = [t for t in await self.running.told(FileReceived) if t.event.upload == UUID(upload)]
        return told.event, told.meta

    async def upload(self, upload: UUID | str) -> dict[str, Any]:
        return (await self.as_().get(f"/uploads/{upload}")).json()

    async def results(self, upload: UUID) -> list[Any]:
        """What was told of the end of an upload."""
        told = [one.event for one in await self.running.told()]
        return [e for e in told if getattr(e, "batch", None) == upload or _ended(e, upload)]


def _ended(event: Any, upload: UUID) -> bool:
    return event.topic == "batch-rejected" and event.upload == upload


async def post(url: str, fields: dict[str, str], data: bytes) -> httpx2.Response:
    """Post a file as a browser would: the form's fields first, the file last."""
    async with httpx2.AsyncClient(timeout=30) as http:
        return await http.post(url, data=fields, files={"file": ("file", data, "application/octet-stream")})


def delete(installation: Installation, event: FileReceived) -> None:
    """Remove the version of a file, as only an administrator of the object store can."""
    s3 = installation.endpoints.s3
    client = Minio(s3.endpoint, access_key=s3.access_key, secret_key=s3.secret_key, secure=s3.secure, region=s3.region)
    client.remove_object(bucket_name=event.bucket, object_name=event.object_key, version_id=event.object_version)
