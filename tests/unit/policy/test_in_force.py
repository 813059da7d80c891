"""Which document stands at an instant, and which one answers for a rule (REQ-P1)."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

import policy
from policy import DecisionBasis, Flaw, Layer, RuleId, SourceFile

BOOK = policy.load_shipped()
SHANGHAI = timezone(timedelta(hours=8))


def document(layer, name, number, begins, *, ends=None, head="", rules=()):
    """A made-up document: every rule given is `share-answer-deadline` or `training`, at article 5."""
    written = {
        "share-answer-deadline": 'bodies.acts = ["unit"]\n'
        'deadline = { count = 7, unit = "working-days", runs_from = "受理之日" }\n',
        "training": 'bodies.acts = ["unit"]\n',
    }
    term = f"term_ends = {ends}\n" if ends else ""
    text = (
        f'id = "{name}"\nlayer = "{layer}"\n'
        f'[document]\nnumber = "{number}"\ntitle = "试行办法"\nissuer = "某机关"\n'
        f"in_force_from = {begins}\n{term}{head}\n"
        '[parties]\nunit = "各单位"\n' + ("[roles]\n" if layer == "edition" else "[bodies]\n")
    )
    for rule in rules or ("training",):
        text += f'[rules.{rule}]\nname = "某规则"\narticle = "5"\nquote = "某文"\n{written[rule]}'
    return SourceFile(f"{name}.toml", text)


def test_nothing_is_in_force_before_the_first_edition():
    with pytest.raises(policy.NoEditionInForce) as refused:
        BOOK.at(datetime(2019, 3, 14, 15, 59, 59, 999999, UTC))
    assert refused.value.code == "no-edition-in-force"
    assert "2019年3月14日" in refused.value.message


@pytest.mark.parametrize(
    ("instant", "edition"),
    [
        (datetime(2019, 3, 14, 16, 0, tzinfo=UTC), "2019"),  # midnight of 15 March in Shanghai
        (datetime(2021, 5, 31, 15, 59, 59, 999999, UTC), "2019"),
        (datetime(2021, 5, 31, 16, 0, tzinfo=UTC), "2021"),
        (datetime(2021, 5, 31, 23, 59, tzinfo=SHANGHAI), "2019"),
        (datetime(2021, 6, 1, 0, 0, tzinfo=SHANGHAI), "2021"),
        (datetime(2021, 5, 31, 12, 0, tzinfo=timezone(timedelta(hours=-5))), "2021"),
        (datetime(2025, 12, 31, 23, 59, 59, tzinfo=SHANGHAI), "2021"),
        (datetime(2026, 11, 23, 9, 0, tzinfo=SHANGHAI), "2021"),
    ],
)
def test_an_instant_counts_by_its_day_in_shanghai(instant, edition):
    assert BOOK.at(instant).edition.id == edition


def test_an_instant_without_a_zone_is_refused():
    with pytest.raises(policy.NaiveInstant):
        BOOK.at(datetime(2021, 6, 1))  # noqa: DTZ001  the missing zone is the subject


def test_past_its_term_the_newest_stays_in_use_and_says_so():
    last = BOOK.on(date(2025, 12, 31))
    assert (last.past_term, last.term_ended_on, last.notice_zh) == (False, None, None)
    after = BOOK.on(date(2026, 1, 1))
    assert (after.edition.id, after.past_term, after.term_ended_on) == ("2021", True, date(2025, 12, 31))
    assert after.notice_zh == "现行办法（长府规〔2021〕2号）有效期已于2025年12月31日届满，新办法录入前沿用"


def test_the_2019_edition_ends_by_its_repeal_and_not_by_its_term():
    assert not BOOK.on(date(2021, 12, 31)).past_term
    assert BOOK.on(date(2021, 12, 31)).edition.id == "2021"


@given(st.dates(min_value=date(2010, 1, 1), max_value=date(2060, 12, 31)))
def test_on_every_day_at_most_one_edition_stands_of_itself(day):
    standing = [edition for edition in BOOK.editions if edition.stands_on(day)]
    assert len(standing) == (1 if date(2019, 3, 15) <= day <= date(2025, 12, 31) else 0)
    if standing:
        assert BOOK.on(day).edition is standing[0]


@given(st.integers(min_value=0, max_value=40 * 365 * 86_400), st.integers(min_value=-14, max_value=14))
def test_at_every_instant_the_answer_is_that_of_its_day(seconds, hours_off):
    opening = datetime(2019, 3, 15, tzinfo=SHANGHAI)
    instant = (opening + timedelta(seconds=seconds)).astimezone(timezone(timedelta(hours=hours_off)))
    assert BOOK.at(instant) == BOOK.on(date(2019, 3, 15) + timedelta(days=seconds // 86_400))


def test_an_absent_rule_is_not_inherited_but_answered_by_the_house_with_its_name():
    in_2019, in_2021 = BOOK.on(date(2021, 5, 31)), BOOK.on(date(2021, 6, 1))
    before, after = in_2019.require("share-answer-deadline"), in_2021.require("share-answer-deadline")
    assert (before.layer, before.source_zh) == (Layer.EDITION, "本区办法：长府规〔2019〕1号第十七条第一款")
    assert (after.layer, after.source_zh) == (Layer.HOUSE, "内部规则：区级内部管理规则第一条")
    assert (before.short_citation, after.short_citation) == ("2019§17", "house§1")
    assert in_2021.edition.rule(RuleId.SHARE_ANSWER_DEADLINE) is None


def test_a_rule_that_nobody_has_is_absent():
    in_2021 = BOOK.on(date(2021, 6, 1))
    assert in_2021.rule("grant-papers") is None
    with pytest.raises(policy.RuleAbsent) as refused:
        in_2021.require("grant-papers")
    assert (refused.value.code, refused.value.rule_id) == ("rule-absent", "grant-papers")
    with pytest.raises(policy.RuleAbsent):
        BOOK.on(date(2019, 3, 15)).basis("opening-type-final")


def test_a_rule_id_that_does_not_exist_is_a_slip_and_not_an_absence():
    with pytest.raises(policy.RuleUnknown):
        BOOK.on(date(2021, 6, 1)).rule("share-aproval")


def test_a_decision_keeps_the_rule_it_was_made_under():
    basis = BOOK.on(date(2026, 11, 23)).basis("share-objection")
    assert basis.values() == {
        "rule": "share-objection",
        "edition": "2021",
        "document": "长府规〔2021〕2号",
        "article": "17.2",
        "layer": "edition",
        "past_term": True,
    }
    assert basis.citation == "长府规〔2021〕2号第十七条第二款"


def test_the_basis_of_a_house_rule_names_the_house_and_the_edition_in_force():
    basis = BOOK.on(date(2024, 1, 2)).basis("catalog-update-deadline")
    assert (basis.edition, basis.document, basis.layer, basis.past_term) == (
        "2021",
        "区级内部管理规则",
        Layer.HOUSE,
        False,
    )


@given(st.dates(min_value=date(2019, 3, 15), max_value=date(2040, 1, 1)), st.sampled_from(list(RuleId)))
def test_a_basis_is_read_back_as_it_was_stored(day, rule_id):
    in_force = BOOK.on(day)
    if in_force.rule(rule_id):
        basis = in_force.basis(rule_id)
        assert DecisionBasis.of({**basis.values(), "added-later": 1}) == basis


@pytest.mark.parametrize(
    "change", [{"article": "17bis"}, {"layer": "law"}, {"past_term": "true"}, {"rule": "x"}, {"document": ""}]
)
def test_stored_values_that_are_no_basis_are_refused(change):
    values = BOOK.on(date(2024, 1, 2)).basis("training").values()
    with pytest.raises(policy.BasisInvalid):
        DecisionBasis.of({**values, **change})
    with pytest.raises(policy.BasisInvalid):
        DecisionBasis.of({key: value for key, value in values.items() if key not in change})


def test_a_newer_edition_ends_the_use_past_term_from_its_first_day():
    newer = document("edition", "2027", "长府规〔2026〕9号", "2027-01-01", rules=["share-answer-deadline"])
    book = policy.load_shipped([newer])
    waiting, new = book.on(date(2026, 12, 31)), book.on(date(2027, 1, 1))
    assert waiting.past_term
    assert waiting.notice_zh.endswith("届满，新办法自2027年1月1日起施行，此前沿用")
    assert (new.edition.id, new.past_term, new.notice_zh) == ("2027", False, None)
    answer = new.require("share-answer-deadline")
    assert (answer.layer, answer.deadline.count) == (Layer.EDITION, 7)
    assert new.edition.rule(RuleId.SHARE_OBJECTION) is None


def test_a_newer_edition_may_repeal_one_whose_term_still_runs():
    first = document("edition", "2027", "甲〔2027〕1号", "2027-01-01", ends="2031-12-31")
    second = document(
        "edition",
        "2029",
        "甲〔2029〕2号",
        "2029-07-01",
        head='repeals = [{ number = "甲〔2027〕1号", article = "26" }]',
    )
    book = policy.load_shipped([second, first])
    assert book.on(date(2029, 6, 30)).edition.id == "2027"
    assert book.on(date(2029, 7, 1)).edition.id == "2029"
    assert str(book.editions[2].repeal.article) == "26"


def test_after_a_repeal_that_nothing_followed_nothing_is_in_force():
    text = (document("edition", "2027", "甲〔2027〕1号", "2027-01-01").content).replace(
        "in_force_from", 'repeal = { on = 2028-01-01, by = "乙〔2027〕3号", article = "2" }\nin_force_from', 1
    )
    book = policy.load_shipped([SourceFile("a.toml", text)])
    assert book.on(date(2027, 12, 31)).edition.id == "2027"
    with pytest.raises(policy.NoEditionInForce):
        book.on(date(2028, 1, 1))


def test_a_higher_source_goes_before_the_edition_while_it_stands():
    # 国务院令第809号 can be entered; its text is not shipped, so the rule here is made up.
    higher = document(
        "higher", "state-809", "国务院令第809号", "2025-08-01", ends="2030-12-31", rules=["share-answer-deadline"]
    )
    book = policy.load_shipped([higher])
    assert book.on(date(2025, 7, 31)).require("share-answer-deadline").layer is Layer.HOUSE
    rule = book.on(date(2025, 8, 1)).require("share-answer-deadline")
    assert (rule.layer, rule.source_zh) == (Layer.HIGHER, "上位法：国务院令第809号第五条")
    assert book.on(date(2025, 8, 1)).edition.id == "2021"
    assert book.on(date(2025, 8, 1)).require("training").layer is Layer.EDITION
    assert book.on(date(2026, 1, 1)).basis("share-answer-deadline").past_term
    # Unlike an edition, a higher source is not used past its term.
    assert book.on(date(2031, 1, 1)).require("share-answer-deadline").layer is Layer.HOUSE


def test_house_rules_of_the_district_take_the_place_of_the_shipped_ones_as_a_whole():
    own = document("house", "house-2027", "区级内部管理规则（2027年）", "2027-01-01", rules=["share-answer-deadline"])
    book = policy.load_shipped([own])
    assert book.on(date(2026, 12, 31)).require("share-answer-deadline").deadline.count == 10
    new = book.on(date(2027, 1, 1))
    assert new.require("share-answer-deadline").deadline.count == 7
    assert new.rule("catalog-update-deadline") is None


@pytest.mark.parametrize(
    ("extra", "file", "key", "flaw"),
    [
        (
            [document("edition", "2025", "甲〔2025〕1号", "2025-12-31")],
            "2025.toml",
            "document.in_force_from",
            Flaw.OVERLAP,
        ),
        (
            [
                document("edition", "2027", "甲〔2027〕1号", "2027-01-01"),
                document("edition", "2029", "乙", "2029-01-01"),
            ],
            "2029.toml",
            "document.in_force_from",
            Flaw.OVERLAP,
        ),
        (
            [document("edition", "2018", "甲〔2018〕1号", "2018-01-01", ends="2019-03-15")],
            "随附的2019.toml",
            "document.in_force_from",
            Flaw.OVERLAP,
        ),
        ([document("edition", "2021", "甲〔2027〕1号", "2027-01-01")], "2021.toml", "id", Flaw.DUPLICATE),
        (
            [document("edition", "2027", "长府规〔2021〕2号", "2027-01-01")],
            "2027.toml",
            "document.number",
            Flaw.DUPLICATE,
        ),
        ([document("house", "own", "区级内部管理规则", "2027-01-01")], "own.toml", "document.number", Flaw.DUPLICATE),
        (
            [document("house", "own", "本区规则", "2019-03-15")],
            "own.toml",
            "document.in_force_from",
            Flaw.OVERLAP,
        ),
        (
            [
                document(
                    "edition", "2027", "甲", "2027-01-01", head='repeals = [{ number = "从无此件", article = "26" }]'
                )
            ],
            "2027.toml",
            "document.repeals[0]",
            Flaw.CONTRADICTION,
        ),
        (
            [
                document(
                    "edition",
                    "2027",
                    "甲",
                    "2027-01-01",
                    head='repeals = [{ number = "长府规〔2019〕1号", article = "26" }]',
                )
            ],
            "2027.toml",
            "document.repeals[0]",
            Flaw.CONTRADICTION,
        ),
        (
            [
                document(
                    "higher",
                    "law",
                    "甲",
                    "2027-01-01",
                    head='repeals = [{ number = "长府规〔2021〕2号", article = "26" }]',
                )
            ],
            "law.toml",
            "document.repeals[0]",
            Flaw.CONTRADICTION,
        ),
        (
            [
                document("edition", "2027", "甲", "2027-01-01", head='repeals = [{ number = "甲", article = "26" }]'),
            ],
            "2027.toml",
            "document.repeals[0]",
            Flaw.CONTRADICTION,
        ),
        (
            [
                document(
                    "edition",
                    "2027",
                    "甲",
                    "2027-01-01",
                    ends="2028-12-31",
                    head='repeals = [{ number = "乙", article = "26" }]',
                ),
                document("edition", "2029", "乙", "2029-01-01"),
            ],
            "2027.toml",
            "document.repeals[0]",
            Flaw.CONTRADICTION,
        ),
        (
            [
                document("higher", "a", "甲", "2025-08-01", ends="2026-08-01"),
                document("higher", "b", "乙", "2026-08-01"),
            ],
            "b.toml",
            "rules.training",
            Flaw.CONTRADICTION,
        ),
        (
            [document("higher", "a", "甲", "2025-08-01"), document("higher", "b", "乙", "2026-08-01")],
            "b.toml",
            "rules.training",
            Flaw.CONTRADICTION,
        ),
    ],
)
def test_documents_that_do_not_fit_together_are_refused_by_file_and_key(extra, file, key, flaw):
    with pytest.raises(policy.FileRefused) as refused:
        policy.load_shipped(extra)
    assert (refused.value.file, refused.value.key, refused.value.flaw) == (file, key, flaw)
    assert refused.value.code == "policy-file-refused"
    assert file in refused.value.message
    assert key in refused.value.message


def test_two_higher_sources_may_follow_each_other_with_one_rule():
    one = document("higher", "a", "甲", "2025-08-01", ends="2026-07-31")
    other = document("higher", "b", "乙", "2026-08-01")
    book = policy.load_shipped([other, one])
    assert book.on(date(2026, 7, 31)).require("training").document == "甲"
    assert book.on(date(2026, 8, 1)).require("training").document == "乙"


@given(st.permutations(range(3)))
def test_the_order_in_which_files_are_given_does_not_matter(order):
    extra = [
        document("edition", "2027", "甲", "2027-01-01", ends="2028-12-31"),
        document("edition", "2029", "乙", "2029-01-01"),
        document("house", "own", "丙", "2027-01-01"),
    ]
    assert policy.load_shipped([extra[place] for place in order]) == policy.load_shipped(extra)
