"""The catalogue on a fresh database, with units that it has been told of."""

import pytest

from catalog import app
from catalog.settings import CatalogSettings
from tests.support.registry_values import unit_changed
from tests.support.running import running


@pytest.fixture
async def catalog(fresh):
    """区民政局 with three keepers, 区教育局, 区大数据中心, and 区公安分局 whose catalogue one person keeps."""
    async with running("catalog", app.build, CatalogSettings, fresh("catalog")) as made:
        for code, keepers in (("mzj", 3), ("jyj", 2), ("dsjzx", 2), ("gaj", 1)):
            await made.hear(unit_changed(code, catalog_keepers=keepers))
        yield made
