"""Which values a resource does not have: what rules that refer to another resource ask (REQ-A7)."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

MOST = 50_000
"""Values of one question."""

STATEMENTS = [
    # The loader may read no resource. It may ask of values that it has whether they are there: by the version of a
    # resource that is in the books and by columns of it, whose names and types are taken from the books and from the
    # table, never from the question. A value is an array of texts, one for each column, and is answered by its place
    # from 1. It is compared in the column's own type, so that its index serves; without the length, to which a cast
    # would cut it.
    f"""
    create function exchange.lacking(p_version text, p_items text[], p_values jsonb) returns setof bigint
    language plpgsql stable security definer set search_path = pg_catalog as $$
    declare
        r exchange.resource;
        same text;
        found_columns bigint;
    begin
        select * into strict r from exchange.resource where version = p_version;
        if p_items is null or cardinality(p_items) not between 1 and 16
           or p_values is null or jsonb_typeof(p_values) <> 'array' or jsonb_array_length(p_values) > {MOST} then
            raise exception 'not a question' using errcode = 'invalid_parameter_value';
        end if;
        select count(*), string_agg(
                   format('t.%I = (v.value ->> %s)::%s', a.attname, i.place - 1, format_type(a.atttypid, null)),
                   ' and ')
          into found_columns, same
          from unnest(p_items) with ordinality i(item, place)
          join pg_attribute a on a.attname = i.item and a.attnum > 0 and not a.attisdropped
           and a.attrelid = format('%I.%I', r.schema_name, r.table_name)::regclass
         where i.item = any(r.columns);
        if found_columns <> cardinality(p_items) then
            raise exception 'no such items' using errcode = 'undefined_column';
        end if;
        return query execute format(
            'select v.place from jsonb_array_elements($1) with ordinality v(value, place)
              where not exists (select from %I.%I t where %s)', r.schema_name, r.table_name, same)
            using p_values;
    end $$
    """,
    "revoke all on function exchange.lacking from public",
    "grant execute on function exchange.lacking to loader",
]


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop function exchange.lacking")
