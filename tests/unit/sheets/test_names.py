"""File names of the annex: 资源名称-时间戳.xls (Annex 3 chapter 6, 2; IN-X3, X4, X5)."""

from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sheets.findings import Rule
from sheets.kinds import Kind
from sheets.names import check_name, display_name, make_name, parse_name

NOON = datetime.fromisoformat("2017-12-20T12:00:01")


def rules(raw: str, resource: str = "企业基本信息", kind: Kind = Kind.XLS) -> set[Rule]:
    return {finding.rule for finding in check_name(raw, resource=resource, kind=kind)}


def test_the_annexs_own_example_is_understood():
    name = parse_name("企业基本信息-20171220.xls")
    assert (name.resource, name.stamp, name.extension, name.findings) == (
        "企业基本信息",
        date(2017, 12, 20),
        ".xls",
        (),
    )
    assert name.matches("企业基本信息")
    assert not name.matches("企业基本信息2")


def test_the_stamp_may_have_a_time_and_the_resource_a_dash():
    name = parse_name("A-B-20171220120001.XLS")
    assert (name.resource, name.stamp, name.extension) == ("A-B", NOON, ".xls")


@pytest.mark.parametrize(
    ("raw", "rule"),
    [
        ("../../x-20171220.xls", Rule.NAME_PATH),
        ("C:\\x\\y-20171220.xls", Rule.NAME_PATH),
        ("a\nb-20171220.xls", Rule.NAME_CHARACTERS),
        ("x\u202eslx.exe-20171220.xls", Rule.NAME_CHARACTERS),
        ("x\u200b-20171220.xls", Rule.NAME_CHARACTERS),
        (".xls", Rule.NAME_STAMP),
        ("", Rule.NAME_EXTENSION),
        ("x" * 300 + "-20171220.xls", Rule.NAME_LENGTH),
        ("x.xls.exe", Rule.NAME_EXTENSION),
        ("x-20171220.xls.exe", Rule.NAME_EXTENSION),
        ("x-20171220.exe.xls", Rule.NAME_STAMP),
        ("x.xls", Rule.NAME_STAMP),
        ("x-20171320.xls", Rule.NAME_STAMP),
        ("x-2017122.xls", Rule.NAME_STAMP),
        ("x-201712201260.xls", Rule.NAME_STAMP),
        ("x-２０１７１２２０.xls", Rule.NAME_STAMP),
        ("-20171220.xls", Rule.NAME_RESOURCE),
        ("法人信息-20171220.xls", Rule.NAME_RESOURCE),
    ],
)
def test_a_name_of_another_form_is_found_out(raw, rule):
    assert rule in rules(raw)


def test_all_that_is_wrong_is_named_at_once():
    assert rules("../a\0.exe") == {Rule.NAME_PATH, Rule.NAME_CHARACTERS, Rule.NAME_EXTENSION, Rule.NAME_STAMP}


@pytest.mark.parametrize(
    ("extension", "kind", "suits"),
    [
        (".xls", Kind.XLS, True),
        (".et", Kind.XLS, True),
        (".xls", Kind.XLSX, True),
        (".xlsx", Kind.XLS, True),
        (".ods", Kind.ODS, True),
        (".csv", Kind.CSV, True),
        (".xls", Kind.CSV, False),
        (".csv", Kind.XLS, False),
        (".xls", Kind.HTML, False),
    ],
)
def test_a_workbook_may_bear_the_extension_of_another_workbook_and_a_text_may_not(extension, kind, suits):
    # IN-X5: the one documented rule.
    name = f"企业基本信息-20171220{extension}"
    assert parse_name(name).suits(kind) is suits
    assert (Rule.NAME_KIND in rules(name, kind=kind)) is not suits


@given(st.text(max_size=300))
def test_any_name_can_be_shown_in_a_line(raw):
    shown = display_name(raw)
    assert 0 < len(shown) <= 80
    assert shown.isprintable()
    assert not set(shown) & set("/\\\n\r\u202e\u2066\u200f\0")
    assert parse_name(raw).display == shown


# A year of a name has four digits; a name's time is in Beijing and has whole seconds.
_DAYS = st.dates(date(1000, 1, 1))
_AT = st.one_of(_DAYS, st.builds(lambda day, at: datetime.combine(day, at.replace(microsecond=0)), _DAYS, st.times()))


@given(st.text(min_size=1, max_size=120), _AT)
def test_a_name_that_is_made_is_understood_again_whatever_the_resource_is_called(resource, at):
    try:
        made = make_name(resource, at)
    except ValueError:
        assert not any(character.isalnum() for character in resource)
        return
    name = parse_name(made)
    assert name.findings == ()
    assert name.matches(resource)
    assert name.stamp == at
    assert len(made.encode()) <= 255


def test_a_resource_whose_name_cannot_be_a_file_name_still_matches_its_file():
    assert make_name('a/b:c*"d"', date(2026, 1, 2)) == "a_b_c__d_-20260102.xls"
    assert parse_name("a_b_c__d_-20260102.xls").matches('a/b:c*"d"')
