"""The command line of sharing."""

import sys

from common import host
from sharing import app
from sharing.settings import SharingMigration, SharingSettings, example

SERVICE = host.Service(
    name=app.NAME,
    package="sharing",
    about=app.ABOUT,
    settings=SharingSettings,
    example=example,
    build=app.build,
    owner=SharingMigration,
)

if __name__ == "__main__":
    sys.exit(host.main(SERVICE))
