"""How the database is told to show a value."""

from exchange.values import fragment
from tests.support.items import day, integer, moment, numeric, text


def test_a_column_is_shown_as_the_protocol_writes_it():
    assert fragment(text(), '"n"') == """coalesce(to_json("n")::text, 'null')"""
    assert fragment(integer(), '"n"') == fragment(numeric(), '"n"') == """coalesce("n"::text, 'null')"""
    assert "'YYYY/MM/DD'" in fragment(day(), '"d"')
    assert "'YYYY/MM/DD HH24:MI:SS'" in fragment(moment(), '"m"')
