"""The command line of the register."""

import argparse
import asyncio
import sys

from common import clock, db, host, log
from common.keys import Pepper
from common.settings import read_or_exit
from policy import load_shipped
from registry import app, service
from registry.domain import UnitKind
from registry.settings import RegistryMigration, RegistrySettings, example


def bootstrap(arguments: list[str]) -> int:
    """Enter the first unit and administrator of an empty exchange; the password is read from standard input."""
    parser = argparse.ArgumentParser(prog="python -m registry bootstrap", description=bootstrap.__doc__)
    parser.add_argument("--unit", required=True, help="code of the unit that runs the exchange, such as dsjzx")
    parser.add_argument("--unit-name", required=True, help="its name, such as 区大数据中心")
    parser.add_argument("--body", default="data-centre", help="which body of the regulation it is")
    parser.add_argument("--account", required=True, help="name of the administrator's account")
    parser.add_argument("--person", required=True, help="the administrator's name")
    parser.add_argument("--phone", required=True, help="the administrator's phone")
    options = parser.parse_args(arguments)
    password = sys.stdin.readline().rstrip("\n")
    settings = read_or_exit(RegistrySettings)
    log.configure(app.NAME, settings.log_level)
    made = asyncio.run(_bootstrap(settings, options, password))
    sys.stdout.write("made\n" if made else "there is an administrator already; nothing done\n")
    return 0


async def _bootstrap(settings: RegistrySettings, options: argparse.Namespace, password: str) -> bool:
    database = db.connect(settings.database_url, application="registry bootstrap")
    reg = service.Registrar(
        clock=clock.now,
        pepper=Pepper(settings.pepper_id, settings.pepper.get_secret_value().encode()),
        book=load_shipped(),
    )
    unit = service.NewUnit(code=options.unit, name=options.unit_name, kind=UnitKind.PLATFORM, body=options.body)
    person = service.NewPerson(name=options.person, post="平台管理员", phone=options.phone)
    try:
        async with database.begin() as tx:
            return await service.bootstrap(tx, unit, person, options.account, password, reg)
    finally:
        await database.close()


SERVICE = host.Service(
    name=app.NAME,
    package="registry",
    about=app.ABOUT,
    settings=RegistrySettings,
    example=example,
    build=app.build,
    owner=RegistryMigration,
    commands={"bootstrap": bootstrap},
)

if __name__ == "__main__":
    sys.exit(host.main(SERVICE))
