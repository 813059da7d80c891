"""2,000 rows with 500 planted errors of many kinds: the rules that they break, where each must be found (REQ-A1)."""

import random
from decimal import Decimal
from typing import Any

from common.events import Check, CodeSetRef, QualityRule
from quality.cells import BrokenCell
from quality.model import CodeSet, Comparison, Rule, RuleName, Severity
from tests.support.identities import credit_code
from tests.support.items import codes, day, integer, key, numeric, text

AREAS, KINDS_SET = "planted-areas", "planted-kinds"
ITEMS = (
    key(text("uni_sc_id", 18, check=Check.USCC)),
    text("corp_name", 60, nullable=False),
    codes(text("area", 6), AREAS),
    text("zip", 6),
    numeric("reg_capital", 20, 6),
    numeric("paid", 20, 6),
    numeric("unpaid", 20, 6),
    day("born", nullable=False),
    day("establish_date"),
    integer("people"),
    text("kind", 4),
    text("reason", 40),
    text("mail", 40, unique=True),
)
R = RuleName
RULES = (
    Rule(name=R.PATTERN, items=("zip",), pattern="[0-9]{6}"),
    Rule(name=R.RANGE, items=("people",), minimum="0", maximum="100000"),
    Rule(name=R.LENGTH, items=("corp_name",), min_length=4),
    Rule(name=R.CODE_SET, items=("kind",), code_set=CodeSet(KINDS_SET, 1), severity=Severity.WARNING),
    Rule(name=R.CROSS_ITEM, items=("born", "establish_date"), comparison=Comparison.LT),
    Rule(name=R.CROSS_ITEM, items=("reason",), when="kind", values=("注销",)),
    Rule(name=R.CROSS_ITEM, items=("paid", "unpaid"), total="reg_capital", tolerance=Decimal("0.01")),
    Rule(name=R.UNIQUE, items=("corp_name", "born")),
)
CODES = {(AREAS, 1): frozenset({"310104", "310105"}), (KINDS_SET, 1): frozenset({"存续", "注销"})}
ROWS, PLANTED = 2000, 500
AT = {item.code: column for column, item in enumerate(ITEMS, 2)}


def organisation_digit(eight):
    weights = (3, 7, 9, 10, 5, 8, 4, 2)
    total = sum(weight * int(char, 36) for weight, char in zip(weights, eight, strict=True))
    return "0X987654321"[total % 11]


def good(number):
    body = f"{number:08}"
    return {
        "uni_sc_id": credit_code("91310105" + body + organisation_digit(body)),
        "corp_name": f"第{number}商贸行",
        "area": "310105",
        "zip": "200050",
        "reg_capital": "100.5",
        "paid": "60.25",
        "unpaid": "40.25",
        "born": "1970/01/01",
        "establish_date": "2001/02/03",
        "people": 12,
        "kind": "存续",
        "reason": None,
        "mail": f"m{number}@example",
    }


# What is planted: the item, what to put there (from the row and an earlier one), the rule that finds it.
KINDS = (
    ("corp_name", lambda row, first: None, R.NOT_NULL),
    ("establish_date", lambda row, first: "2001-02-03", R.TYPE),
    ("people", lambda row, first: BrokenCell("#REF!"), R.TYPE),
    ("corp_name", lambda row, first: "店" * 61, R.LENGTH),
    ("corp_name", lambda row, first: "店", R.LENGTH),
    ("people", lambda row, first: -1, R.RANGE),
    ("reg_capital", lambda row, first: "100.5000001", R.RANGE),
    ("zip", lambda row, first: "2000-5", R.PATTERN),
    ("corp_name", lambda row, first: row["corp_name"] + "\u200b", R.PATTERN),
    ("area", lambda row, first: "310199", R.CODE_SET),
    ("kind", lambda row, first: "别的", R.CODE_SET),
    (
        "uni_sc_id",
        lambda row, first: row["uni_sc_id"][:17] + ("0" if row["uni_sc_id"][17] != "0" else "1"),
        R.CHECK_DIGIT,
    ),
    ("mail", lambda row, first: first["mail"], R.UNIQUE),
    ("uni_sc_id", lambda row, first: first["uni_sc_id"], R.UNIQUE),
    ("born", lambda row, first: "2020/01/01", R.CROSS_ITEM),
    ("kind", lambda row, first: "注销", R.CROSS_ITEM),
    ("reg_capital", lambda row, first: "200", R.CROSS_ITEM),
)
TOLD_AT = {("kind", R.CROSS_ITEM): "reason"}


def planted() -> tuple[list[dict[str, Any]], list[tuple[int, int, str, str]]]:
    """The rows in their order, and (row, column, item, rule) of every error that was put into them."""
    dice = random.Random(20190227)
    rows = [good(number) for number in range(ROWS)]
    expected = []
    for place in dice.sample(range(1, ROWS), PLANTED):
        item, put, rule = KINDS[len(expected) % len(KINDS)]
        rows[place][item] = put(rows[place], rows[0])
        told_at = TOLD_AT.get((item, rule), item)
        expected.append((place + 2, AT[told_at], told_at, rule))
    assert len({(item, rule) for _, _, item, rule in expected}) >= 12
    return rows, expected


def declared() -> tuple[QualityRule, ...]:
    """The rules as the catalogue tells them."""
    return tuple(map(_declared, RULES))


def _declared(rule: Rule) -> QualityRule:
    fields = {name: getattr(rule, name) for name in Rule.__dataclass_fields__}
    fields = {name: value for name, value in fields.items() if value not in {None, ()}}
    if rule.code_set is not None:
        fields["code_set"] = CodeSetRef(id=rule.code_set.id, version=rule.code_set.version)
    if rule.tolerance is not None:
        fields["tolerance"] = float(rule.tolerance)
    return QualityRule.model_validate(fields)
