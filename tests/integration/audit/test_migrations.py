from tests.support import migrating


async def test_the_trail_goes_up_and_down_and_up_again(fresh):
    database = fresh("audit")
    owner = database.url("audit_owner")
    made = await migrating.left(database.admin_url())
    assert {"relation public.call", "relation public.call_other", "function public.make_call_partitions"} <= set(made)
    await migrating.downgrade("audit", owner)
    assert await migrating.left(database.admin_url()) == []
    await migrating.upgrade("audit", owner)
    assert await migrating.left(database.admin_url()) == made
