"""What proves a unit's calls: signing keys and client certificates."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "unit_proof",
        sa.Column("unit", sa.Text, sa.ForeignKey("unit.code"), primary_key=True),
        # A withdrawn signing key keeps its row, so that it cannot be registered again.
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("registered_by", sa.Text, nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True)),
        sa.Column("withdrawn_by", sa.Text),
        sa.CheckConstraint("kind in ('signing-key', 'subject', 'fingerprint')", name="unit_proof_kind_known"),
    )


def downgrade() -> None:
    op.drop_table("unit_proof")
