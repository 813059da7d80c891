"""The trail, put together."""

from audit import api, jobs, stream
from audit.settings import AuditSettings
from common import db, host

NAME = "audit"
ABOUT = "审计服务：每次调用的留痕，及其到授权、决定、批次和文件的追溯。"


def build(settings: AuditSettings) -> host.Parts:
    """Nothing is connected yet."""
    database = db.connect(settings.database_url, application=NAME)
    parts = host.assemble(
        settings,
        service=NAME,
        title="数桥 · 审计服务",
        description=ABOUT,
        database=database,
        routes=stream.routes(database),
        background=[lambda: jobs.partitions(database)],
    )
    parts.http.include_router(api.routes(database))
    return parts
