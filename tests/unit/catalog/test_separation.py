"""Who compiles does not publish (REQ-U2): every case of the house rule, and what is put on record of it."""

from dataclasses import replace

import pytest

from catalog import errors
from catalog.domain import entries
from catalog.domain.entries import Draft, DraftState, Entry, ReviewedAs, Separation
from policy import SourceFile, load_shipped
from tests.support.catalog_values import CODE, content
from tests.support.given_clock import PAST_TERM

NOW = load_shipped().at(PAST_TERM)
HOUSE = """
id = "house-test"
layer = "house"
[document]
number = "试验用内部规则"
title = "试验用内部规则"
issuer = "试验"
in_force_from = 2022-01-01
[parties]
unit = "各单位"
[rules.exchange-standard]
name = "数据对接技术规范"
article = "2"
quote = "试验"
parameters = { rows_per_file = 2000 }
"""
RULE = """
[rules.publish-separation]
name = "编制与发布分离"
article = "1"
quote = "试验"
bodies = {{ acts = ["unit"] }}
parameters = {{ publisher_may_be_compiler = {same}, single_person_needs_platform_review = {single} }}
"""


def house(rule=""):
    """What is in force where a district has house rules of its own in place of the shipped ones."""
    return load_shipped([SourceFile("house-test.toml", HOUSE + rule)]).at(PAST_TERM)


def under_review(*, compiled_by="mzj.bianzhi"):
    draft = Draft(content=content(), state=DraftState.UNDER_REVIEW, compiled_by=compiled_by)
    return Entry(code=CODE, provider="mzj", draft=draft, edition=None, withdrawn=False, revision=2, version=0)


def review(entry, *, by, reviewed_as=ReviewedAs.UNIT, keepers=3):
    return entries.review(entry, by=by, reviewed_as=reviewed_as, keepers=keepers, approve=True, opinion=None)


def publish(entry, *, by, keepers=3, in_force=NOW):
    done = entries.publish(entry, by=by, keepers=keepers, at=PAST_TERM, in_force=in_force)
    return done.edition.separation


def by_unit(*, by="mzj.shenhe"):
    return review(under_review(), by=by)


def by_platform():
    return review(under_review(), by="dsjzx.shenhe", reviewed_as=ReviewedAs.PLATFORM, keepers=1)


def test_another_person_publishes_and_that_is_on_record():
    assert publish(by_unit(), by="mzj.fabu") is Separation.TWO_PERSON


def test_who_reviewed_may_publish():
    assert publish(by_unit(), by="mzj.shenhe") is Separation.TWO_PERSON


def test_who_compiled_does_not_publish_and_is_told_the_rule_and_its_layer():
    with pytest.raises(errors.NotSeparated, match="内部规则：区级内部管理规则第九条") as refused:
        publish(by_unit(), by="mzj.bianzhi")
    assert refused.value.details == {"rule": "publish-separation"}


def test_who_compiled_does_not_review_either():
    for reviewed_as in ReviewedAs:
        with pytest.raises(errors.NotSeparated):
            review(under_review(), by="mzj.bianzhi", reviewed_as=reviewed_as, keepers=1)


def test_who_wrote_last_is_the_compiler():
    held = replace(under_review(), draft=Draft(content=content(), state=DraftState.DRAFT, compiled_by="mzj.shenhe"))
    written = entries.compile_again(held, content(), revision=held.revision, by="mzj.bianzhi")

    with pytest.raises(errors.NotSeparated):
        review(entries.submit(written, NOW), by="mzj.bianzhi")
    assert review(entries.submit(written, NOW), by="mzj.shenhe").draft.state is DraftState.APPROVED


def test_a_unit_with_one_keeper_publishes_its_own_with_the_platforms_review():
    assert publish(by_platform(), by="mzj.bianzhi", keepers=1) is Separation.PLATFORM_REVIEW


def test_a_single_keeper_does_not_publish_on_the_units_own_review():
    with pytest.raises(errors.NotSeparated):
        publish(by_unit(), by="mzj.bianzhi", keepers=1)


def test_the_platform_does_not_review_where_the_unit_has_people_for_it():
    with pytest.raises(errors.NotSeparated):
        review(under_review(), by="dsjzx.shenhe", reviewed_as=ReviewedAs.PLATFORM, keepers=2)


def test_a_second_keeper_who_came_after_the_platforms_review_has_to_publish():
    reviewed = by_platform()

    with pytest.raises(errors.NotSeparated):
        publish(reviewed, by="mzj.bianzhi", keepers=2)
    assert publish(reviewed, by="mzj.fabu", keepers=2) is Separation.TWO_PERSON


def test_a_district_that_lets_the_compiler_publish_has_none_asked_on_record():
    relaxed = house(RULE.format(same="true", single="true"))

    assert publish(by_unit(), by="mzj.bianzhi", in_force=relaxed) is Separation.NONE_ASKED
    assert publish(by_unit(), by="mzj.fabu", in_force=relaxed) is Separation.TWO_PERSON


def test_where_no_rule_asks_for_it_none_is_asked():
    assert publish(by_unit(), by="mzj.bianzhi", in_force=house()) is Separation.NONE_ASKED


def test_a_district_that_wants_two_persons_always_makes_no_exception_for_one_keeper():
    strict = house(RULE.format(same="false", single="false"))

    with pytest.raises(errors.NotSeparated):
        publish(by_platform(), by="mzj.bianzhi", keepers=1, in_force=strict)
