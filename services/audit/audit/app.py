"""The trail, put together."""

from audit import api, jobs, stream
from audit.reader import CallReader
from audit.settings import AuditSettings
from common import bus, db, host

NAME = "audit"
ABOUT = "审计服务：每次调用的留痕，及其到授权、决定、批次和文件的追溯。"


def build(settings: AuditSettings) -> host.Parts:
    """Nothing is connected yet."""
    database = db.connect(settings.database_url, application=NAME)
    kafka = bus.Kafka.of(settings)
    parts = host.assemble(
        settings,
        service=NAME,
        title="数桥 · 审计服务",
        description=ABOUT,
        database=database,
        routes=stream.events(database),
        background=[
            lambda: jobs.partitions(database),
            lambda: jobs.measures(database, parts.metrics),
            lambda: CallReader(kafka, database, NAME, parked=parts.parked).running(),
        ],
    )
    # Documents and replays know all that is read. This broker is never started.
    parts.routes = stream.routes(database)
    parts.broker = bus.broker(kafka, NAME)
    bus.attach(parts.broker, parts.routes)
    bus.declare_published(parts.broker, NAME)
    parts.http.include_router(api.routes(database))
    return parts
