"""The command line of the ingest of files."""

import sys
from typing import Any

from common import host
from exchange.layout import OWNER
from ingest_files import app, service
from ingest_files.settings import IngestMigration, IngestSettings, example


def _exchange(settings: IngestMigration) -> list[tuple[str, Any, str | None]]:
    return [("exchange", settings.keeper_url, OWNER)]


SERVICE = host.Service(
    name=service.NAME,
    package="ingest_files",
    about=app.ABOUT,
    settings=IngestSettings,
    example=example,
    build=app.build,
    owner=IngestMigration,
    more_migrations=_exchange,
)

if __name__ == "__main__":
    sys.exit(host.main(SERVICE))
