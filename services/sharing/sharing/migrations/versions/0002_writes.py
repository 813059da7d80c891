"""Which services bring rows of their provider's: a unit asks for those of its own resources alone."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Before this there were no such services.
    op.add_column("service", sa.Column("writes", sa.Boolean, nullable=False, server_default=sa.false()))


def downgrade() -> None:
    op.drop_column("service", "writes")
