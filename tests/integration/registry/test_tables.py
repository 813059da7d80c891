"""The migrations of registry go both ways, and its tables are what its code declares."""

from registry.store import Rows
from tests.support.table_agreement import differences, migrate, objects, revision


async def test_the_tables_agree_with_the_rows_that_the_code_declares(fresh):
    assert await differences(fresh("registry"), Rows.metadata) == []


async def test_the_way_back_leaves_nothing_and_the_way_up_can_be_gone_again(fresh):
    made = fresh("registry")
    before, at = await objects(made), await revision(made)
    await migrate(made, "registry", "base")
    assert (await objects(made), await revision(made)) == (set(), None)
    await migrate(made, "registry", "head")

    assert (await objects(made), await revision(made)) == (before, at)
    assert await differences(made, Rows.metadata) == []
