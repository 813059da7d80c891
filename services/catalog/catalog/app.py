"""The catalogue, put together."""

from catalog import api, stream
from catalog.domain.keeper import Keeper
from catalog.settings import CatalogSettings
from common import changes, db, host, http
from common.clock import Clock, now
from common.reach import Reach
from policy import PolicyError, load_shipped

NAME = "catalog"
ABOUT = "目录服务：公共数据资源目录的条目、信息项、代码集和资源的服务。"


def build(settings: CatalogSettings, *, clock: Clock = now) -> host.Parts:
    """Nothing is connected yet. A test gives its own clock."""
    database = db.connect(settings.database_url, application=NAME)
    reach = Reach.of(settings.provider_networks, settings.provider_hosts, settings.provider_special)
    keeper = Keeper(clock=clock, book=load_shipped(), reach=reach)
    parts = host.assemble(
        settings,
        service=NAME,
        title="数桥 · 目录服务",
        description=ABOUT,
        database=database,
        routes=stream.routes(database, keeper),
    )
    http.also_refused(parts.http, PolicyError)
    parts.http.include_router(api.standards())
    parts.http.include_router(api.routes(database, keeper))
    parts.http.include_router(changes.routes(database, NAME))
    return parts
