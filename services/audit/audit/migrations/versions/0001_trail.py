"""The trail: calls by month, events whole, the progress of each worker; the service may add, not alter."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

from common import delivery

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# A record is kept as the text that its writer wrote: nothing is asked of its members here, and to have it parsed or
# checked once more was measured to cost as much as adding it to all the indexes.
CALLS = """
create table call (
    received_at timestamptz not null,
    call uuid not null,
    kind text not null,
    worker text not null,
    start uuid not null,
    number bigint not null,
    trace_id text not null,
    unit text,
    entry text,
    "grant" uuid,
    code text not null,
    subject text,
    batches uuid[] not null,
    record text not null,
    primary key (call, received_at, kind)
) partition by range (received_at)
"""
INDEXES = (
    "create index call_by_trace on call (trace_id)",
    "create index call_by_unit on call (unit, received_at)",
    "create index call_by_entry on call (entry, received_at)",
    'create index call_by_grant on call ("grant", received_at)',
    "create index call_by_subject on call (subject, received_at) where subject is not null",
    "create index call_by_batch on call using gin (batches)",
    "create index call_by_number on call (worker, start, number)",
)
# Records whose time is outside of the months that exist are kept all the same.
REST = "create table call_other partition of call default"
# Months are those of Asia/Shanghai. Runs with the owner's rights: the service itself can make no table. Records that
# were kept beside the months move into theirs when it is made. What the service may not do with the trail as a whole
# it may not do with a month of it either.
PARTITIONS = """
create function make_call_partitions(p_months int) returns void
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    month timestamp;
    name text;
    since timestamptz;
    until timestamptz;
begin
    if p_months not between 1 and 12 then
        raise exception 'between 1 and 12 months';
    end if;
    perform pg_advisory_xact_lock(1397248338);
    for n in 0 .. p_months - 1 loop
        month := date_trunc('month', now() at time zone 'Asia/Shanghai') + make_interval(months => n);
        name := 'call_' || to_char(month, 'YYYYMM');
        since := month at time zone 'Asia/Shanghai';
        until := (month + interval '1 month') at time zone 'Asia/Shanghai';
        continue when to_regclass('public.' || quote_ident(name)) is not null;
        lock table call_other in access exclusive mode;
        execute format('create table %I (like call including defaults including constraints)', name);
        execute format('with moved as (delete from call_other where received_at >= %L and received_at < %L returning *)'
                       ' insert into %I select * from moved', since, until, name);
        execute format('alter table call attach partition %I for values from (%L) to (%L)', name, since, until);
        execute format('revoke update, delete, truncate on %I from audit_app', name);
    end loop;
end $$
"""


def upgrade() -> None:
    delivery.create_v1()
    for statement in (CALLS, *INDEXES, REST, PARTITIONS):
        op.execute(statement)
    op.create_table(
        "kept_event",
        sa.Column("id", pg.UUID(as_uuid=True), primary_key=True),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("ref", sa.Text, nullable=False),
        sa.Column("version", sa.Integer),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trace_id", sa.Text),
        sa.Column("body", pg.JSONB, nullable=False),
        sa.Column("kept_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Index("kept_event_by_ref", "topic", "ref", "version"),
        sa.Index("kept_event_by_trace", "trace_id"),
    )
    op.create_table(
        "worker_progress",
        sa.Column("worker", sa.Text, primary_key=True),
        sa.Column("start", pg.UUID(as_uuid=True), primary_key=True),
        sa.Column("next_number", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "worker_gap",
        sa.Column("worker", sa.Text, primary_key=True),
        sa.Column("start", pg.UUID(as_uuid=True), primary_key=True),
        sa.Column("first", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    )
    # What is in the trail stays as it was written (PIT-P10): the service's role may add and read.
    op.execute("revoke update, delete, truncate on call, call_other, kept_event, worker_gap from audit_app")
    op.execute("revoke all on function make_call_partitions from public")
    op.execute("grant execute on function make_call_partitions to audit_app")
    op.execute("select make_call_partitions(3)")


def downgrade() -> None:
    for table in ("worker_gap", "worker_progress", "kept_event", "call"):
        op.drop_table(table)
    op.execute("drop function make_call_partitions")
    delivery.drop_v1()
