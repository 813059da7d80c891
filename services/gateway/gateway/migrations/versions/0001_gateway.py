"""The gateway's own database: the outbox of access records."""

from common import delivery

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    delivery.create_v1()


def downgrade() -> None:
    delivery.drop_v1()
