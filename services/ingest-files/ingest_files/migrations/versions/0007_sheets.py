"""Findings name the sheet; whether files may have any length is said in one place, `loading`."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("finding", sa.Column("sheet", sa.Text))
    op.drop_column("intake", "whole")


def downgrade() -> None:
    op.add_column("intake", sa.Column("whole", sa.Boolean, nullable=False, server_default=sa.false()))
    op.alter_column("intake", "whole", server_default=None)
    op.drop_column("finding", "sheet")
