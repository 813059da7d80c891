"""The three tables by which a service sends and receives events, the same in every service's database."""

from typing import Final

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

metadata: Final = sa.MetaData()

outbox: Final = sa.Table(
    "outbox",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("event_id", pg.UUID(as_uuid=True), nullable=False, unique=True),
    sa.Column("topic", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("headers", pg.JSONB, nullable=False),
    sa.Column("payload", sa.LargeBinary, nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.Column("published_at", sa.DateTime(timezone=True)),
    # The relay asks for what is not yet published, in order; the index holds nothing else.
    sa.Index("outbox_unpublished", "id", postgresql_where=sa.text("published_at IS NULL")),
    sa.Index("outbox_published", "published_at", postgresql_where=sa.text("published_at IS NOT NULL")),
)

inbox: Final = sa.Table(
    "inbox",
    metadata,
    sa.Column("consumer", sa.Text, primary_key=True),
    sa.Column("event_id", pg.UUID(as_uuid=True), primary_key=True),
    # The same id with another body is refused, so the body's digest is kept.
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Column("received_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.Index("inbox_received", "received_at"),
)

dead: Final = sa.Table(
    "dead_letter",
    metadata,
    # Where the record came from: a record that is met again is not dead-lettered again.
    sa.Column("origin", sa.Text, primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("parked_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.Column("replayed_at", sa.DateTime(timezone=True)),
    sa.Column("replayed_by", sa.Text),
)


def create_v1() -> None:
    """For the first migration of a service: the tables as they were in the beginning."""
    for table in (outbox, inbox, dead):
        table.to_metadata(sa.MetaData()).create(op.get_bind())
    # Not squeezed: it was measured to cost whoever waits for the commit more than all the rest of it.
    op.execute("alter table outbox alter column payload set storage external")


def drop_v1() -> None:
    for table in (dead, inbox, outbox):
        op.drop_table(table.name)
