"""Makes a connection take every day of the calendar as itself.

asyncpg writes the first and the last day that Python knows as minus and plus infinity, and 9999/12/31 is what half of
all registers write for 长期有效: it would come back as nothing.
"""

from datetime import date, datetime, timedelta
from typing import Final

import asyncpg

# PostgreSQL counts days and microseconds from here.
_DAY: Final = date(2000, 1, 1)
_INSTANT: Final = datetime(2000, 1, 1)  # noqa: DTZ001  items of type datetime are Beijing time without zone
_UNIT: Final = timedelta(microseconds=1)


async def whole(connection: asyncpg.Connection) -> None:
    """Let this connection write and read dates and datetimes as they are, the first and the last among them."""
    await connection.set_type_codec(
        "date",
        schema="pg_catalog",
        format="tuple",
        encoder=lambda day: ((day - _DAY).days,),
        decoder=lambda counted: _DAY + timedelta(days=counted[0]),
    )
    await connection.set_type_codec(
        "timestamp",
        schema="pg_catalog",
        format="tuple",
        encoder=lambda moment: ((moment - _INSTANT) // _UNIT,),
        decoder=lambda counted: _INSTANT + timedelta(microseconds=counted[0]),
    )
