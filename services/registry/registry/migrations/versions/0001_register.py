"""The register: units, keys, people, accounts, sessions, the state of the exchange."""

from datetime import datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

from common import delivery

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def moment(name: str, *, nullable: bool = False) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    delivery.create_v1()
    op.create_table(
        "unit",
        sa.Column("code", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("body", sa.Text, unique=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("leader", pg.UUID(as_uuid=True)),
        sa.Column("dedicated", pg.UUID(as_uuid=True)),
        sa.Column("version", sa.Integer, nullable=False),
        moment("changed_at"),
        sa.Column("changed_by", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.CheckConstraint("code ~ '^[a-z][a-z0-9-]{1,31}$'", name="unit_code_form"),
        sa.CheckConstraint("state in ('active', 'suspended', 'withdrawn')", name="unit_state_known"),
    )
    op.create_table(
        "unit_key",
        sa.Column("id", pg.UUID(as_uuid=True), primary_key=True),
        sa.Column("unit", sa.Text, sa.ForeignKey("unit.code"), nullable=False, index=True),
        sa.Column("hash", sa.Text, nullable=False, unique=True),
        sa.Column("algorithm", sa.Text, nullable=False),
        sa.Column("pepper", sa.Text, nullable=False),
        sa.Column("last", sa.Text, nullable=False),
        moment("issued_at"),
        sa.Column("issued_by", sa.Text, nullable=False),
        moment("revoked_at", nullable=True),
        sa.Column("revoked_by", sa.Text),
    )
    op.create_table(
        "unit_change",
        sa.Column("unit", sa.Text, sa.ForeignKey("unit.code"), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("action", sa.Text, nullable=False),
        moment("changed_at"),
        sa.Column("changed_by", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
    )
    op.create_table(
        "person",
        sa.Column("id", pg.UUID(as_uuid=True), primary_key=True),
        sa.Column("unit", sa.Text, sa.ForeignKey("unit.code"), nullable=False, index=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("post", sa.Text, nullable=False),
        sa.Column("phone", sa.Text, nullable=False),
        moment("created_at"),
        sa.Column("created_by", sa.Text, nullable=False),
    )
    op.create_table(
        "account",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("unit", sa.Text, sa.ForeignKey("unit.code"), nullable=False, index=True),
        sa.Column("person", pg.UUID(as_uuid=True), sa.ForeignKey("person.id"), nullable=False),
        sa.Column("roles", pg.ARRAY(sa.Text), nullable=False),
        sa.Column("password_hash", sa.Text, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        moment("locked_until", nullable=True),
        sa.Column("enabled", sa.Boolean, nullable=False),
        moment("changed_at"),
        sa.Column("changed_by", sa.Text, nullable=False),
    )
    op.create_table(
        "session",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("account", sa.Text, sa.ForeignKey("account.name"), nullable=False, index=True),
        moment("created_at"),
        moment("expires_at"),
    )
    op.create_table(
        "exchange_state",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        moment("changed_at"),
        sa.Column("changed_by", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.CheckConstraint("id = 1", name="exchange_state_is_one"),
        sa.CheckConstraint("state in ('running', 'stopped')", name="exchange_state_known"),
    )
    op.execute(
        "insert into exchange_state (id, state, version, changed_at, changed_by)"
        " values (1, 'running', 0, now(), 'setup')"
    )


def downgrade() -> None:
    for table in ("exchange_state", "session", "account", "person", "unit_change", "unit_key", "unit"):
        op.drop_table(table)
    delivery.drop_v1()
