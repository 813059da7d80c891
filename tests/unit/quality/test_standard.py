"""The naming standard of Annex 3 §3 and the national code sets, as data (REQ-A7)."""

import pytest

from quality import national, standard
from quality.standard import MatchedBy, match


def test_the_annex_has_38_fields_in_four_tables():
    tables = [row.table for row in standard.rows()]
    assert [tables.count(table) for table in ("3.1", "3.2", "3.3", "3.4")] == [12, 15, 4, 7]
    assert standard.by_code()["uni_sc_id"].tables == ("3.2", "3.3", "3.4")
    capital = standard.by_code()["reg_capital"]
    assert (capital.type, capital.precision, capital.scale, capital.length) == ("numeric", 20, 6, None)
    assert standard.by_code()["CSRQ"].length is None


@pytest.mark.parametrize(
    ("title", "code", "by"),
    [
        ("XM", "XM", MatchedBy.CODE),
        ("UNI_SC_ID", "uni_sc_id", MatchedBy.CODE),
        ("法定代表人/负责人", "person_name", MatchedBy.NAME),
        ("法定代表人", "person_name", MatchedBy.PART),
        ("注册资金（万元）", "reg_capital", MatchedBy.PART),
        (" 身份证号 ", "ZJHM", MatchedBy.SYNONYM),
        ("企业名称", "corp_name", MatchedBy.SYNONYM),
    ],
)
def test_a_title_names_a_field(title, code, by):
    found = match(title)
    assert (found.field.code, found.by) == (code, by)


@pytest.mark.parametrize("title", ["地址", "名称", "证件号", "备注", "", "（）"])
def test_a_title_that_could_be_several_fields_or_none_is_none(title):
    assert match(title) is None


def test_no_title_is_the_synonym_of_two_fields():
    titles = [standard._plain(title) for field in standard.fields() for title in field.synonyms]
    assert len(titles) == len(set(titles))
    assert all(match(title).field is field for field in standard.fields() for title in field.synonyms)


def test_type_and_length_are_those_of_the_standard():
    field = standard.by_code()["uni_sc_id"]
    assert standard.misfits(field, "text", 18, None, None) == ()
    assert standard.misfits(field, "text", 20, None, None) == ("长度应为18",)
    assert standard.misfits(field, "integer", None, None, None) == ("类型应为 text",)


def test_national_codes_stand_once_with_their_source():
    sets = {one.id: one for one in national.code_sets()}
    counts = {name: len(one.codes) for name, one in sets.items()}
    assert counts["gb-t-3304"] == 58
    assert counts["gb-t-2260"] == 3342
    assert all(len({code for code, _ in one.codes}) == len(one.codes) for one in sets.values())
    assert all(one.standard in one.source and len(one.source) <= 200 for one in sets.values())
    assert dict(sets["gb-t-2260"].codes)["310105"] == "长宁区"
    assert dict(sets["gb-t-3304"].codes)["56"] == "基诺族"
    assert standard.by_code()["MZ"].code_set == "gb-t-3304"


def test_every_district_and_county_has_its_city_but_those_that_a_province_governs_itself():
    codes = dict(next(one for one in national.code_sets() if one.id == "gb-t-2260").codes)
    cities = {code for code in codes if code.endswith("00") and not code.endswith("0000")}
    without = {code[:4] for code in codes if not code.endswith("00") and f"{code[:4]}00" not in cities}
    assert len(cities) == 333
    assert without == {"1101", "1201", "3101", "5001", "5002", "4190", "4290", "4690", "6590"}
    assert (codes["320500"], codes["654300"], codes["620200"]) == ("苏州市", "阿勒泰地区", "嘉峪关市")
