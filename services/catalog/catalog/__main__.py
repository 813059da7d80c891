"""The command line of the catalogue."""

import sys

from catalog import app
from catalog.settings import CatalogMigration, CatalogSettings, example
from common import host

SERVICE = host.Service(
    name=app.NAME,
    package="catalog",
    about=app.ABOUT,
    settings=CatalogSettings,
    example=example,
    build=app.build,
    owner=CatalogMigration,
)

if __name__ == "__main__":
    sys.exit(host.main(SERVICE))
