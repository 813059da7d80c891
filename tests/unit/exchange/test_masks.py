"""Which rule masks an item that is granted masked: the one that is named, else its standard field's."""

import pytest

from common.events import MaskRule
from exchange.masks import Mask, mask_of
from tests.support.items import day, integer, moment, numeric, text


@pytest.mark.parametrize("rule", MaskRule)
def test_the_rule_that_is_named_is_the_one_whatever_the_standard_field(rule):
    assert mask_of(text(standard="ZJHM"), rule) == Mask(rule.value)
    assert mask_of(text(standard=None), rule) == Mask(rule.value)


@pytest.mark.parametrize(
    ("standard", "mask"),
    [
        ("XM", Mask.NAME),
        ("person_name", Mask.NAME),
        ("ZJHM", Mask.ID_NUMBER),
        ("person_cert_CODE", Mask.ID_NUMBER),
        ("uni_sc_id", Mask.ID_NUMBER),
        ("telephone", Mask.PHONE),
        ("HJDXZ", Mask.ADDRESS),
        ("address", Mask.ADDRESS),
    ],
)
def test_without_one_the_standard_field_decides(standard, mask):
    assert mask_of(text(standard=standard), None) is mask


@pytest.mark.parametrize("standard", [None, "MZ", "xm", "unknown"])
def test_where_neither_is_there_nothing_is_seen(standard):
    assert mask_of(text(standard=standard), None) is Mask.HIDDEN


@pytest.mark.parametrize("make", [integer, numeric, day, moment])
@pytest.mark.parametrize("rule", [None, *MaskRule])
def test_of_anything_but_text_nothing_is_seen(make, rule):
    assert mask_of(make(standard="ZJHM"), rule) is Mask.HIDDEN


def test_every_rule_of_the_grants_has_its_mask():
    assert {rule.value for rule in MaskRule} == set(Mask) - {Mask.HIDDEN}
