"""Uploads and their findings; what is known of units, entries and code sets."""

from datetime import datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

from common import delivery

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=nullable)


def number(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=nullable)


def moment(name: str, *, nullable: bool = False) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    delivery.create_v1()
    op.create_table(
        "upload",
        sa.Column("id", pg.UUID(as_uuid=True), primary_key=True),
        text("entry"),
        text("provider"),
        text("name"),
        text("bucket"),
        text("object_key"),
        text("object_version", nullable=True),
        number("size", nullable=True),
        text("sha256", nullable=True),
        text("state"),
        text("uploaded_by"),
        moment("created_at"),
        moment("received_at", nullable=True),
        text("resource_version", nullable=True),
        number("rows", nullable=True),
        text("reason", nullable=True),
        text("message", nullable=True),
        number("findings"),
        moment("done_at", nullable=True),
        sa.Index("upload_provider", "provider", "created_at"),
        sa.Index("upload_entry", "entry", "created_at"),
        sa.Index(
            "upload_loaded_once",
            "resource_version",
            "sha256",
            unique=True,
            postgresql_where=sa.text("state = 'loaded'"),
        ),
        sa.CheckConstraint("state in ('awaited', 'received', 'loaded', 'rejected')", name="upload_state_known"),
    )
    op.create_table(
        "finding",
        sa.Column("upload", pg.UUID(as_uuid=True), sa.ForeignKey("upload.id"), primary_key=True),
        sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("row", sa.Integer),
        sa.Column("col", sa.Integer),
        text("item", nullable=True),
        text("rule"),
        text("message"),
    )
    op.create_table(
        "unit",
        sa.Column("code", sa.Text, primary_key=True),
        text("state"),
        sa.Column("version", sa.Integer, nullable=False),
    )
    op.create_table(
        "entry",
        sa.Column("code", sa.Text, primary_key=True),
        text("name"),
        text("provider"),
        sa.Column("published", sa.Boolean, nullable=False),
        text("resource_version"),
        sa.Column("items", pg.JSONB, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
    )
    op.create_table(
        "code_set_part",
        sa.Column("code_set", sa.Text, primary_key=True),
        sa.Column("edition", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("part", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("parts", sa.Integer, nullable=False),
        sa.Column("codes", pg.JSONB, nullable=False),
    )


def downgrade() -> None:
    for table in ("code_set_part", "entry", "unit", "finding", "upload"):
        op.drop_table(table)
    delivery.drop_v1()
