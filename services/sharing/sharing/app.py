"""Sharing, put together."""

from common import changes, db, host, http
from common.clock import Clock, now
from common.keys import Pepper
from policy import PolicyError, SourceFile, load_shipped, shipped_calendar
from sharing import api, stream
from sharing.service import Desk
from sharing.settings import SharingSettings

NAME = "sharing"
ABOUT = "共享服务：共享申请、意见与审核、授权及其密钥。"


def build(settings: SharingSettings, *, clock: Clock = now) -> host.Parts:
    """Nothing is connected yet. A test gives its own clock."""
    database = db.connect(settings.database_url, application=NAME)
    extra = settings.calendar_file
    desk = Desk(
        clock=clock,
        pepper=Pepper(settings.pepper_id, settings.pepper.get_secret_value().encode()),
        book=load_shipped(),
        calendar=shipped_calendar([SourceFile(extra.name, extra.read_bytes())] if extra else []),
    )
    parts = host.assemble(
        settings,
        service=NAME,
        title="数桥 · 共享服务",
        description=ABOUT,
        database=database,
        routes=stream.routes(database),
    )
    http.also_refused(parts.http, PolicyError)
    parts.http.include_router(api.routes(database, desk))
    parts.http.include_router(changes.routes(database, NAME))
    return parts
