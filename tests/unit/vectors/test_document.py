"""Reading a file of golden cases: whatever cannot be is refused by its place, everything else is understood."""

import base64
import copy
import json
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from common.events import GrantedItem, ItemMode, MaskRule
from tests.vectors import document
from tests.vectors.__main__ import BAD_FILE, main
from tests.vectors.errors import BadFile

VECTORS = Path(document.__file__).parents[1] / "contract" / "vectors"
GOOD = {
    "fixture": {
        "tables": {
            "t": {
                "items": [
                    {"code": "site", "name": "站点", "type": "text", "key": True},
                    {"code": "seq", "name": "序号", "type": "integer", "key": True},
                    {"code": "fee", "name": "费用", "type": "numeric"},
                    {"code": "day", "name": "日期", "type": "date", "length": 3},
                    {"code": "at", "name": "时间", "type": "datetime"},
                ],
                "rows": [
                    {"site": "A", "seq": "10", "fee": "1.50", "day": "9999-12-31", "at": "2024-02-29T00:00:00Z"},
                    {"site": "B", "seq": -1, "fee": 0.5, "day": None},
                ],
            }
        },
        "services": [
            {"service": "s", "table": "t", "inputs": {"site": ["eq"]}},
            {"service": "v", "table": "t", "mode": "verify", "identity": ["site", "seq"], "claims": ["fee"]},
        ],
        "grants": [
            {"unit": "A", "service": "s", "items": ["fee", {"code": "site", "as": "masked", "rule": "name"}]},
            {"unit": "B", "service": "s", "items": ["fee"], "required_headers": ["x-matter"]},
            {"unit": "A", "service": "v", "items": [{"code": "fee", "as": "verify"}]},
        ],
    },
    "cases": [
        {
            "name": "one",
            "method": "POST",
            "service": "s",
            "query": {"unitKey": "{unitKey:A}", "methodKey": "{methodKey:A/s}", "x": ["1", "2"]},
            "status": 200,
            "body": {"SUCCESS": "1", "DATA": "1.50"},
        }
    ],
}


def written(folder: Path, change=lambda told: None) -> Path:
    told = copy.deepcopy(GOOD)
    change(told)
    path = folder / "file.json"
    path.write_text(json.dumps(told, ensure_ascii=False))
    return path


def read(folder: Path, change=lambda told: None) -> document.Document:
    return document.read(written(folder, change))


@pytest.mark.parametrize("name", ["gateway.json", "features.json"])
def test_the_committed_files_are_of_the_form(name):
    assert len(document.read(VECTORS / name).cases) >= 30


class TestRows:
    def test_values_are_typed_and_what_is_left_out_is_null(self, tmp_path):
        table = read(tmp_path).fixture.tables["t"]

        # A datetime with a zone becomes Beijing time, which items of this type are.
        at = datetime(2024, 2, 29, 8)  # noqa: DTZ001  Beijing time without zone
        assert table.rows[0] == ("A", 10, Decimal("1.50"), date(9999, 12, 31), at)
        assert table.rows[1] == ("B", -1, Decimal("0.5"), None, None)

    def test_items_that_say_little_get_room_for_what_their_rows_hold(self, tmp_path):
        fields = read(tmp_path).fixture.tables["t"].fields

        assert [(f.key_place, f.length, f.precision, f.scale) for f in fields] == [
            (1, 4000, None, None),
            (2, None, None, None),
            (None, None, 38, 2),
            (None, None, None, None),
            (None, None, None, None),
        ]


def test_granted_items_and_headers_are_as_the_platform_names_them(tmp_path):
    grants = read(tmp_path).fixture.grants

    masked = GrantedItem(code="site", mode=ItemMode.MASKED, mask=MaskRule.NAME)
    assert grants["A", "s"].items == (GrantedItem(code="fee", mode=ItemMode.CLEAR), masked)
    assert grants["B", "s"].required_headers == ("X-Matter",)


def test_a_date_of_a_row_filter_is_given_in_the_annexs_form(tmp_path):
    def change(told):
        told["fixture"]["grants"][0]["row_filter"] = {"day": "2024-02-29", "site": "A", "seq": 7}

    filtered = read(tmp_path, change).fixture.grants["A", "s"].row_filter
    assert filtered == (("day", ("2024/02/29",)), ("site", ("A",)), ("seq", ("7",)))


class TestNumbers:
    def test_texts_of_numeric_items_stand_for_numbers(self, tmp_path):
        (case,) = read(tmp_path).cases

        assert case.numbers.items == {"seq", "fee"}

    @pytest.mark.parametrize(("unit", "single"), [("A", False), ("B", True)])
    def test_one_value_alone_is_a_number_where_the_one_granted_item_is(self, tmp_path, unit, single):
        def change(told):
            told["cases"][0]["query"]["methodKey"] = f"{{methodKey:{unit}/s}}"

        assert read(tmp_path, change).cases[0].numbers.single is single

    def test_an_item_granted_for_verification_only_is_not_shown_and_does_not_count(self, tmp_path):
        def change(told):
            told["fixture"]["grants"][0]["items"] = ["fee", {"code": "site", "as": "verify"}]

        assert read(tmp_path, change).cases[0].numbers.single

    def test_a_truth_verification_answers_with_texts(self, tmp_path):
        def change(told):
            told["cases"][0]["service"] = "v"

        assert read(tmp_path, change).cases[0].numbers.items == frozenset()


def test_a_unit_that_only_a_case_names_gets_a_key_too(tmp_path):
    def change(told):
        told["cases"][0]["headers"] = {"X-Unit-Key": "{unitKey:Z}"}

    assert read(tmp_path, change).units == ("A", "B", "Z")


def service(told):
    return told["fixture"]["services"][0]


def grant(told):
    return told["fixture"]["grants"][0]


def row(told):
    return told["fixture"]["tables"]["t"]["rows"][0]


def case(told):
    return told["cases"][0]


BAD = {
    "a part is missing": (lambda t: t.pop("cases"), "cases"),
    "a name that the form does not know": (lambda t: case(t).update(expect=1), "$.cases[0]"),
    "a state that is none": (lambda t: grant(t).update(state="paused"), "$.fixture.grants[0].state"),
    "an operator that is none": (lambda t: service(t).update(inputs={"site": ["like"]}), "services[0].inputs"),
    "a service of no table": (lambda t: service(t).update(table="u"), "没有表 u"),
    "a service twice": (lambda t: t["fixture"]["services"].append(service(t)), "服务 s 重复"),
    "an input that is no item": (lambda t: service(t).update(inputs={"zz": ["eq"]}), "没有信息项 zz"),
    "an ordering that is no item": (lambda t: service(t).update(orderings=["zz"]), "没有信息项 zz"),
    "a grant of no service": (lambda t: grant(t).update(service="u"), "没有服务 u"),
    "a grant twice": (lambda t: t["fixture"]["grants"].append(grant(t)), "授权重复"),
    "a granted item that is none": (lambda t: grant(t).update(items=["zz"]), "没有信息项 zz"),
    "a grant of nothing": (lambda t: grant(t).update(items=[]), "至少一个"),
    "a header that none may demand": (lambda t: grant(t).update(required_headers=["Host"]), "X-Matter"),
    "a row filter on no item": (lambda t: grant(t).update(row_filter={"zz": "1"}), "没有信息项 zz"),
    "a row filter without a value": (lambda t: grant(t).update(row_filter={"site": None}), "row_filter.site"),
    "a day that is none": (lambda t: row(t).update(day="2023-02-29"), "rows[0].day"),
    "a number that is none": (lambda t: row(t).update(fee="1e3"), "rows[0].fee"),
    "a truth value as a value": (lambda t: row(t).update(site=True), "rows[0].site"),
    "a key that is null": (lambda t: row(t).update(seq=None), "主键 seq"),
    "a value of no item": (lambda t: row(t).update(zz="1"), "没有信息项 zz"),
    "a key that nobody is given": (lambda t: case(t)["query"].update(methodKey="{methodKey:B/v}"), "methodKey"),
    "two bodies": (lambda t: case(t).update(form={}, json={}), "只能有一个"),
    "a raw body that is no base64": (
        lambda t: case(t).update(raw={"content_type": "text/plain", "base64": "=="}),
        "base64",
    ),
    "an expected XML that is none": (lambda t: case(t).update(xml="<a>"), "不是 XML"),
}


class TestBadFiles:
    @pytest.mark.parametrize("what", BAD)
    def test_what_cannot_be_is_refused_by_its_place(self, tmp_path, capsys, what):
        change, told = BAD[what]
        path = written(tmp_path, change)

        with pytest.raises(BadFile) as refused:
            document.read(path)
        assert told in str(refused.value)
        assert main(["--file", str(path)]) == BAD_FILE
        assert told in capsys.readouterr().err

    @pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"fixture": {}}', b"\xff\xfe", b'{"a": NaN}'])
    def test_what_is_no_document_of_the_form_is_refused(self, tmp_path, content):
        path = tmp_path / "file.json"
        path.write_bytes(content)

        assert main(["--file", str(path)]) == BAD_FILE

    def test_a_file_that_is_not_there_or_not_named_is_refused(self, tmp_path):
        assert main(["--file", str(tmp_path / "none.json")]) == BAD_FILE
        assert main(["--file", ""]) == BAD_FILE


def test_a_raw_body_may_hold_placeholders(tmp_path):
    def change(told):
        raw = base64.b64encode(b"unitKey={unitKey:Y}&x=\xff").decode()
        case(told)["raw"] = {"content_type": "text/plain", "base64": raw}

    assert "Y" in read(tmp_path, change).units
