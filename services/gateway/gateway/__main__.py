"""The command line of the gateway."""

import argparse
import sys

from common import host, log
from common.settings import read_or_exit
from gateway import app
from gateway.domain.description import openapi
from gateway.settings import GatewayMigration, GatewaySettings, RelaySettings, example


def relay(arguments: list[str]) -> int:
    """Send the access records of all workers to Kafka until told to stop."""
    argparse.ArgumentParser(prog="python -m gateway relay", description=relay.__doc__).parse_args(arguments)
    settings = read_or_exit(RelaySettings)
    log.configure("gateway-relay", settings.log_level)
    app.relay(settings)
    return 0


SERVICE = host.Service(
    name=app.NAME,
    package="gateway",
    about=app.ABOUT,
    settings=GatewaySettings,
    example=example,
    build=app.build,
    owner=GatewayMigration,
    commands={"relay": relay},
    serve=app.serve,
    openapi=openapi,
)

if __name__ == "__main__":
    sys.exit(host.main(SERVICE))
