import asyncpg
import pytest


@pytest.mark.parametrize("service", ["registry", "catalog", "sharing", "ingest-files", "gateway", "audit"])
async def test_a_fresh_database_has_the_tables_of_delivery(fresh, service):
    connection = await asyncpg.connect(fresh(service).app_url)
    try:
        assert await connection.fetchval("select count(*) from outbox") == 0
    finally:
        await connection.close()
