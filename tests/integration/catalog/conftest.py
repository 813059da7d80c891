"""The catalogue on a database of its own, emptied for each test, with units that it has been told of."""

import pytest

from catalog import app
from catalog.settings import CatalogSettings
from tests.support.registry_values import unit_changed
from tests.support.running import running


def build(settings, **clock):
    """With a network and names for the interfaces of providers."""
    where = {"provider_networks": ("10.0.0.0/8",), "provider_hosts": (".example.org",)}
    return app.build(settings.model_copy(update=where), **clock)


@pytest.fixture(scope="session")
async def running_catalog(installation):
    with installation.fresh("catalog") as database:
        async with running("catalog", build, CatalogSettings, database) as made:
            yield made


@pytest.fixture
async def catalog(running_catalog):
    """区民政局 with three keepers, 区教育局, 区大数据中心, and 区公安分局 whose catalogue one person keeps."""
    await running_catalog.begin_anew()
    for code, keepers in (("mzj", 3), ("jyj", 2), ("dsjzx", 2), ("gaj", 1)):
        await running_catalog.hear(unit_changed(code, catalog_keepers=keepers))
    return running_catalog
