"""What a batch took away is kept for a while, so that it can be taken back; deletes; whole loads into the table itself.

Each batch has its number in the order of commits. A table in `history` per batch holds the rows that it displaced:
those of the newest `KEPT` batches of a resource version. The functions of before stay, for services that run meanwhile.
"""

import runpy
from pathlib import Path

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

KEPT = 3

STATEMENTS = [
    "create schema history",
    """
    alter table exchange.batch
        add column number bigint,
        add column sheet text,
        add column deleted bigint not null default 0,
        add column kept boolean not null default false,
        add column taken_back_at timestamptz,
        add column taken_back_by text,
        add column taken_back_why text
    """,
    """
    update exchange.batch b set number = n.number
      from (select batch, row_number() over (partition by version order by committed_at, batch) as number
              from exchange.batch) n
     where n.batch = b.batch
    """,
    "alter table exchange.batch alter column number set not null",
    "create unique index batch_in_order on exchange.batch (version, number)",
    "alter table exchange.batch drop constraint batch_mode_check",
    """
    alter table exchange.batch add constraint batch_mode_check
        check (mode in ('replace', 'append', 'upsert', 'delete'))
    """,
    # The key's columns of a table, in their order.
    """
    create function exchange.key_of(p_schema text, p_table text) returns text[]
    language sql stable set search_path = pg_catalog as $$
        select array_agg(a.attname::text order by array_position(i.indkey::int2[], a.attnum))
          from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey)
         where i.indisprimary and i.indrelid = format('%I.%I', p_schema, p_table)::regclass
    $$
    """,
    # The books of a batch, and what older batches kept is let go. The caller holds the resource's lock.
    f"""
    create function exchange.enter(
        p_version text, p_batch uuid, p_sha256 text, p_mode text, p_sheet text, p_rows bigint, p_deleted bigint
    ) returns void
    language plpgsql set search_path = pg_catalog as $$
    declare
        next bigint := (select coalesce(max(number), 0) + 1 from exchange.batch where version = p_version);
        old uuid;
    begin
        insert into exchange.batch (batch, version, rows, mode, sha256, number, sheet, deleted, kept)
            values (p_batch, p_version, p_rows, p_mode, p_sha256, next, p_sheet, p_deleted, true);
        insert into exchange.head (version, batch, committed_at) values (p_version, p_batch, now())
            on conflict (version) do update set batch = excluded.batch, committed_at = excluded.committed_at;
        for old in select batch from exchange.batch where version = p_version and kept and number <= next - {KEPT} loop
            execute format('drop table if exists history.%I', 'h_' || replace(old::text, '-', ''));
            update exchange.batch set kept = false where batch = old;
        end loop;
    end $$
    """,
    # As before, and beside the values: whose rows they are, and whether a row says that its key is to go.
    """
    create or replace function exchange.open_stage(p_version text, p_batch uuid) returns text
    language plpgsql security definer set search_path = pg_catalog as $$
    declare
        r exchange.resource;
        stage text := 'b_' || replace(p_batch::text, '-', '');
        listed text;
    begin
        select * into strict r from exchange.resource where version = p_version;
        select string_agg(quote_ident(c), ', ') into listed from unnest(r.columns) c;
        execute format('drop table if exists staging.%I', stage);
        execute format('create unlogged table staging.%I as select %s, _row, _batch from %I.%I with no data',
                       stage, listed, r.schema_name, r.table_name);
        execute format('alter table staging.%I add column _gone boolean not null default false', stage);
        execute format('grant insert, select on staging.%I to loader', stage);
        return stage;
    end $$
    """,
    # From the stage into the table, in one of the ways; what is displaced is kept.
    """
    create function exchange.merge(p_version text, p_batch uuid, p_sha256 text, p_mode text, p_sheet text)
    returns bigint
    language plpgsql security definer set search_path = pg_catalog as $$
    declare
        r exchange.resource;
        stage text := 'b_' || replace(p_batch::text, '-', '');
        history text := 'h_' || replace(p_batch::text, '-', '');
        listed text;
        changed text;
        keyed text;
        same text;
        key_columns text[];
        conflict text := '';
        merged bigint;
        gone bigint := 0;
    begin
        if p_mode is null or p_mode not in ('replace', 'append', 'upsert', 'delete') then
            raise exception 'not a way of loading' using errcode = 'invalid_parameter_value';
        end if;
        select * into strict r from exchange.resource where version = p_version for update;
        select rows into merged from exchange.batch where batch = p_batch;
        if found then
            execute format('drop table if exists staging.%I', stage);
            return merged;
        end if;
        select string_agg(quote_ident(c), ', ') into listed from unnest(r.columns) c;
        if p_mode = 'replace' then
            execute format('create table history.%I as table %I.%I', history, r.schema_name, r.table_name);
            execute format('delete from %I.%I', r.schema_name, r.table_name);
        elsif p_mode in ('upsert', 'delete') then
            key_columns := exchange.key_of(r.schema_name, r.table_name);
            if not key_columns <@ r.columns then
                raise exception 'no key to put rows in by' using errcode = 'invalid_parameter_value';
            end if;
            select string_agg(quote_ident(c), ', '), string_agg(format('t.%I = s.%I', c, c), ' and ')
              into keyed, same from unnest(key_columns) c;
            execute format('create table history.%I as select t.* from %I.%I t where exists
                            (select from staging.%I s where %s)', history, r.schema_name, r.table_name, stage, same);
            execute format('delete from %I.%I t using staging.%I s where s._gone and %s',
                           r.schema_name, r.table_name, stage, same);
            get diagnostics gone = row_count;
            select string_agg(format('%I = excluded.%I', c, c), ', ') into changed
              from unnest(r.columns || array['_batch', '_row', '_loaded_at']) c where c <> all(key_columns);
            conflict := format(' on conflict (%s) do update set %s', keyed, changed);
        end if;
        execute format('insert into %I.%I (%s, _batch, _row) select %s, $1, _row from staging.%I where not _gone%s',
                       r.schema_name, r.table_name, listed, listed, stage, conflict) using p_batch;
        get diagnostics merged = row_count;
        perform exchange.enter(p_version, p_batch, p_sha256, p_mode, p_sheet, merged, gone);
        execute format('drop table staging.%I', stage);
        return merged;
    end $$
    """,
    """
    create or replace function exchange.merge(p_version text, p_batch uuid, p_sha256 text) returns bigint
    language sql security definer set search_path = pg_catalog as $$
        select exchange.merge(p_version, p_batch, p_sha256, 'replace', null)
    $$
    """,
    """
    create or replace function exchange.add(p_version text, p_batch uuid, p_sha256 text, p_mode text) returns bigint
    language plpgsql security definer set search_path = pg_catalog as $$
    begin
        if p_mode is null or p_mode not in ('append', 'upsert') then
            raise exception 'not a way of adding' using errcode = 'invalid_parameter_value';
        end if;
        return exchange.merge(p_version, p_batch, p_sha256, p_mode, null);
    end $$
    """,
    # A whole load needs no stage: its rows go into the table itself, within the transaction that took the old ones
    # away. The right to do so lives as long as that transaction, in which `close_table` takes it back. Nothing is
    # returned where the batch is there already.
    """
    create function exchange.open_table(p_version text, p_batch uuid) returns table (schema_name text, table_name text)
    language plpgsql security definer set search_path = pg_catalog as $$
    declare
        r exchange.resource;
        listed text;
    begin
        select * into strict r from exchange.resource e where e.version = p_version for update;
        perform from exchange.batch b where b.batch = p_batch;
        if found then
            return;
        end if;
        execute format('create table history.%I as table %I.%I',
                       'h_' || replace(p_batch::text, '-', ''), r.schema_name, r.table_name);
        execute format('delete from %I.%I', r.schema_name, r.table_name);
        select string_agg(quote_ident(c), ', ') into listed from unnest(r.columns || array['_row', '_batch']) c;
        execute format('grant insert (%s) on %I.%I to loader', listed, r.schema_name, r.table_name);
        return query select r.schema_name, r.table_name;
    end $$
    """,
    """
    create function exchange.close_table(p_version text, p_batch uuid, p_sha256 text, p_sheet text) returns bigint
    language plpgsql security definer set search_path = pg_catalog as $$
    declare
        r exchange.resource;
        listed text;
        merged bigint;
        strange bigint;
    begin
        select * into strict r from exchange.resource where version = p_version for update;
        select string_agg(quote_ident(c), ', ') into listed from unnest(r.columns || array['_row', '_batch']) c;
        execute format('revoke insert (%s) on %I.%I from loader', listed, r.schema_name, r.table_name);
        -- The rows came from a process that nobody trusts; each must say that it is of this batch.
        execute format('select count(*), count(*) filter (where _batch <> $1 or _row < 1) from %I.%I',
                       r.schema_name, r.table_name) using p_batch into merged, strange;
        if strange > 0 then
            raise exception 'rows of another batch' using errcode = 'check_violation';
        end if;
        perform exchange.enter(p_version, p_batch, p_sha256, 'replace', p_sheet, merged, 0);
        return merged;
    end $$
    """,
    # The batch before becomes current again. Only the newest can be taken back, so several go in order.
    """
    create function exchange.take_back(p_version text, p_batch uuid, p_by text, p_why text) returns uuid
    language plpgsql security definer set search_path = pg_catalog as $$
    declare
        r exchange.resource;
        b exchange.batch;
        history text := 'h_' || replace(p_batch::text, '-', '');
        before exchange.batch;
        listed text;
    begin
        select * into strict r from exchange.resource where version = p_version for update;
        select * into strict b from exchange.batch where batch = p_batch and version = p_version;
        select * into before from exchange.batch
         where version = p_version and taken_back_at is null and number < b.number order by number desc limit 1;
        if b.taken_back_at is not null then
            return before.batch;
        end if;
        if exists (select from exchange.batch
                    where version = p_version and taken_back_at is null and number > b.number) then
            raise exception 'later batches build on it' using errcode = 'SQ001';
        end if;
        if not b.kept then
            raise exception 'what it displaced is not kept any more' using errcode = 'SQ002';
        end if;
        execute format('delete from %I.%I where _batch = $1', r.schema_name, r.table_name) using p_batch;
        if to_regclass(format('history.%I', history)) is not null then
            select string_agg(quote_ident(c), ', ') into listed
              from unnest(r.columns || array['_batch', '_row', '_loaded_at']) c;
            execute format('insert into %I.%I (%s) select %s from history.%I',
                           r.schema_name, r.table_name, listed, listed, history);
            execute format('drop table history.%I', history);
        end if;
        update exchange.batch set taken_back_at = clock_timestamp(), taken_back_by = p_by, taken_back_why = p_why,
               kept = false where batch = p_batch;
        if before.batch is null then
            delete from exchange.head where version = p_version;
        else
            update exchange.head set batch = before.batch, committed_at = before.committed_at
             where version = p_version;
        end if;
        return before.batch;
    end $$
    """,
    "revoke all on function exchange.key_of, exchange.enter from public",
    """
    revoke all on function exchange.merge(text, uuid, text, text, text), exchange.open_table, exchange.close_table,
        exchange.take_back from public
    """,
    """
    grant execute on function exchange.merge(text, uuid, text, text, text), exchange.open_table, exchange.close_table,
        exchange.take_back to loader
    """,
    # The loader finds the tables that it may write for the length of a transaction.
    """
    do $$ declare s text; begin
        for s in select distinct schema_name from exchange.resource loop
            execute format('grant usage on schema %I to loader', s);
        end loop;
    end $$
    """,
]


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """The functions of before, out of the steps that made them. What was taken back stays so, and is told no more."""
    op.execute("drop function exchange.take_back, exchange.open_table, exchange.close_table")
    op.execute("drop function exchange.merge(text, uuid, text), exchange.add, exchange.open_stage")
    op.execute("drop function exchange.merge(text, uuid, text, text, text), exchange.enter, exchange.key_of")
    op.execute("drop schema history cascade")
    op.execute("delete from exchange.batch where taken_back_at is not null")
    op.execute("alter table exchange.batch drop constraint batch_mode_check")
    # Deletes cannot be told in the older form; as long as there are some, there is no way back.
    op.execute(
        "alter table exchange.batch add constraint batch_mode_check check (mode in ('replace', 'append', 'upsert'))"
    )
    op.execute(
        "alter table exchange.batch drop column number, drop column sheet, drop column deleted, drop column kept,"
        " drop column taken_back_at, drop column taken_back_by, drop column taken_back_why"
    )
    for step in ("0001_store.py", "0002_adding.py"):
        for statement in runpy.run_path(str(Path(__file__).with_name(step)))["STATEMENTS"]:
            if "create function" in statement or "on function" in statement:
                op.execute(statement)
