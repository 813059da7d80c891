"""What the two regulations say, written down by hand from their texts (REQ-P1, U2, C2-C4, C7, A5, S1-S9)."""

from datetime import date

import pytest

import policy
from policy import DeadlineUnit, Layer, Part, Role, RuleId, Statement

BOOK = policy.load_shipped()
E2019, E2021 = BOOK.editions
(HOUSE,) = BOOK.houses
DOCUMENTS = {"2019": E2019, "2021": E2021, "house": HOUSE}

# rule, place in 2019, place in 2021, place in the house rules; None: the document has no such rule.
PLACES = [
    ("platform", "7", "7", None),
    ("coordination", "5.2", "5.1", None),
    ("municipal-docking", "5.3", "7", None),
    ("unit-contacts", "24", "23", None),
    ("training", "24", "23", None),
    ("catalog-entry", "9.1", "10.1", None),
    ("catalog-keepers", "10.1", None, None),
    ("publish-separation", None, None, "9"),
    ("catalog-update-deadline", "10.1", None, "2"),
    ("catalog-yearly-maintenance", "10.2", None, "3"),
    ("duty-list", None, "9", None),
    ("opening-list", None, "10.1", None),
    ("opening-list-elements", None, "2.4", None),
    ("sharing-default", "4(1)", "4(1)", None),
    ("sharing-types", "14.1", "14.1", None),
    ("restricted-type-needs-basis", "14.1", "14.1", None),
    ("sharing-type-final", "14.2", "14.3", None),
    ("opening-types", None, "14.2", None),
    ("closed-type-needs-basis", None, "14.2", None),
    ("closed-type-release", None, "14.2", None),
    ("opening-type-final", None, "14.3", None),
    ("single-source", "11", "11", None),
    ("project-catalog", "9.2", "10.2", None),
    ("project-aggregation", "15.4", "10.2", None),
    ("quality-responsibility", "13.1", "13.1", None),
    ("quality-monitoring", "13.2", "13.2", None),
    ("traceability", "13.2", "13.2", None),
    ("aggregation-duty", "15.1", "15.1", None),
    ("aggregation-exemption", "15.1", "15.1", None),
    ("opening-type-mark", None, "15.1", None),
    ("aggregation-channel", "15.2", "15.2", None),
    ("aggregation-forms", "8.3", None, None),
    ("aggregation-pace", "15.2", "15.2", None),
    ("aggregation-certificate", "15.2", None, "5"),
    ("structure-change-deadline", "15.4", None, "4.1"),
    ("structure-change-notice", "15.4", None, "4.2"),
    ("video-aggregation", "15.3", "15.3", None),
    ("exchange-standard", "A3", None, "8"),
    ("share-need", "16", "16", None),
    ("demand-first", None, "4(4)", None),
    ("unrestricted-share", "17.1", "17.1", None),
    ("authorized-share", "17.1", "17.1", None),
    ("application-form", "17.1", None, "7"),
    ("share-approval", "17.1", "17.1", None),
    ("share-answer-deadline", "17.1", None, "1"),
    ("refusal-needs-basis", "16", "16", None),
    ("refusal-needs-reason", "17.1", "17.1", None),
    ("grant-papers", "17.1", None, None),
    ("security-agreement", "17.1", None, None),
    ("share-grant", "17.1", "17.1", None),
    ("share-objection", "17.2", "17.2", None),
    ("purpose-limit", "18", "18.1", None),
    ("no-commercial-use", "19", "18.1", None),
    ("onward-disclosure-consent", "18", None, "6"),
    ("security-responsibility", "22.2", "21.2", None),
    ("data-objection", None, "18.2", None),
    ("opening-dataset", None, "2.2", None),
    ("opening-promotion", "20", "19", None),
    ("opening-platform", None, "19", None),
    ("security-controls", "21", "20", None),
    ("disaster-recovery", "21", "20", None),
    ("emergency-handling", "21", None, None),
    ("emergency-drill", None, "20", None),
    ("assessment", "25", "24", None),
    ("violations", "26", "25", None),
    ("violation-not-in-cloud", None, "25(1)", None),
    ("violation-not-aggregated", None, "25(2)", None),
    ("violation-refusal-or-delay", "26(1)", "25(3)", None),
    ("violation-false-or-late", "26(2)", "25(4)", None),
    ("violation-lost-control", "26(3)", "25(5)", None),
    ("violation-misuse", "26(4)", "25(6)", None),
]

# document, rule, what is done, by whom
BODIES = [
    ("2019", "platform", Part.ACTS, ["区科委"]),
    ("2021", "platform", Part.ACTS, ["区大数据中心"]),
    ("2019", "coordination", Part.ACTS, ["区府办"]),
    ("2021", "coordination", Part.ACTS, ["区府办"]),
    ("2019", "unit-contacts", Part.RECEIVES, ["区科委"]),
    ("2021", "unit-contacts", Part.RECEIVES, ["区大数据中心"]),
    ("2019", "training", Part.ACTS, ["区科委"]),
    ("2021", "training", Part.ACTS, ["区大数据中心"]),
    ("2021", "duty-list", Part.DECIDES, ["区府办"]),
    ("2019", "sharing-type-final", Part.DECIDES, ["领导小组"]),
    ("2021", "sharing-type-final", Part.DECIDES, ["区府办"]),
    ("2021", "opening-type-final", Part.DECIDES, ["区科委"]),
    ("2019", "quality-monitoring", Part.ACTS, ["区科委"]),
    ("2021", "quality-monitoring", Part.ACTS, ["区大数据中心"]),
    ("2019", "aggregation-exemption", Part.DECIDES, ["领导小组"]),
    ("2021", "aggregation-exemption", Part.DECIDES, ["区大数据中心"]),
    ("2019", "aggregation-certificate", Part.ACTS, ["区科委"]),
    ("house", "aggregation-certificate", Part.ACTS, ["区大数据中心"]),
    ("2019", "structure-change-notice", Part.RECEIVES, ["区科委"]),
    ("house", "structure-change-notice", Part.RECEIVES, ["区大数据中心"]),
    ("2019", "share-approval", Part.DECIDES, ["资源提供方"]),
    ("2021", "share-approval", Part.DECIDES, ["区大数据中心"]),
    ("2021", "share-approval", Part.TOGETHER_WITH, ["相关区级责任部门"]),
    ("2019", "share-answer-deadline", Part.ACTS, ["资源提供方"]),
    ("house", "share-answer-deadline", Part.ACTS, ["资源提供方"]),
    ("2019", "grant-papers", Part.RECEIVES, ["区科委"]),
    ("2019", "share-objection", Part.DECIDES, ["区科委"]),
    ("2019", "share-objection", Part.TOGETHER_WITH, ["相关部门"]),
    ("2019", "share-objection", Part.FINALLY, ["领导小组"]),
    ("2021", "share-objection", Part.DECIDES, ["区府办"]),
    ("2021", "share-objection", Part.TOGETHER_WITH, ["相关部门"]),
    ("2021", "share-objection", Part.FINALLY, []),
    ("2019", "onward-disclosure-consent", Part.DECIDES, ["资源提供方"]),
    ("2021", "data-objection", Part.ACTS, ["各单位"]),
    ("2019", "opening-promotion", Part.ACTS, ["领导小组办公室"]),
    ("2021", "opening-promotion", Part.ACTS, ["区科委"]),
    ("2021", "opening-platform", Part.ACTS, ["区大数据中心"]),
    ("2019", "security-controls", Part.ACTS, ["区科委"]),
    ("2019", "security-controls", Part.TOGETHER_WITH, ["保密部门", "公安部门"]),
    ("2021", "security-controls", Part.ACTS, ["区府办"]),
    (
        "2021",
        "security-controls",
        Part.TOGETHER_WITH,
        ["区委网信办", "区委保密局", "区科委", "区公安分局", "区大数据中心"],
    ),
    ("2019", "assessment", Part.ACTS, ["区科委"]),
    ("2019", "assessment", Part.RECEIVES, ["领导小组办公室"]),
    ("2021", "assessment", Part.ACTS, ["区府办"]),
    ("2021", "assessment", Part.TOGETHER_WITH, ["区科委", "区大数据中心"]),
]

# Every deadline there is, by document.
DEADLINES = {
    "2019": {
        "catalog-update-deadline": (2, DeadlineUnit.WORKING_DAYS),
        "catalog-yearly-maintenance": (1, DeadlineUnit.CALENDAR_YEARS),
        "structure-change-deadline": (2, DeadlineUnit.WORKING_DAYS),
        "share-answer-deadline": (10, DeadlineUnit.WORKING_DAYS),
        "assessment": (1, DeadlineUnit.CALENDAR_YEARS),
    },
    "2021": {"assessment": (1, DeadlineUnit.CALENDAR_YEARS)},
    "house": {
        "catalog-update-deadline": (2, DeadlineUnit.WORKING_DAYS),
        "catalog-yearly-maintenance": (1, DeadlineUnit.CALENDAR_YEARS),
        "structure-change-deadline": (2, DeadlineUnit.WORKING_DAYS),
        "share-answer-deadline": (10, DeadlineUnit.WORKING_DAYS),
    },
}

_BASIS = {Statement.REASON, Statement.LEGAL_BASIS}
# Every statement and paper there is, by document.
STATEMENTS = {
    "2019": {
        "unit-contacts": {Statement.RESPONSIBLE_LEADER, Statement.DEDICATED_PERSON},
        "restricted-type-needs-basis": _BASIS,
        "single-source": {Statement.STATUTE},
        "aggregation-certificate": {Statement.CERTIFICATE_FORM},
        "application-form": {Statement.APPLICATION_FORM},
        "share-approval": {Statement.REASON},
        "refusal-needs-basis": {Statement.LEGAL_BASIS},
        "refusal-needs-reason": {Statement.REASON},
        "grant-papers": {Statement.APPLICANT_STAMP, Statement.PROVIDER_STAMP},
        "security-agreement": {Statement.SECURITY_AGREEMENT},
        "onward-disclosure-consent": {Statement.WRITTEN_APPLICATION, Statement.PROVIDER_CONSENT},
    },
    "2021": {
        "unit-contacts": {Statement.RESPONSIBLE_LEADER, Statement.DEDICATED_PERSON},
        "restricted-type-needs-basis": _BASIS,
        "closed-type-needs-basis": _BASIS,
        "closed-type-release": {Statement.DESENSITISED, Statement.RIGHTS_HOLDER_CONSENT},
        "single-source": {Statement.STATUTE},
        "refusal-needs-basis": {Statement.LEGAL_BASIS},
        "refusal-needs-reason": {Statement.REASON},
    },
    "house": {
        "aggregation-certificate": {Statement.CERTIFICATE_FORM},
        "application-form": {Statement.APPLICATION_FORM},
        "onward-disclosure-consent": {Statement.WRITTEN_APPLICATION, Statement.PROVIDER_CONSENT},
    },
}

# REQ-U2: who holds a role under 2019, and under 2021.
ROLES = [
    (Role.COMPILER, [("各单位", "10.1")], [("各单位", "9(1)")]),
    (Role.REVIEWER, [("各单位", "10.1")], [("各单位", "23")]),
    (Role.PUBLISHER, [("各单位", "10.1")], [("各单位", "23")]),
    (Role.APPLICANT, [("资源需求方", "17.1")], [("资源需求方", "17.1")]),
    (Role.PROVIDER_REVIEWER, [("资源提供方", "17.1")], [("资源提供方", "17.1")]),
    (Role.PLATFORM_REVIEWER, [("区科委", "5.3")], [("区大数据中心", "17.1")]),
    (Role.COORDINATOR, [("区科委", "17.2"), ("区府办", "5.2")], [("区府办", "17.2")]),
    (Role.FINAL_DECIDER, [("领导小组", "14.2")], [("区府办", "14.3"), ("区大数据中心", "15.1")]),
    (Role.OPENING_DECIDER, [], [("区科委", "14.3")]),
    (Role.AUDITOR, [("区科委", "21")], [("区府办", "20")]),
    (Role.ADMINISTRATOR, [("区科委", "5.3")], [("区大数据中心", "5.2")]),
]


def test_the_table_of_places_names_every_rule_once():
    assert [row[0] for row in PLACES] == [rule_id.value for rule_id in RuleId]


@pytest.mark.parametrize(("rule_id", "in_2019", "in_2021", "in_house"), PLACES, ids=[row[0] for row in PLACES])
def test_a_rule_stands_where_the_text_has_it_and_nowhere_else(rule_id, in_2019, in_2021, in_house):
    found = [document.rule(RuleId(rule_id)) for document in DOCUMENTS.values()]
    assert [rule and str(rule.article) for rule in found] == [in_2019, in_2021, in_house]


@pytest.mark.parametrize(("document", "rule_id", "part", "names"), BODIES)
def test_a_rule_names_the_bodies_of_its_text(document, rule_id, part, names):
    assert [body.name for body in DOCUMENTS[document].rule(RuleId(rule_id)).bodies(part)] == names


@pytest.mark.parametrize("document", DOCUMENTS)
def test_only_the_deadlines_of_the_text_are_set(document):
    found = {
        rule.id.value: (rule.deadline.count, rule.deadline.unit) for rule in DOCUMENTS[document].rules if rule.deadline
    }
    assert found == DEADLINES[document]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_only_the_statements_and_papers_of_the_text_are_asked_for(document):
    rules = DOCUMENTS[document].rules
    found = {r.id.value: {*r.requires, *r.requires_one_of} for r in rules if r.requires or r.requires_one_of}
    assert found == STATEMENTS[document]


def test_the_way_out_of_closed_needs_one_of_two_and_not_both():
    rule = E2021.rule(RuleId.CLOSED_TYPE_RELEASE)  # REQ-C7
    assert rule.requires == ()
    assert set(rule.requires_one_of) == {Statement.DESENSITISED, Statement.RIGHTS_HOLDER_CONSENT}


@pytest.mark.parametrize(("role", "in_2019", "in_2021"), ROLES)
def test_an_edition_maps_roles_to_bodies(role, in_2019, in_2021):
    for day, expected in ((date(2019, 3, 15), in_2019), (date(2021, 6, 1), in_2021)):
        holders = BOOK.on(day).holders(role)
        assert [(holder.body.name, str(holder.article)) for holder in holders] == expected


def test_the_table_of_roles_names_every_role_once():
    assert [row[0] for row in ROLES] == list(Role)


def test_a_body_is_asked_for_its_roles():
    in_2021 = BOOK.on(date(2021, 6, 1))
    assert in_2021.roles_of("district-office") == {Role.COORDINATOR, Role.FINAL_DECIDER, Role.AUDITOR}
    assert in_2021.roles_of("finance-bureau") == frozenset()
    assert Role.OPENING_DECIDER not in BOOK.on(date(2019, 3, 15)).roles_of("science-commission")


def test_the_documents_bear_their_numbers_and_days():
    assert (E2019.number, E2019.in_force_from, E2019.term_ends) == (
        "长府规〔2019〕1号",
        date(2019, 3, 15),
        date(2021, 12, 31),
    )
    assert (E2019.adopted, E2019.printed) == (date(2019, 1, 21), date(2019, 2, 27))
    assert E2019.repeal is not None
    assert (E2019.repeal.on, E2019.repeal.by, str(E2019.repeal.article)) == (
        date(2021, 6, 1),
        "长府规〔2021〕2号",
        "26",
    )
    assert (E2021.number, E2021.in_force_from, E2021.term_ends) == (
        "长府规〔2021〕2号",
        date(2021, 6, 1),
        date(2025, 12, 31),
    )
    assert (E2021.adopted, E2021.printed, E2021.repeal) == (date(2021, 4, 8), date(2021, 4, 14), None)
    assert {E2019.issuer, E2021.issuer} == {"上海市长宁区人民政府"}
    assert HOUSE.layer is Layer.HOUSE


def test_the_house_rules_call_themselves_no_regulation():
    assert HOUSE.number == "区级内部管理规则"
    assert "非法规" in HOUSE.title
    assert not any("〔" in rule.citation for rule in HOUSE.rules)


def test_the_same_code_is_the_same_body_in_every_document():
    names: dict[str, str] = {}
    for document in DOCUMENTS.values():
        for body in document.bodies:
            assert names.setdefault(body.code, body.name) == body.name
    assert set(names.values()) >= {
        "领导小组",
        "领导小组办公室",
        "区府办",
        "区科委",
        "区大数据中心",
        "区公安分局",
        "区财政局",
        "各单位",
    }


def test_what_the_rules_count_and_list_is_that_of_the_texts():
    assert E2019.rule(RuleId.SHARING_TYPES).texts("types") == ("无条件共享", "授权共享", "非共享")
    assert E2021.rule(RuleId.OPENING_TYPES).texts("types") == ("无条件开放", "有条件开放", "非开放")
    assert E2021.rule(RuleId.OPENING_LIST_ELEMENTS).texts("elements") == (
        "数据领域",
        "开放级别",
        "数据格式",
        "更新频率",
    )
    assert E2019.rule(RuleId.APPLICATION_FORM).texts("modes") == ("基本查询", "接口对接", "数据同步")
    assert E2021.rule(RuleId.AGGREGATION_PACE).numbers("stock_years") == (3, 5)
    assert E2019.rule(RuleId.EXCHANGE_STANDARD).numbers("rows_per_file") == (2000,)
    assert E2021.rule(RuleId.SHARING_TYPE_FINAL).flag("adjusted_yearly") is True
    assert len(E2021.rule(RuleId.DUTY_LIST).texts("duties")) == 4
    assert HOUSE.rule(RuleId.PUBLISH_SEPARATION).flag("publisher_may_be_compiler") is False
