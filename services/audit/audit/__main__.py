"""The command line of the trail."""

import sys

from audit import app
from audit.settings import AuditMigration, AuditSettings, example
from common import host

SERVICE = host.Service(
    name=app.NAME,
    package="audit",
    about=app.ABOUT,
    settings=AuditSettings,
    example=example,
    build=app.build,
    owner=AuditMigration,
)

if __name__ == "__main__":
    sys.exit(host.main(SERVICE))
