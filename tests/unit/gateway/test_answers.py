"""Answers in every structure, style and format, with none, one and many rows (Annex 3 §5.2; IN-G12, IN-G13)."""

import json
from decimal import Decimal
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.answers import MEDIA, failure, success, verified
from gateway.domain.decisions import PLAIN, Format, Output, Structure, Style
from gateway.errors import MEMOS, Code, Refused
from tests.support.gateway_calls import decided, template_of
from tests.support.gateway_world import World
from tests.support.items import day, integer, key, numeric, text

CODE, NAME = key(text("street_code", 9)), text("street_name", 40)
ONE = ('"310105001"', '"华阳路街道"')
TWO = ('"310105002"', "null")
JSON_ = {
    (Structure.LM, 0): "[]",
    (Structure.LM, 1): '[{"street_code":"310105001","street_name":"华阳路街道"}]',
    (Structure.LM, 2): (
        '[{"street_code":"310105001","street_name":"华阳路街道"},{"street_code":"310105002","street_name":null}]'
    ),
    (Structure.KV, 0): "null",
    (Structure.KV, 1): '{"street_code":"310105001","street_name":"华阳路街道"}',
    (Structure.MA, 0): '{"street_code":[],"street_name":[]}',
    (Structure.MA, 1): '{"street_code":["310105001"],"street_name":["华阳路街道"]}',
    (Structure.MA, 2): '{"street_code":["310105001","310105002"],"street_name":["华阳路街道",null]}',
}
XML = {
    (Structure.LM, 0): "",
    (Structure.LM, 1): "<ROW><street_code>310105001</street_code><street_name>华阳路街道</street_name></ROW>",
    (Structure.LM, 2): (
        "<ROW><street_code>310105001</street_code><street_name>华阳路街道</street_name></ROW>"
        "<ROW><street_code>310105002</street_code><street_name></street_name></ROW>"
    ),
    (Structure.KV, 0): "",
    (Structure.KV, 1): "<street_code>310105001</street_code><street_name>华阳路街道</street_name>",
    (Structure.MA, 0): "<street_code></street_code><street_name></street_name>",
    (Structure.MA, 1): "<street_code><V>310105001</V></street_code><street_name><V>华阳路街道</V></street_name>",
    (Structure.MA, 2): (
        "<street_code><V>310105001</V><V>310105002</V></street_code><street_name><V>华阳路街道</V><V></V></street_name>"
    ),
}


def answer(items, rows, structure, style=Style.COMPLEX, output=Format.JSON):
    single = structure in {Structure.KV, Structure.SR}
    return success(template_of(items), rows, Output(output, style, structure, single)).decode()


@pytest.mark.parametrize(("structure", "rows"), JSON_)
def test_json_answers(structure, rows):
    data = JSON_[structure, rows]
    found = [answer((CODE, NAME), [ONE, TWO][:rows], structure, style) for style in (Style.COMPLEX, Style.SIMPLE)]
    assert found == ['{"SUCCESS":"1","DATA":' + data + "}", data]


@pytest.mark.parametrize(("structure", "rows"), XML)
def test_xml_answers(structure, rows):
    data = f"<DATA>{XML[structure, rows]}</DATA>"
    found = [
        answer((CODE, NAME), [ONE, TWO][:rows], structure, style, Format.XML) for style in (Style.COMPLEX, Style.SIMPLE)
    ]
    assert found == [f"<RESULT><SUCCESS>1</SUCCESS>{data}</RESULT>", data]


@pytest.mark.parametrize(
    ("rows", "in_json", "in_xml"),
    [([], "null", ""), ([('"华阳路街道"',)], '"华阳路街道"', "华阳路街道"), ([("null",)], "null", "")],
)
def test_one_value_is_the_bare_value(rows, in_json, in_xml):
    assert answer((NAME,), rows, Structure.SR) == '{"SUCCESS":"1","DATA":' + in_json + "}"
    assert answer((NAME,), rows, Structure.SR, Style.SIMPLE) == in_json
    assert answer((NAME,), rows, Structure.SR, Style.SIMPLE, Format.XML) == f"<DATA>{in_xml}</DATA>"


@pytest.mark.parametrize("structure", [Structure.KV, Structure.SR])
@pytest.mark.parametrize("output", list(Format))
def test_one_was_asked_for_and_several_match(structure, output):
    """IN-G12."""
    with pytest.raises(Refused) as refused:
        answer((NAME,), [('"a"',), ('"b"',)], structure, output=output)
    assert refused.value.code == Code.SEVERAL


@pytest.mark.parametrize("rows", [[], [ONE], [ONE, TWO], [ONE] * 1000])
def test_the_plain_answer_is_what_its_options_written_out_give(rows):
    template = template_of((CODE, NAME))
    written_out = Output(Format.JSON, Style.COMPLEX, Structure.LM)
    assert written_out is not PLAIN
    assert success(template, rows, PLAIN) == success(template, rows, written_out)


@pytest.mark.parametrize("value", ['"100%"', '"%s"', '"%(name)s"', '"{}"', '"%%"'])
def test_what_looks_like_a_place_for_a_value_is_none(value):
    template = template_of((CODE, NAME))
    assert json.loads(success(template, [(value, value)], PLAIN))["DATA"][0]["street_name"] == json.loads(value)


class TestVerified:
    TEMPLATE = template_of((CODE, NAME))

    def test_one_row_is_the_record_and_of_nobody_every_claim_is_false(self):
        assert verified(self.TEMPLATE, [('"1"', '"0"')]) == ('"1"', '"0"')
        assert verified(self.TEMPLATE, []) == ('"0"', '"0"')

    def test_an_identity_that_is_not_one_is_301(self):
        with pytest.raises(Refused) as refused:
            verified(self.TEMPLATE, [('"1"', '"1"'), ('"1"', '"1"')])
        assert refused.value.code == Code.SEVERAL

    @pytest.mark.parametrize(
        ("structure", "expected"),
        [
            (Structure.LM, [{"street_code": "0", "street_name": "1"}]),
            (Structure.KV, {"street_code": "0", "street_name": "1"}),
            (Structure.MA, {"street_code": ["0"], "street_name": ["1"]}),
        ],
    )
    def test_it_is_one_record_in_every_structure(self, structure, expected):
        told = success(self.TEMPLATE, [('"0"', '"1"')], Output(style=Style.SIMPLE, structure=structure))
        assert json.loads(told) == expected


@pytest.mark.parametrize("code", MEMOS)
def test_a_failure_is_the_envelope_with_the_seeds_memo(code):
    assert json.loads(failure(code, Format.JSON)) == {
        "SUCCESS": "0",
        "ERROR": {"ERROR_CODE": code.value, "ERROR_MEMO": MEMOS[code]},
    }
    told = ET.fromstring(failure(code, Format.XML))
    assert [told.tag, *[child.tag for child in told.iter()][1:]] == [
        "RESULT",
        "SUCCESS",
        "ERROR",
        "ERROR_CODE",
        "ERROR_MEMO",
    ]
    assert [told.findtext(path) for path in ("SUCCESS", "ERROR/ERROR_CODE", "ERROR/ERROR_MEMO")] == [
        "0",
        code.value,
        MEMOS[code],
    ]


def test_the_memos_are_the_annexes_to_the_letter():
    assert [MEMOS[code] for code in (Code.PARAMETERS, Code.UNIT_KEY, Code.METHOD_KEY, Code.GRANT)] == [
        "参数错误或无参数",
        "unitKey 错误",
        "methodKey 错误",
        "授权状态异常, 授权到期或授权已暂停",
    ]
    assert [MEMOS[code] for code in (Code.SERVICE, Code.VALUE, Code.QUOTA, Code.STOPPED, Code.SEVERAL)] == [
        "服务代码异常, 不能自定义授权, 请核实服务代码!",
        "参数值异常, 请核实参数值。注: 参数值区分大小写",
        "服务调用已超过预警值, 暂时不能调用",
        "服务已停止使用, 请联系管理员",
        "结果不唯一",
    ]


def test_media_types_name_their_encoding():
    assert MEDIA == {
        Format.JSON: b"application/json; charset=utf-8",
        Format.XML: b"application/xml; charset=utf-8",
    }


TEXTS = st.text(st.characters(exclude_categories=["Cc", "Cs", "Cn"]), max_size=30)
NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, places=6).map(lambda n: format(n, "f"))
FIELDS = {
    "text": (text, TEXTS.map(lambda value: json.dumps(value, ensure_ascii=False))),
    "number": (numeric, NUMBERS),
    "count": (integer, st.integers().map(str)),
    "day": (day, st.dates().map(lambda d: f'"{d.year:04}/{d:%m/%d}"')),
}


@st.composite
def tables(draw):
    """Items of every type, and rows of them as the database shows them."""
    kinds = draw(st.lists(st.sampled_from(sorted(FIELDS)), min_size=1, max_size=6))
    items = [FIELDS[kind][0](f"i{n}") for n, kind in enumerate(kinds)]
    row = st.tuples(*(st.just("null") | FIELDS[kind][1] for kind in kinds))
    return items, draw(st.lists(row, max_size=5))


def cells(rows):
    return [[json.loads(cell, parse_float=str, parse_int=str) for cell in row] for row in rows]


@given(tables(), st.sampled_from([Style.COMPLEX, Style.SIMPLE]))
def test_any_rows_are_json_that_says_what_they_said_digit_by_digit(table, style):
    items, rows = table
    for structure in (Structure.LM, Structure.MA):
        told = json.loads(answer(items, rows, structure, style), parse_float=str, parse_int=str)
        data = told["DATA"] if style is Style.COMPLEX else told
        if structure is Structure.LM:
            assert [list(record.values()) for record in data] == cells(rows)
            assert all(list(record) == [item.code for item in items] for record in data)
        else:
            assert list(data) == [item.code for item in items]
            assert list(data.values()) == [list(column) for column in zip(*cells(rows), strict=True)] or not rows


@given(tables())
def test_any_rows_are_well_formed_xml_that_says_what_they_said(table):
    items, rows = table
    told = ET.fromstring(answer(items, rows, Structure.LM, Style.COMPLEX, Format.XML))
    found = [[(cell.tag, cell.text or "") for cell in row] for row in told.iterfind("DATA/ROW")]
    assert found == [[(item.code, cell or "") for item, cell in zip(items, row, strict=True)] for row in cells(rows)]
    columns = ET.fromstring(answer(items, rows, Structure.MA, Style.SIMPLE, Format.XML))
    assert [column.tag for column in columns] == [item.code for item in items]
    assert all(len(column.findall("V")) == len(rows) for column in columns)


def keys_of(data):
    if isinstance(data, dict):
        return set(data).union(*map(keys_of, data.values()))
    return set().union(*map(keys_of, data)) if isinstance(data, list) else set()


@given(tables(), st.data())
def test_an_answer_holds_granted_items_and_no_others(table, data):
    """IN-G27: whatever is granted of whatever items, the keys of the answer are within the grant."""
    items, rows = table
    granted = data.draw(st.sets(st.sampled_from([*(item.code for item in items), "gone", "i9"]), min_size=1))
    structure = data.draw(st.sampled_from(list(Structure)))
    world = World()
    world.unit("edu")
    world.service("s", items, {})
    world.grant("edu", "s", sorted(granted))
    try:
        _, plan = decided(world, "edu", "s", {"rsStructure": structure.value})
        # The database gives back what the shape asks for.
        places = [items.index(column.item) for column in plan.template.shape.columns]
        shown = [tuple(row[place] for place in places) for row in rows]
        body = success(plan.template, shown[: plan.paging.limit], plan.output)
    except Refused as refused:
        body = failure(refused.code, Format.JSON)
    told = json.loads(body)
    if told["SUCCESS"] == "1":
        assert keys_of(told["DATA"]) <= granted
    else:
        assert "DATA" not in told


def test_numbers_keep_all_their_digits():
    digits = "12345678901234.567890"
    told = answer((numeric("n"),), [(digits,)], Structure.SR, Style.SIMPLE)
    assert told == digits
    assert json.loads(told, parse_float=Decimal) == Decimal(digits)
