from tests.support import migrating


async def test_the_outbox_goes_up_and_down_and_up_again(fresh):
    database = fresh("gateway")
    owner = database.url("gateway_owner")
    made = await migrating.left(database.admin_url())
    assert "relation public.outbox" in made
    await migrating.downgrade("gateway", owner)
    assert await migrating.left(database.admin_url()) == []
    await migrating.upgrade("gateway", owner)
    assert await migrating.left(database.admin_url()) == made
