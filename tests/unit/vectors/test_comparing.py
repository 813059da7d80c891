"""What came back against what a case demands: a wrong answer of each kind is found, a right one is not."""

import json

import pytest

from tests.vectors.cases import Case, Numbers
from tests.vectors.comparing import JSON_TYPE, XML_TYPE, Answer, differences

AMOUNTS = Numbers(items=frozenset({"amount"}))
ONE_AMOUNT = Numbers(items=frozenset({"amount"}), single=True)


def case(**more) -> Case:
    return Case(**{"name": "x", "method": "POST", "service": "s", "query": (), "headers": (), "body": None, **more})


def wrong(demanded: Case, body: str = "", *, status: int = 200, media: str = JSON_TYPE, **headers: str) -> list[str]:
    held = {name.replace("_", "-"): value for name, value in headers.items()} | {"content-type": media}
    return list(differences(demanded, Answer(status=status, headers=held, body=body.encode())))


def json_case(expected, numbers: Numbers = AMOUNTS) -> Case:
    return case(status=200, expected=expected, expects_body=True, numbers=numbers)


def success(data) -> dict:
    return {"SUCCESS": "1", "DATA": data}


def test_another_status_is_found():
    assert wrong(case(status=405), status=405) == []
    assert wrong(case(status=405), status=404)


class TestHeaders:
    def test_present_absent_and_equal(self):
        for demanded, right, faulty in (
            ("*", {"x_next": "abc"}, {}),
            (None, {}, {"x_next": ""}),
            ("POST", {"x_next": "POST"}, {"x_next": "POST, GET"}),
            ("POST", {"x_next": "POST"}, {}),
        ):
            one = case(status=200, response_headers={"X-Next": demanded})
            assert wrong(one, **right) == []
            assert wrong(one, **faulty)


class TestJson:
    @pytest.mark.parametrize(
        ("demanded", "body"),
        [
            ([{"a": "1"}], '[{"a": "2"}]'),
            ([{"a": "1"}], "[]"),
            ([], '[{"a": "1"}]'),
            ([{"a": "1"}], '[{"a": "1", "b": "1"}]'),
            ([{"a": "1", "b": None}], '[{"a": "1"}]'),
            ([{"a": None}], '[{"a": ""}]'),
            ([{"a": "1"}, {"a": "2"}], '[{"a": "2"}, {"a": "1"}]'),
            ({"a": ["1", "2"]}, '{"a": ["1"]}'),
            ([{"a": "1"}], '[{"a": 1}]'),
            (None, "[]"),
            ("甲", '"乙"'),
            ([{"a": "1"}], '[{"A": "1"}]'),
            ([{"a": True}], '[{"a": 1}]'),
        ],
        ids=str,
    )
    def test_other_data_are_found_in_the_envelope_and_bare(self, demanded, body):
        right = json.dumps(demanded)
        assert wrong(json_case(success(demanded)), f'{{"SUCCESS": "1", "DATA": {right}}}') == []
        assert wrong(json_case(success(demanded)), f'{{"SUCCESS": "1", "DATA": {body}}}')
        assert wrong(json_case(demanded), right) == []
        assert wrong(json_case(demanded), body)

    @pytest.mark.parametrize(
        "body",
        [
            '{"SUCCESS": "0", "ERROR": {"ERROR_CODE": "206", "ERROR_MEMO": "unitKey 错误"}}',
            '{"SUCCESS": "0", "ERROR": {"ERROR_CODE": "201", "ERROR_MEMO": "unitKey错误"}}',
            '{"SUCCESS": "0", "ERROR": {"ERROR_CODE": 201, "ERROR_MEMO": "unitKey 错误"}}',
            '{"SUCCESS": "0", "ERROR": {"ERROR_CODE": "201", "ERROR_MEMO": "unitKey 错误"}, "DATA": null}',
            '{"SUCCESS": 0, "ERROR": {"ERROR_CODE": "201", "ERROR_MEMO": "unitKey 错误"}}',
            '{"ERROR": {"ERROR_CODE": "201", "ERROR_MEMO": "unitKey 错误"}}',
        ],
    )
    def test_another_failure_is_found(self, body):
        told = {"SUCCESS": "0", "ERROR": {"ERROR_CODE": "201", "ERROR_MEMO": "unitKey 错误"}}

        assert wrong(json_case(told), json.dumps(told)) == []
        assert wrong(json_case(told), body)

    @pytest.mark.parametrize("media", ["application/json", "text/html; charset=utf-8", XML_TYPE])
    def test_another_media_type_is_found(self, media):
        assert wrong(json_case([]), "[]", media=media)

    @pytest.mark.parametrize("body", ["", "[", "[NaN]", "<DATA/>", '[{"a": "1", "a": "1"}]'])
    def test_what_is_no_json_or_names_something_twice_is_found(self, body):
        assert wrong(json_case([{"a": "1"}]), body)


class TestNumbers:
    """In `body` a text where the item is numeric stands for the JSON number with exactly these digits."""

    @pytest.mark.parametrize("digits", ["1000", "1000.0", "1000.00000", "1e3", "1000.0000001", '"1000.000000"', "null"])
    def test_other_digits_and_the_text_of_the_digits_are_found(self, digits):
        one = json_case(success([{"amount": "1000.000000"}]))

        assert wrong(one, '{"SUCCESS": "1", "DATA": [{"amount": 1000.000000}]}') == []
        assert wrong(one, f'{{"SUCCESS": "1", "DATA": [{{"amount": {digits}}}]}}')

    def test_digits_beyond_any_float_are_told_apart(self):
        one = json_case([{"amount": "12345678901234.567890"}])

        assert wrong(one, '[{"amount": 12345678901234.567890}]') == []
        assert wrong(one, '[{"amount": 12345678901234.567891}]')

    def test_columns_hold_numbers_too(self):
        one = json_case(success({"amount": ["1.50", None]}))

        assert wrong(one, '{"SUCCESS": "1", "DATA": {"amount": [1.50, null]}}') == []
        assert wrong(one, '{"SUCCESS": "1", "DATA": {"amount": ["1.50", null]}}')

    def test_the_one_value_of_sr_is_a_number_where_its_item_is(self):
        for demanded, body in ((success("1.50"), '{"SUCCESS": "1", "DATA": %s}'), ("1.50", "%s")):
            assert wrong(json_case(demanded, ONE_AMOUNT), body % "1.50") == []
            assert wrong(json_case(demanded, ONE_AMOUNT), body % '"1.50"')
            assert wrong(json_case(demanded), body % '"1.50"') == []


class TestXml:
    TOLD = "<RESULT><SUCCESS>1</SUCCESS><DATA><ROW><a>1 </a><b/></ROW></DATA></RESULT>"

    def demanded(self) -> Case:
        return case(status=200, xml=self.TOLD)

    @pytest.mark.parametrize(
        "body",
        [
            TOLD,
            TOLD.replace("<b/>", "<b></b>"),
            '<?xml version="1.0" encoding="UTF-8"?>\n' + TOLD.replace("><", ">\n  <").replace("<b/>", "<b/>"),
        ],
    )
    def test_the_same_tree_is_the_same_however_it_is_laid_out(self, body):
        assert wrong(self.demanded(), body, media=XML_TYPE) == []

    @pytest.mark.parametrize(
        "body",
        [
            TOLD.replace("1 ", "1"),
            TOLD.replace("1 ", "2 "),
            TOLD.replace("<b/>", ""),
            TOLD.replace("<b/>", "<b>null</b>"),
            TOLD.replace("<b/>", '<b nil="true"/>'),
            TOLD.replace("<b/>", "<c/>"),
            TOLD.replace("<a>1 </a><b/>", "<b/><a>1 </a>"),
            TOLD.replace("<ROW>", "").replace("</ROW>", ""),
            TOLD.replace("RESULT", "DATA"),
            TOLD.replace("<ROW>", "x<ROW>"),
            TOLD[:-1],
            "",
        ],
    )
    def test_another_tree_is_found(self, body):
        assert wrong(self.demanded(), body, media=XML_TYPE)

    def test_another_media_type_is_found(self):
        assert wrong(self.demanded(), self.TOLD, media=JSON_TYPE)
