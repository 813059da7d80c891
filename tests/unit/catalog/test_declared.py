"""What an entry declares beyond its form: standard fields as the annex has them, rules that can be run (REQ-A7)."""

import pytest

from catalog import errors
from catalog.domain import declared
from common.entry import EntryContent
from common.events import CatalogChanged
from quality.model import RuleSet
from tests.support.catalog_values import content


def entry(items, rules=(), **more):
    return EntryContent.model_validate({**content().model_dump(mode="json"), "items": items, "rules": rules, **more})


NAME = {"code": "XM", "name": "姓名", "type": "text", "length": 20}


@pytest.mark.parametrize("wrong", [{"length": 30}, {"type": "date", "length": None}, {"standard": "no_such_field"}])
def test_another_type_or_length_than_the_standard_fields_is_refused(wrong):
    declared.check(entry([{**NAME, "standard": "XM"}]))
    with pytest.raises(errors.StandardUnfit):
        declared.check(entry([{**NAME, "standard": "XM", **wrong}]))


def test_a_rule_that_does_not_go_with_its_item_is_refused():
    declared.check(entry([NAME], [{"name": "pattern", "items": ["XM"], "pattern": "[一-龥]+"}]))
    with pytest.raises(errors.RuleUnfit):
        declared.check(entry([NAME], [{"name": "pattern", "items": ["XM"], "pattern": "(?=x)"}]))


def test_rules_come_back_from_the_event_as_they_were_declared():
    rule = {"name": "length", "items": ["XM"], "min_length": 2, "severity": "warning"}
    made = entry([NAME], [rule], thresholds={"bad_share": 0.01})
    told = {
        "items": [item.model_dump(mode="json") for item in made.described()],
        "rules": [one.model_dump(mode="json") for one in made.ruled()],
        "thresholds": made.tolerance().model_dump(mode="json"),
    }
    assert {"rules", "thresholds"} <= CatalogChanged.model_fields.keys()
    assert RuleSet.of_entry(told) == RuleSet.of_entry({**told, "rules": [rule], "thresholds": {"bad_share": 0.01}})
    assert RuleSet.of_entry(told).rules[0].min_length == 2
