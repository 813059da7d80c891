"""The catalogue: entries and their editions, services, code sets, steps; what is known of units and of data."""

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
    return sa.Column(name, sa.Integer, nullable=nullable)


def moment(name: str) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)


def upgrade() -> None:
    delivery.create_v1()
    op.create_table(
        "entry",
        sa.Column("code", sa.Text, primary_key=True),
        text("provider"),
        sa.Column("draft", pg.JSONB),
        text("draft_state", nullable=True),
        text("compiled_by", nullable=True),
        text("reviewed_by", nullable=True),
        text("reviewed_as", nullable=True),
        number("edition", nullable=True),
        sa.Column("withdrawn", sa.Boolean, nullable=False),
        number("revision"),
        number("version"),
        text("name"),
        moment("changed_at"),
        sa.Index("entry_provider", "provider"),
        sa.CheckConstraint("draft_state in ('draft', 'under-review', 'approved')", name="entry_draft_state_known"),
        sa.CheckConstraint("draft is not null or edition is not null", name="entry_holds_something"),
    )
    op.create_table(
        "entry_edition",
        sa.Column("entry", sa.Text, sa.ForeignKey("entry.code"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("content", pg.JSONB, nullable=False),
        number("structure"),
        text("compiled_by"),
        text("reviewed_by"),
        text("published_by"),
        text("separation"),
        sa.Column("basis", pg.JSONB, nullable=False),
        moment("published_at"),
    )
    op.create_table("code_sequence", sa.Column("classification", sa.Text, primary_key=True), number("last"))
    op.create_table(
        "service",
        sa.Column("code", sa.Text, primary_key=True),
        sa.Column("entry", sa.Text, sa.ForeignKey("entry.code"), nullable=False, index=True),
        sa.Column("content", pg.JSONB, nullable=False),
        number("structure"),
        text("state"),
        text("registered_by"),
        number("version"),
        moment("changed_at"),
        text("changed_by"),
        text("reason", nullable=True),
        sa.CheckConstraint("code ~ '^[a-z0-9-]{1,64}$'", name="service_code_form"),
        sa.CheckConstraint("state in ('registered', 'active', 'stopped', 'withdrawn')", name="service_state_known"),
    )
    op.create_table(
        "step",
        sa.Column("id", pg.UUID(as_uuid=True), primary_key=True),
        sa.Column("entry", sa.Text, sa.ForeignKey("entry.code"), nullable=False, index=True),
        text("service", nullable=True),
        text("action"),
        text("done_by"),
        moment("done_at"),
        text("opinion", nullable=True),
    )
    op.create_table(
        "code_set",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("edition", sa.Integer, primary_key=True),
        text("name"),
        text("source"),
        sa.Column("codes", pg.JSONB, nullable=False),
        moment("published_at"),
        text("published_by"),
    )
    op.create_table(
        "unit",
        sa.Column("code", sa.Text, primary_key=True),
        text("name"),
        text("state"),
        number("catalog_keepers"),
        number("version"),
    )
    op.create_table(
        "resource_data",
        sa.Column("resource_version", sa.Text, primary_key=True),
        sa.Column("batch", pg.UUID(as_uuid=True), nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        moment("committed_at"),
    )


def downgrade() -> None:
    for table in (
        "resource_data",
        "unit",
        "code_set",
        "step",
        "service",
        "code_sequence",
        "entry_edition",
        "entry",
    ):
        op.drop_table(table)
    delivery.drop_v1()
