"""Pushes: rows that came in a call of the gateway's, each with one result."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "push",
        sa.Column("id", pg.UUID(as_uuid=True), primary_key=True),
        sa.Column("call", pg.UUID(as_uuid=True), nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("service", "entry", "provider")),
        sa.Column("key", sa.Text),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("way", "sha256")),
        sa.Column("size", sa.BigInteger, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("bucket", "object_key")),
        sa.Column("object_version", sa.Text),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("resource_version", "state")),
        sa.Column("rows", sa.BigInteger),
        sa.Column("reason", sa.Text),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True)),
        sa.Column("committed_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("state in ('received', 'loaded', 'rejected')", name="push_state_known"),
    )
    # What was refused changed nothing and uses up no key.
    op.create_index(
        "push_key_once", "push", ["service", "key"], unique=True, postgresql_where=sa.text("state <> 'rejected'")
    )
    op.create_index("push_newest", "push", ["service", "tried_at"])
    op.create_index("push_open", "push", ["tried_at"], postgresql_where=sa.text("state = 'received'"))


def downgrade() -> None:
    op.drop_table("push")
