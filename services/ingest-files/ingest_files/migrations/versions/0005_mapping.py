"""The guided profile: how a resource's files are read, and what was found in each."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "intake",
        sa.Column("entry", sa.Text, primary_key=True),
        sa.Column("profile", sa.Text, nullable=False),
        sa.Column("whole", sa.Boolean, nullable=False),
        sa.Column("titles", pg.JSONB, nullable=False),
        sa.Column("headers", pg.JSONB, nullable=False),
        sa.Column("set_by", sa.Text, nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("profile in ('strict', 'guided')", name="intake_profile_known"),
    )
    op.create_table(
        "detection",
        sa.Column("upload", pg.UUID(as_uuid=True), sa.ForeignKey("upload.id"), primary_key=True),
        sa.Column("sheets", pg.JSONB, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("detection")
    op.drop_table("intake")
