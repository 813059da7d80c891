"""How a resource lies in the store: names, types, and the statements that make its table and its view."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import Refusal
from common.events import ItemType
from exchange.layout import MAX_COLUMNS, BadLayout, Resource, quoted, sql_type, statements
from tests.support.items import day, integer, item, key, moment, numeric, text


def resource(*items, version="307001-000001_v3", provider="civil-affairs"):
    return Resource(provider=provider, version=version, items=items or (key(text("street_code", 9)), text()))


def test_a_resource_has_a_schema_per_unit_and_a_table_and_a_view_per_version():
    made = resource()
    assert (made.schema, made.table, made.view) == ("u_civil_affairs", "r307001_000001_t3", "r307001_000001_v3")
    assert made.qualified_table == '"u_civil_affairs"."r307001_000001_t3"'
    assert made.qualified_view == '"u_civil_affairs"."r307001_000001_v3"'


def test_two_versions_share_nothing():
    first, second = resource(version="307001-000001_v1"), resource(version="307001-000001_v12")
    assert {first.table, first.view}.isdisjoint({second.table, second.view})


@pytest.mark.parametrize(
    "version",
    [
        "307001-000001",
        "307001-000001_v0",
        "307001-000001_v01",
        "407001-000001_v1",
        "307001-000001_v1; drop schema exchange",
        "307001-000001_v1\n",
        '307001-000001_v1"',
        "３07001-000001_v1",
        "",
    ],
)
def test_a_version_that_is_not_one_has_no_place(version):
    with pytest.raises(BadLayout):
        resource(version=version)


@pytest.mark.parametrize("provider", ["", "a", "Civil", "civil_affairs", 'a"b', "a;b", "-ab", "a" * 33, "ab\n", "民政"])
def test_a_unit_that_is_not_one_has_no_schema(provider):
    with pytest.raises(BadLayout):
        resource(provider=provider)


def hostile(code):
    """An item as no catalogue would let it out."""
    return text().model_copy(update={"code": code})


@pytest.mark.parametrize(
    "code", ["", "1a", "_batch", "_row", 'a"b', "a b", "a;--", "名称", "a" * 64, "a\x00", "a\n", "a-b", "a'b", "é"]
)
def test_an_item_whose_code_is_not_one_has_no_column(code):
    with pytest.raises(BadLayout):
        resource(hostile(code))


@pytest.mark.parametrize("code", ["xmin", "xmax", "cmin", "cmax", "ctid", "tableoid"])
def test_an_item_cannot_be_called_like_a_column_that_every_table_has(code):
    with pytest.raises(BadLayout) as refused:
        resource(hostile(code))
    assert refused.value.details == {"items": [code]}


@pytest.mark.parametrize("code", ["select", "user", "XMIN", "order", "a", "a" * 63, "organ_CODE"])
def test_words_of_sql_are_codes_like_others(code):
    assert f'"{code}" varchar' in "".join(statements(resource(hostile(code))))


def test_codes_that_differ_only_in_case_are_one():
    with pytest.raises(BadLayout):
        resource(text("organ_CODE"), text("organ_code"))


def test_a_resource_has_items_but_not_too_many():
    with pytest.raises(BadLayout):
        Resource(provider="civil", version="307001-000001_v1", items=())
    resource(*(integer(f"i{n}") for n in range(MAX_COLUMNS)))
    with pytest.raises(BadLayout):
        resource(*(integer(f"i{n}") for n in range(MAX_COLUMNS + 1)))


@pytest.mark.parametrize("places", [(2,), (1, 3), (1, 1), (0,), (1, 2, 2)])
def test_places_in_the_key_count_from_one_without_gap(places):
    with pytest.raises(BadLayout):
        resource(*(key(text(f"k{n}"), place) for n, place in enumerate(places)))


def test_the_key_is_in_the_order_of_its_places_not_of_the_items():
    assert resource(key(text("b"), 2), text("c"), key(text("a"), 1)).key == ("a", "b")
    assert resource(text("c")).key == ()


def test_a_refusal_is_for_good():
    """A resource that cannot be laid out never can: its event is dead-lettered, not tried again for ever."""
    assert issubclass(BadLayout, Refusal)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (text(length=400), 'varchar(400) collate "C"'),
        (integer(), "bigint"),
        (numeric(precision=20, scale=6), "numeric(20,6)"),
        (item("n", ItemType.NUMERIC, precision=5), "numeric(5,0)"),
        (day(), "date"),
        (moment(), "timestamp(0)"),
    ],
)
def test_each_type_has_its_column(made, expected):
    assert sql_type(made) == expected


@pytest.mark.parametrize(
    "made",
    [
        item("t", ItemType.TEXT),
        text(length=0),
        text(length=-1),
        text(length=10_000_001),
        item("n", ItemType.NUMERIC, scale=2),
        numeric(precision=0, scale=0),
        numeric(precision=1001, scale=0),
        numeric(precision=5, scale=6),
        numeric(precision=5, scale=-1),
    ],
)
def test_lengths_and_digits_that_cannot_be_are_refused(made):
    with pytest.raises(BadLayout) as refused:
        sql_type(made)
    assert refused.value.details == {"item": made.code}


def test_the_statements_make_schema_table_index_view_and_the_readers_right_to_the_view_alone():
    made = resource(key(text("code", 9)), text("name", 40, unique=True), day(), integer(nullable=False))
    assert statements(made) == [
        'create schema if not exists "u_civil_affairs" authorization exchange_owner',
        (
            'create table if not exists "u_civil_affairs"."r307001_000001_t3" ('
            '"code" varchar(9) collate "C" not null, "name" varchar(40) collate "C", "day" date,'
            ' "count" bigint not null, _batch uuid not null, _row integer not null,'
            " _loaded_at timestamptz not null default now(),"
            ' primary key ("code"), unique ("name"))'
        ),
        'create index if not exists "r307001_000001_t3_batch" on "u_civil_affairs"."r307001_000001_t3" (_batch)',
        (
            'create or replace view "u_civil_affairs"."r307001_000001_v3"'
            ' as select "code", "name", "day", "count", _batch, _row from "u_civil_affairs"."r307001_000001_t3"'
        ),
        'grant usage on schema "u_civil_affairs" to gateway_reader, loader',
        'grant select on "u_civil_affairs"."r307001_000001_v3" to gateway_reader',
    ]


def test_a_key_of_several_items_is_one_key_in_its_order():
    table = statements(resource(key(text("b"), 2), key(text("a"), 1)))[1]
    assert 'primary key ("a", "b")' in table


def test_without_a_key_a_row_is_known_by_batch_and_place():
    assert "primary key (_batch, _row)" in statements(resource(text()))[1]


def test_a_key_that_is_unique_by_itself_is_not_indexed_twice():
    assert "unique" not in statements(resource(key(text("code", 9, unique=True))))[1]


def test_an_item_of_the_key_is_never_null_whatever_it_says():
    assert (
        '"code" varchar(9) collate "C" not null' in statements(resource(text("code", 9, key_place=1, nullable=True)))[1]
    )


@given(st.text(max_size=70))
def test_any_name_is_quoted_whole_or_refused(name):
    if not name or "\x00" in name or len(name.encode()) > 63:
        with pytest.raises(BadLayout):
            quoted(name)
    else:
        made = quoted(name)
        inside = made[1:-1].replace('""', "\x00")
        assert made[0] == made[-1] == '"'
        assert '"' not in inside
        assert inside.replace("\x00", '"') == name
