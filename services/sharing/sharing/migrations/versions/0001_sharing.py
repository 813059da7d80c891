"""Sharing: applications, form numbers, grants; what is known of units, entries and services."""

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


def moment(name: str, *, nullable: bool = False) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    delivery.create_v1()
    op.create_table(
        "application",
        sa.Column("id", pg.UUID(as_uuid=True), primary_key=True),
        sa.Column("number", sa.Text, unique=True),
        text("unit"),
        text("applicant"),
        text("provider"),
        text("entry"),
        sa.Column("request", pg.JSONB, nullable=False),
        text("state"),
        text("sharing_type", nullable=True),
        moment("submitted_at", nullable=True),
        sa.Column("due_on", sa.Date),
        text("due_open", nullable=True),
        text("due_source", nullable=True),
        sa.Column("basis", pg.JSONB),
        sa.Column("opinions", pg.JSONB, nullable=False),
        sa.Column("papers", pg.ARRAY(sa.Text), nullable=False),
        sa.Column("decision", pg.JSONB),
        moment("changed_at"),
        sa.Index("application_unit", "unit", "changed_at"),
        sa.Index("application_provider", "provider", "changed_at"),
        sa.CheckConstraint(
            "state in ('draft', 'submitted', 'granted', 'refused', 'withdrawn')", name="application_state_known"
        ),
        sa.CheckConstraint("number is not null or state in ('draft', 'withdrawn')", name="application_numbered"),
        sa.CheckConstraint("number ~ '^CNZYSQ[0-9]{6,7}$'", name="application_number_form"),
    )
    op.create_table(
        "form_sequence",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("year", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("last", sa.Integer, nullable=False),
    )
    op.create_table(
        "access_grant",
        sa.Column("id", pg.UUID(as_uuid=True), primary_key=True),
        text("unit"),
        text("service"),
        text("entry"),
        text("application"),
        sa.Column("basis", pg.JSONB, nullable=False),
        sa.Column("items", pg.JSONB, nullable=False),
        sa.Column("terms", pg.JSONB, nullable=False),
        moment("valid_from"),
        text("state"),
        sa.Column("keys", pg.JSONB, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        moment("changed_at"),
        text("changed_by"),
        text("reason", nullable=True),
        sa.UniqueConstraint("unit", "service", name="grant_one_per_unit_and_service"),
        sa.Index("grant_entry", "entry"),
        sa.CheckConstraint("state in ('active', 'suspended', 'revoked', 'withdrawn')", name="grant_state_known"),
    )
    op.create_table(
        "grant_change",
        sa.Column("grant", pg.UUID(as_uuid=True), sa.ForeignKey("access_grant.id"), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        text("action"),
        moment("changed_at"),
        text("changed_by"),
        text("reason", nullable=True),
    )
    op.create_table(
        "unit",
        sa.Column("code", sa.Text, primary_key=True),
        text("name"),
        text("state"),
        text("body", nullable=True),
        sa.Column("version", sa.Integer, nullable=False),
    )
    op.create_table(
        "entry",
        sa.Column("code", sa.Text, primary_key=True),
        text("provider"),
        text("name"),
        sa.Column("published", sa.Boolean, nullable=False),
        sa.Column("items", pg.JSONB, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Index("entry_provider", "provider"),
    )
    op.create_table(
        "service",
        sa.Column("code", sa.Text, primary_key=True),
        text("entry"),
        text("state"),
        sa.Column("version", sa.Integer, nullable=False),
    )


def downgrade() -> None:
    for table in ("service", "entry", "unit", "grant_change", "access_grant", "form_sequence", "application"):
        op.drop_table(table)
    delivery.drop_v1()
