"""Quotas: the shared counts, who holds leases of them, and what was asked in verifications."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

STATEMENTS = [
    # Unlogged: a crash of the database empties it, and takes longer than the second that it counts.
    """
    create unlogged table quota_second (
        grant_id uuid primary key,
        bucket bigint not null,
        used bigint not null,
        most bigint not null,
        want bigint not null
    ) with (fillfactor = 50)
    """,
    """
    create table quota_day (
        grant_id uuid primary key,
        bucket bigint not null,
        used bigint not null,
        most bigint not null,
        want bigint not null
    ) with (fillfactor = 50)
    """,
    """
    create table replica (
        holder uuid primary key,
        worker text not null,
        seen_at timestamptz not null,
        settled boolean not null default false
    )
    """,
    """
    create table quota_held (
        holder uuid not null references replica,
        grant_id uuid not null,
        bucket bigint not null,
        count bigint not null,
        primary key (holder, grant_id, bucket)
    )
    """,
    # Keyed hashes only: who was asked about, and what was claimed.
    """
    create table claim (
        day date not null,
        unit text not null,
        identity text not null,
        claims text not null,
        primary key (day, unit, identity, claims)
    )
    """,
    # One after the other for one identity, so that two at once are not both the last that is allowed.
    """
    create function admit_claims(p_unit text, p_identity text, p_claims text, p_most int) returns boolean
    language plpgsql as $$
    declare
        today date := (clock_timestamp() at time zone 'Asia/Shanghai')::date;
    begin
        perform from claim where (day, unit, identity, claims) = (today, p_unit, p_identity, p_claims);
        if found then
            return true;
        end if;
        perform pg_advisory_xact_lock(hashtextextended(p_unit || chr(31) || p_identity, 0));
        if (select count(*) from claim where (day, unit, identity) = (today, p_unit, p_identity)) >= p_most then
            return exists (
                select from claim where (day, unit, identity, claims) = (today, p_unit, p_identity, p_claims)
            );
        end if;
        insert into claim (day, unit, identity, claims) values (today, p_unit, p_identity, p_claims)
            on conflict do nothing;
        return true;
    end $$
    """,
]


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop function admit_claims")
    for table in ("claim", "quota_held", "replica", "quota_day", "quota_second"):
        op.execute(f"drop table {table}")
