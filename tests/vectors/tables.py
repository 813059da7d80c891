"""Brings the rows of a table into the exchange store.

They come in by the loader (`libs/exchange`) where its address stands beside the profile, as `make run` keeps it: the
store's own rules judge the rows then, and a file may hold what no spreadsheet could. Where only the profile is at hand
(an exchange on other machines), the rows are uploaded as a provider's file.
"""

import asyncio
import hashlib
import json
import tempfile
import time
from pathlib import Path
from typing import Final
from uuid import uuid4

import asyncpg

from common.clock import SHANGHAI, now
from common.db import SERVER_SETTINGS
from common.errors import Refusal
from demo.playing import until
from exchange import loading
from sheets.names import make_name
from sheets.writing import write_annex_xls
from shuqiao import Session, files
from tests.vectors.errors import BadFile, NotPlayed
from tests.vectors.fixture import Table
from tests.vectors.values import annex

BESIDE: Final = Path("secrets/ingest-files/ingest_files_loader_url")
"""Where `make run` keeps the loader's address, seen from the folder of the profile."""
MADE_WITHIN: Final = 60.0
_PAUSE: Final = 0.1
NOT_YET: Final = ("entry-unknown", "unit-not-active")


def loader_url(profile: Path) -> str | None:
    """The loader's address of the exchange that this profile is of, if it stands beside it."""
    try:
        return (profile.parent / BESIDE).read_text().strip() or None
    except OSError:
        return None


def load(url: str, version: str, table: Table) -> None:
    """Load the rows into the table of a resource version, once the exchange has made it.

    Raises:
        BadFile: the table does not take the rows.
        NotPlayed: there is no such table in time, or the store is away.
    """
    try:
        asyncio.run(_load(url, version, table))
    except (Refusal, asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
        raise BadFile(f"表 {table.name} 的数据不能装载：{error}") from error
    except (asyncpg.PostgresError, OSError, TimeoutError) as error:
        raise NotPlayed(f"表 {table.name} 未能装载：{type(error).__name__} {error}") from error


async def _load(url: str, version: str, table: Table) -> None:
    settings = {"timezone": SERVER_SETTINGS["timezone"], "application_name": "vectors"}
    connection = await asyncpg.connect(url, server_settings=settings)
    try:
        await _made(connection, version, table)
        told = json.dumps(table.rows, default=str, ensure_ascii=False).encode()
        await loading.replace(
            connection,
            version=version,
            batch=uuid4(),
            sha256=hashlib.sha256(told).hexdigest(),
            columns=[field.code for field in table.fields],
            rows=enumerate(table.rows, 2),
        )
    finally:
        await connection.close()


async def _made(connection: asyncpg.Connection, version: str, table: Table) -> None:
    deadline = time.monotonic() + MADE_WITHIN
    while not await connection.fetchval("select true from exchange.resource where version = $1", version):
        if time.monotonic() > deadline:
            raise NotPlayed(f"{MADE_WITHIN:.0f}秒内没有建立表 {table.name}（{version}）")
        await asyncio.sleep(_PAUSE)


def upload(session: Session, entry: str, name: str, table: Table) -> None:
    """Upload the rows as a file of the annex's form.

    Raises:
        BadFile: the exchange refuses the file, as it would refuse a department's.
    """
    rows = [[None if value is None else annex(value) for value in row] for row in table.rows]
    content = write_annex_xls(name, [field.name for field in table.fields], rows)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(content)
        done = until(
            lambda: files.upload(session, entry, path, name=make_name(name, now().astimezone(SHANGHAI).date())),
            "归集服务得知条目",
            passing=NOT_YET,
        )
    if done["state"] != "loaded":
        seen = [f"第{one['row']}行第{one['column']}列 {one['message']}" for one in done["all_findings"][:5]]
        raise BadFile("；".join([f"表 {table.name} 的数据被退回：{done['message']}", *seen]))
