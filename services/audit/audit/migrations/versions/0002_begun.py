"""Calls that began an effect outside are found by time."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("create index call_begun on call (received_at) where kind = 'begin'")


def downgrade() -> None:
    op.execute("drop index call_begun")
