"""What a catalogue entry may say: the rules of its content, one by one."""

import json

import jsonschema
import pytest
from pydantic import ValidationError

from common.entry import MAX_ITEMS, MAX_LENGTH, RESERVED, EntryContent, structure
from common.events import Item, SharingType
from common.schemas import ENTRY


def item(**changed):
    whole = {"code": "organ_CODE", "name": "机构代码", "type": "text", "length": 18}
    return {name: value for name, value in {**whole, **changed}.items() if value is not ...}


def entry(*items, **changed):
    whole = {
        "name": "长宁区街道镇名录",
        "classification": "307001",
        "abstract": "本区各街道、镇的名称和代码。",
        "source_system": "区划地名系统",
        "format": "spreadsheet",
        "update_frequency": "yearly",
        "data_grade": "general-1",
        "sharing_type": "unrestricted",
        "opening_type": "not-open",
        "items": list(items) or [item()],
    }
    return {name: value for name, value in {**whole, **changed}.items() if value is not ...}


def read(content) -> EntryContent:
    return EntryContent.model_validate_json(json.dumps(content))


def places(content) -> set[str]:
    """Where the content is refused."""
    with pytest.raises(ValidationError) as refused:
        read(content)
    return {".".join(map(str, error["loc"])) for error in refused.value.errors()}


SECOND = item(code="second", name="第二项")


def test_a_whole_entry_is_accepted_and_is_what_the_schema_allows():
    content = entry(
        item(key_place=1, nullable=False, check="uscc", standard="uni_sc_id"),
        item(code="XM", name="姓名", length=20, sharing_type="authorized", code_set={"id": "gb-2260", "version": 3}),
        item(code="amount", name="金额", type="numeric", length=..., precision=20, scale=6),
        item(code="count", name="数量", type="integer", length=...),
        item(code="born", name="出生日期", type="date", length=..., key_place=2),
        item(code="seen", name="时间", type="datetime", length=...),
        reason="含个人信息",
        legal_basis="《社会救助暂行办法》",
    )
    made = read(content)
    assert [one.code for one in made.items] == ["organ_CODE", "XM", "amount", "count", "born", "seen"]
    jsonschema.validate(content, json.loads(ENTRY.read_text()), cls=jsonschema.Draft202012Validator)


@pytest.mark.parametrize(
    "missing",
    ["name", "classification", "abstract", "source_system", "format", "update_frequency", "data_grade", "sharing_type"],
)
def test_what_an_entry_must_say_is_required(missing):
    assert places(entry(**{missing: ...})) == {missing}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 101),
        ("name", "a\nb"),
        ("name", "a\x7f"),
        ("classification", "407001"),
        ("classification", "30700"),
        ("classification", "3070010000000001" + "1"),
        ("classification", "30700a"),
        ("classification", "307001\n"),
        ("classification", "３07001"),
        ("abstract", ""),
        ("abstract", "x" * 2001),
        ("abstract", "a\x00b"),
        ("format", "paper"),
        ("update_frequency", "sometimes"),
        ("data_grade", "secret"),
        ("sharing_type", "perhaps"),
        ("opening_type", None),
        ("reason", ""),
        ("legal_basis", "a\x1bb"),
        ("items", []),
        ("status", "approved"),
        ("provider", "jyj"),
    ],
)
def test_what_no_entry_may_say_is_refused_where_it_stands(field, value):
    # IN-C1: nothing is set that is not named here; IN-C11: lengths and control characters.
    assert places(entry(**{field: value})) == {field}


def test_line_breaks_and_tabs_may_stand_in_prose():
    assert read(entry(abstract="一\n二\t三", reason="一\r\n二")).abstract == "一\n二\t三"


@pytest.mark.parametrize("length", [1, 100])
def test_lengths_count_characters_not_bytes(length):
    assert len(read(entry(name="𠀀" * length)).name) == length


@pytest.mark.parametrize("code", ["A", "organ_CODE", "a" * 63, "x1", "unitkey2"])
def test_a_code_begins_with_a_letter_and_keeps_its_case(code):
    assert read(entry(item(code=code))).items[0].code == code


@pytest.mark.parametrize("code", ["", "1a", "_a", "a-b", "a b", "a.b", "a" * 64, "é", "a\n", "名称", "a__b", "a__"])
def test_any_other_code_is_refused(code):
    assert places(entry(item(code=code), SECOND)) <= {"items.0.code", "items.0"}


@pytest.mark.parametrize("name", [*sorted(RESERVED), "unitKey", "PAGESIZE"])
def test_the_protocols_own_names_are_no_codes_in_any_case(name):
    assert places(entry(item(code=name), SECOND)) == {"items.0"}


@pytest.mark.parametrize(
    "wrong",
    [
        item(length=...),
        item(length=None),
        item(length=0),
        item(length=MAX_LENGTH + 1),
        item(type="integer"),
        item(type="date"),
        item(type="numeric", length=...),
        item(type="numeric", length=..., precision=5),
        item(type="numeric", length=..., scale=2),
        item(type="numeric", length=..., precision=2, scale=3),
        item(type="numeric", length=..., precision=0, scale=0),
        item(type="numeric", length=..., precision=101, scale=0),
        item(type="numeric", length=..., precision=100, scale=51),
        item(type="numeric", precision=5, scale=2),
        item(type="integer", length=..., precision=5, scale=0),
        item(type="integer", length=..., check="idcard"),
        item(type="date", length=..., code_set={"id": "gb-2260", "version": 1}),
        item(code_set={"id": "GB", "version": 1}),
        item(code_set={"id": "gb-2260", "version": 0}),
        item(code_set={"id": "gb-2260"}),
        item(check="luhn"),
        item(key_place=0),
        item(key_place=17),
        item(type="money"),
        item(name=""),
        item(standard="x" * 41),
        item(mask="x"),
    ],
    ids=str,
)
def test_an_item_that_does_not_fit_its_type_is_refused(wrong):
    assert all(place.startswith("items.0") for place in places(entry(wrong, SECOND)))


@pytest.mark.parametrize(
    "items",
    [
        [item(), item(name="另一个")],
        [item(), item(code="ORGAN_code", name="另一个")],
        [item(), item(code="other")],
        [item(key_place=2)],
        [item(key_place=1), item(code="b", name="二", key_place=3)],
        [item(key_place=1), item(code="b", name="二", key_place=1)],
    ],
)
def test_items_do_not_share_a_code_a_name_or_a_place_in_the_key(items):
    assert places(entry(*items)) == {""}


def test_an_entry_has_at_most_two_hundred_items():
    many = [item(code=f"c{n}", name=f"项{n}") for n in range(MAX_ITEMS + 1)]
    assert len(read(entry(*many[:-1])).items) == 200
    assert places(entry(*many)) == {"items"}


def test_a_refusal_repeats_nothing_that_came_in():
    with pytest.raises(ValidationError) as refused:
        read(entry(item(code="canary", length=None), name="canary" * 50))
    assert "canary" not in str(refused.value)


def test_events_carry_items_with_what_was_left_out_filled_in():
    made = read(
        entry(
            item(key_place=1),
            item(code="XM", name="姓名", sharing_type="authorized", code_set={"id": "gb-2260", "version": 3}),
            item(code="note", name="备注", nullable=False),
        )
    ).described()
    assert all(isinstance(one, Item) for one in made)
    assert [one.sharing_type for one in made] == [
        SharingType.UNRESTRICTED,
        SharingType.AUTHORIZED,
        SharingType.UNRESTRICTED,
    ]
    assert [one.nullable for one in made] == [False, True, False], "what is in the key is never null"
    assert made[1].code_set is not None
    assert (made[1].code_set.id, made[1].code_set.version) == ("gb-2260", 3)


@pytest.mark.parametrize(
    ("changed", "is_another_table"),
    [
        ({"name": "别的名称"}, False),
        ({"sharing_type": "authorized"}, False),
        ({"standard": "x"}, False),
        ({"check": "uscc"}, False),
        ({"code_set": {"id": "gb-2260", "version": 1}}, False),
        ({"code": "other"}, True),
        ({"length": 19}, True),
        ({"type": "integer", "length": ...}, True),
        ({"nullable": False}, True),
        ({"key_place": 1}, True),
        ({"unique": True}, True),
    ],
    ids=str,
)
def test_only_what_shapes_the_table_is_a_new_version_of_the_resource(changed, is_another_table):
    # 2019§15: a change of the structure of the data.
    before, after = read(entry(item())).described(), read(entry(item(**changed))).described()
    assert (structure(before) != structure(after)) is is_another_table


def test_the_order_of_the_items_is_part_of_the_structure():
    one, other = item(), item(code="b", name="二")
    assert structure(read(entry(one, other)).described()) != structure(read(entry(other, one)).described())
