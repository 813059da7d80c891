"""Quality: severity and masked value of findings, the rules of entries, batches in numbers."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("finding", sa.Column("severity", sa.Text, nullable=False, server_default="error"))
    op.add_column("finding", sa.Column("value", sa.Text))
    op.create_check_constraint("finding_severity_known", "finding", "severity in ('error', 'warning')")
    op.create_table(
        "entry_rules",
        sa.Column("entry", sa.Text, primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("declared", pg.JSONB, nullable=False),
    )
    op.create_table(
        "batch_numbers",
        sa.Column("upload", pg.UUID(as_uuid=True), primary_key=True),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("nulls", pg.JSONB, nullable=False),
        sa.Column("distinct_values", pg.JSONB, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("batch_numbers")
    op.drop_table("entry_rules")
    op.drop_constraint("finding_severity_known", "finding")
    op.drop_column("finding", "value")
    op.drop_column("finding", "severity")
