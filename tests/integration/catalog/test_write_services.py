"""A service by which the provider pushes rows: registered, described, and ahead of the data (REQ-A3, REQ-C0)."""

import pytest

from common.events import ServiceChanged, SourceKind
from tests.support.catalog_steps import Unit


@pytest.fixture
def unit(catalog):
    return Unit(catalog)


async def test_it_is_told_without_anything_that_is_asked(catalog, unit):
    entry = await unit.published()
    await unit.active(entry, "streets-push", source="write", inputs=[])
    (told,) = await catalog.told(ServiceChanged)
    assert (told.event.source, told.event.inputs, told.event.interface) == (SourceKind.WRITE, (), None)


async def test_its_description_tells_which_rows_to_send(catalog, unit):
    entry = await unit.published()
    await unit.active(entry, "streets-push", source="write", inputs=[])
    page = (await unit.compiler.get("/services/streets-push/description.md")).text
    for text in ("每行的信息项", "`street_code`", "`Idempotency-Key`", "application/vnd.shuqiao.rows+json", "upsert"):
        assert text in page
    for text in ("可授权的信息项", "pageSize", "X-Total-Count", "X-Data-As-Of", "gateway.call("):
        assert text not in page
    assert (await unit.compiler.get("/services/streets-push/description")).status_code == 200
