"""The command line of the ingest of files."""

import argparse
import asyncio
import contextlib
import signal
import sys
from pathlib import Path
from typing import Any

from common import host, log
from common.settings import read_or_exit
from exchange.layout import OWNER
from ingest_files import app, service
from ingest_files.settings import IngestMigration, IngestSettings, example


def _exchange(settings: IngestMigration) -> list[tuple[str, Any, str | None]]:
    return [("exchange", settings.keeper_url, OWNER)]


def watch_folder(arguments: list[str]) -> int:
    """Take files that units' systems lay down in a folder, until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m ingest_files watch-folder", description=watch_folder.__doc__)
    parser.add_argument("--root", type=Path, required=True, help="holds UNIT/ENTRY/FILE")
    root: Path = parser.parse_args(arguments).root
    if not root.is_dir():
        parser.error(f"{root} is no folder")
    settings = read_or_exit(IngestSettings)
    log.configure(f"{service.NAME}.folder", settings.log_level)
    # Told to stop, it ends as on Ctrl-C: what was taken is gone on with by the next.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(app.watch_folder(settings, root))
    return 0


SERVICE = host.Service(
    name=service.NAME,
    package="ingest_files",
    about=app.ABOUT,
    settings=IngestSettings,
    example=example,
    build=app.build,
    owner=IngestMigration,
    more_migrations=_exchange,
    commands={"watch-folder": watch_folder},
)

if __name__ == "__main__":
    sys.exit(host.main(SERVICE))
