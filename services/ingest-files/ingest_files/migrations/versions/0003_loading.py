"""In which ways files go to a resource; batches that were taken back; the difference of a file that did not fit."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "loading",
        sa.Column("entry", sa.Text, primary_key=True),
        sa.Column("ways", pg.ARRAY(sa.Text), nullable=False),
        sa.Column("whole", sa.Boolean, nullable=False),
        sa.Column("changed_by", sa.Text, nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "taking_back",
        sa.Column("batch", pg.UUID(as_uuid=True), primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("entry", "provider", "resource_version", "by", "why")),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.CheckConstraint("state in ('asked', 'done', 'refused')", name="taking_back_state_known"),
    )
    op.add_column("upload", sa.Column("way", sa.Text, nullable=False, server_default="replace"))
    op.add_column("upload", sa.Column("mark", sa.Text))
    op.add_column("upload", sa.Column("difference", pg.JSONB))
    # The same content may be loaded again once other rows are there.
    op.drop_index("upload_loaded_once", "upload")
    op.create_index("upload_loaded", "upload", ["resource_version"], postgresql_where=sa.text("state = 'loaded'"))


def downgrade() -> None:
    op.drop_index("upload_loaded", "upload")
    op.create_index(
        "upload_loaded_once",
        "upload",
        ["resource_version", "sha256"],
        unique=True,
        postgresql_where=sa.text("state = 'loaded'"),
    )
    for column in ("difference", "mark", "way"):
        op.drop_column("upload", column)
    op.drop_table("taking_back")
    op.drop_table("loading")
