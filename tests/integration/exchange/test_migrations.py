from exchange.layout import OWNER
from provision.secrets import KEEPER
from tests.support import migrating


async def test_the_store_goes_up_and_down_and_up_again(fresh):
    database = fresh("exchange")
    made = await migrating.left(database.admin_url())
    assert {"relation exchange.batch", "relation exchange.batch_heads", "function exchange.merge"} <= set(made)
    await migrating.downgrade("exchange", database.url(KEEPER), OWNER)
    assert await migrating.left(database.admin_url()) == []
    await migrating.upgrade("exchange", database.url(KEEPER), OWNER)
    assert await migrating.left(database.admin_url()) == made
    await migrating.upgrade("exchange", database.url(KEEPER), OWNER)
    assert await migrating.left(database.admin_url()) == made
