"""The road in: files in parts, sightings in a watched bucket, forms that lapsed; objects of unstructured resources."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "transfer",
        sa.Column("upload", pg.UUID(as_uuid=True), sa.ForeignKey("upload.id"), primary_key=True),
        sa.Column("store_id", sa.Text),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("part_bytes", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
    )
    op.create_index("transfer_open", "transfer", ["expires_at"], postgresql_where=sa.text("ended_at is null"))
    op.create_table(
        "sighting",
        *(sa.Column(name, sa.Text, primary_key=True) for name in ("bucket", "key", "version")),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("provider", sa.Text),
        sa.Column("upload", pg.UUID(as_uuid=True)),
        sa.Column("reason", sa.Text),
        sa.Column("message", sa.Text),
    )
    op.create_index("sighting_provider", "sighting", ["provider", "seen_at"])
    op.create_table("lapsed", sa.Column("upload", pg.UUID(as_uuid=True), sa.ForeignKey("upload.id"), primary_key=True))
    op.add_column("entry", sa.Column("format", sa.Text))
    op.create_table(
        "object",
        sa.Column("id", pg.UUID(as_uuid=True), primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("entry", "provider", "name")),
        sa.Column("note", sa.Text),
        sa.Column("values", pg.JSONB, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("bucket", "object_key", "state", "uploaded_by")),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("object_version", sa.Text),
        sa.Column("size", sa.BigInteger),
        *(sa.Column(name, sa.Text) for name in ("sha256", "media_type", "resource_version")),
        sa.Column("received_at", sa.DateTime(timezone=True)),
        *(sa.Column(name, sa.Text) for name in ("reason", "message")),
        sa.Column("done_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("state in ('awaited', 'received', 'registered', 'refused')", name="object_state_known"),
    )
    op.create_index("object_provider", "object", ["provider", "created_at"])
    op.create_index("object_received", "object", ["received_at"], postgresql_where=sa.text("state = 'received'"))
    # What a unit has under way, and forms that were posted and never completed.
    op.create_index(
        "upload_open", "upload", ["created_at"], postgresql_where=sa.text("state in ('awaited', 'received')")
    )


def downgrade() -> None:
    op.drop_index("upload_open", "upload")
    op.drop_column("entry", "format")
    for table in ("object", "lapsed", "sighting", "transfer"):
        op.drop_table(table)
