"""The exchange store's own bookkeeping: resources, batches, staging and the merge."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATEMENTS = [
    "create schema exchange",
    "create schema staging",
    """
    create table exchange.resource (
        version text primary key,
        provider text not null,
        schema_name text not null,
        table_name text not null,
        view_name text not null,
        columns text[] not null,
        made_at timestamptz not null default now()
    )
    """,
    """
    create table exchange.batch (
        batch uuid primary key,
        version text not null references exchange.resource,
        rows bigint not null,
        mode text not null check (mode in ('replace')),
        sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),
        committed_at timestamptz not null default now()
    )
    """,
    "create index batch_newest on exchange.batch (version, committed_at desc)",
    # What the gateway asks for the age of the data: one row per resource version, changed in the merge's transaction.
    """
    create table exchange.head (
        version text primary key references exchange.resource,
        batch uuid not null references exchange.batch,
        committed_at timestamptz not null
    )
    """,
    """
    create view exchange.batch_heads with (security_barrier = true)
        as select version as resource_version, batch, committed_at from exchange.head
    """,
    # A staging table per batch, made and dropped inside the loader's transaction: typed like the resource's table,
    # without its keys; unlogged, because a crash means that the batch is staged again.
    """
    create function exchange.open_stage(p_version text, p_batch uuid) returns text
    language plpgsql security definer set search_path = pg_catalog as $$
    declare
        r exchange.resource;
        stage text := 'b_' || replace(p_batch::text, '-', '');
        listed text;
    begin
        select * into strict r from exchange.resource where version = p_version;
        select string_agg(quote_ident(c), ', ') into listed from unnest(r.columns) c;
        execute format('drop table if exists staging.%I', stage);
        execute format('create unlogged table staging.%I as select %s, _row from %I.%I with no data',
                       stage, listed, r.schema_name, r.table_name);
        execute format('grant insert, select on staging.%I to loader', stage);
        return stage;
    end $$
    """,
    # The merge: the resource's row is locked, so that batches of one resource come one after the other; a batch that
    # is already there is not merged again; readers see the old rows until the commit and the new ones after it.
    """
    create function exchange.merge(p_version text, p_batch uuid, p_sha256 text) returns bigint
    language plpgsql security definer set search_path = pg_catalog as $$
    declare
        r exchange.resource;
        stage text := 'b_' || replace(p_batch::text, '-', '');
        listed text;
        merged bigint;
    begin
        select * into strict r from exchange.resource where version = p_version for update;
        select rows into merged from exchange.batch where batch = p_batch;
        if found then
            execute format('drop table if exists staging.%I', stage);
            return merged;
        end if;
        select string_agg(quote_ident(c), ', ') into listed from unnest(r.columns) c;
        execute format('delete from %I.%I', r.schema_name, r.table_name);
        execute format('insert into %I.%I (%s, _batch, _row) select %s, $1, _row from staging.%I',
                       r.schema_name, r.table_name, listed, listed, stage) using p_batch;
        get diagnostics merged = row_count;
        insert into exchange.batch (batch, version, rows, mode, sha256)
            values (p_batch, p_version, merged, 'replace', p_sha256);
        insert into exchange.head (version, batch, committed_at) values (p_version, p_batch, now())
            on conflict (version) do update set batch = excluded.batch, committed_at = excluded.committed_at;
        execute format('drop table staging.%I', stage);
        return merged;
    end $$
    """,
    "revoke all on function exchange.open_stage, exchange.merge from public",
    "grant usage on schema exchange, staging to loader",
    "grant execute on function exchange.open_stage, exchange.merge to loader",
    "grant select on exchange.resource, exchange.batch to loader",
    "grant usage on schema exchange to gateway_reader",
    "grant select on exchange.batch_heads to gateway_reader",
]


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop schema staging cascade")
    op.execute("drop schema exchange cascade")
