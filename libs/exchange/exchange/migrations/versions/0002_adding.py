"""Batches that add to the rows of a resource instead of taking their place: appended, or put in by key."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

STATEMENTS = [
    "alter table exchange.batch drop constraint batch_mode_check",
    "alter table exchange.batch add constraint batch_mode_check check (mode in ('replace', 'append', 'upsert'))",
    # As `merge`, and under the same lock, but the rows that are there stay. Appended rows must be new. A row put in by
    # key takes the place of the one that is there, so that each row names the batch that wrote it last.
    """
    create function exchange.add(p_version text, p_batch uuid, p_sha256 text, p_mode text) returns bigint
    language plpgsql security definer set search_path = pg_catalog as $$
    declare
        r exchange.resource;
        stage text := 'b_' || replace(p_batch::text, '-', '');
        listed text;
        changed text;
        key_columns text[];
        conflict text := '';
        added bigint;
    begin
        if p_mode is null or p_mode not in ('append', 'upsert') then
            raise exception 'not a way of adding' using errcode = 'invalid_parameter_value';
        end if;
        select * into strict r from exchange.resource where version = p_version for update;
        select rows into added from exchange.batch where batch = p_batch;
        if found then
            execute format('drop table if exists staging.%I', stage);
            return added;
        end if;
        select string_agg(quote_ident(c), ', ') into listed from unnest(r.columns) c;
        if p_mode = 'upsert' then
            select array_agg(a.attname::text) into key_columns
              from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey)
             where i.indisprimary and i.indrelid = format('%I.%I', r.schema_name, r.table_name)::regclass;
            if not key_columns <@ r.columns then
                raise exception 'no key to put rows in by' using errcode = 'invalid_parameter_value';
            end if;
            select string_agg(format('%I = excluded.%I', c, c), ', ') into changed
              from unnest(r.columns || array['_batch', '_row', '_loaded_at']) c where c <> all(key_columns);
            select ' on conflict (' || string_agg(quote_ident(c), ', ') || ') do update set ' || changed
              into conflict from unnest(key_columns) c;
        end if;
        execute format('insert into %I.%I (%s, _batch, _row) select %s, $1, _row from staging.%I%s',
                       r.schema_name, r.table_name, listed, listed, stage, conflict) using p_batch;
        get diagnostics added = row_count;
        insert into exchange.batch (batch, version, rows, mode, sha256)
            values (p_batch, p_version, added, p_mode, p_sha256);
        insert into exchange.head (version, batch, committed_at) values (p_version, p_batch, now())
            on conflict (version) do update set batch = excluded.batch, committed_at = excluded.committed_at;
        execute format('drop table staging.%I', stage);
        return added;
    end $$
    """,
    "revoke all on function exchange.add from public",
    "grant execute on function exchange.add to loader",
]


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop function exchange.add")
    op.execute("alter table exchange.batch drop constraint batch_mode_check")
    # Batches that were added cannot be told in the older form; as long as there are some, there is no way back.
    op.execute("alter table exchange.batch add constraint batch_mode_check check (mode in ('replace'))")
