"""Shares of a quota per second: calls that replicas may serve in every second of some minutes without asking again."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "alter table quota_second add column term bigint not null default 0,"
        " add column shared bigint not null default 0"
    )


def downgrade() -> None:
    op.execute("alter table quota_second drop column term, drop column shared")
