from tests.support import migrating


async def test_the_tables_go_up_and_down_and_up_again(fresh):
    database = fresh("ingest-files")
    owner = database.url("ingest_files_owner")
    made = await migrating.left(database.admin_url())
    assert {"relation public.upload", "relation public.finding", "relation public.outbox"} <= set(made)
    await migrating.downgrade("ingest_files", owner)
    assert await migrating.left(database.admin_url()) == []
    await migrating.upgrade("ingest_files", owner)
    assert await migrating.left(database.admin_url()) == made
