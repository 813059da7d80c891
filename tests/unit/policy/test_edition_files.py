"""An administrator's file of a document is read strictly; each refusal names the file and the key (REQ-P1)."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

import policy
from policy import Flaw, RuleId, SourceFile, read_edition
from policy.shapes import shape_of
from policy.tables import MAX_BYTES

VALID = """\
id = "2027"
layer = "edition"

[document]
number = "长府规〔2026〕9号"
title = "长宁区公共数据管理办法"
issuer = "某机关"
adopted = 2026-11-01
printed = 2026-12-01
in_force_from = 2027-01-01
term_ends = 2031-12-31

[bodies]
data-bureau = "区数据局"

[parties]
provider = "资源提供方"

[roles]
coordinator = [{ body = "data-bureau", article = "5" }]

[rules.share-answer-deadline]
name = "答复期限"
article = "17.1"
quote = "五个工作日内答复"
bodies = { acts = ["provider"] }
deadline = { count = 5, unit = "working-days", runs_from = "收到申请之日" }

[rules.sharing-types]
name = "共享类型"
article = "14"
quote = "分为三类"
parameters = { types = ["无条件共享", "授权共享", "非共享"] }

[rules.refusal-needs-reason]
name = "说明原因"
article = "17.1"
quote = "说明原因"
bodies = { acts = ["provider"] }
requires = ["reason"]
"""


def changed(old, new):
    assert VALID.count(old) >= 1
    return SourceFile("新办法.toml", VALID.replace(old, new, 1))


def test_a_valid_file_becomes_an_edition():
    edition = read_edition(SourceFile("新办法.toml", VALID))
    assert (edition.id, edition.number, len(edition.rules)) == ("2027", "长府规〔2026〕9号", 3)
    assert edition.rule(RuleId.SHARE_ANSWER_DEADLINE).citation == "长府规〔2026〕9号第十七条第一款"


@pytest.mark.parametrize(
    "encode", [lambda t: t.encode(), lambda t: b"\xef\xbb\xbf" + t.encode(), lambda t: "\ufeff" + t]
)
def test_text_and_bytes_with_or_without_a_mark_are_read_alike(encode):
    plain = read_edition(SourceFile("a.toml", VALID))
    assert read_edition(SourceFile("a.toml", encode(VALID))) == plain
    assert read_edition(SourceFile("a.toml", encode(VALID.replace("\n", "\r\n")))) == plain


@pytest.mark.parametrize(
    ("old", "new", "key", "flaw"),
    [
        # The head
        ('id = "2027"', "", "id", Flaw.MISSING_KEY),
        ('id = "2027"', 'id = "Neu 1"', "id", Flaw.BAD_VALUE),
        ('id = "2027"', "id = 2027", "id", Flaw.WRONG_TYPE),
        ('layer = "edition"', 'layer = "law"', "layer", Flaw.BAD_VALUE),
        ('layer = "edition"', "", "layer", Flaw.MISSING_KEY),
        ('layer = "edition"', 'layer = "edition"\nnote = "x"', "note", Flaw.UNKNOWN_KEY),
        ("in_force_from", "in_force_form", "document.in_force_from", Flaw.MISSING_KEY),
        ("term_ends", "term_end", "document.term_end", Flaw.UNKNOWN_KEY),
        ("2027-01-01", '"2027-01-01"', "document.in_force_from", Flaw.WRONG_TYPE),
        ("2027-01-01", "2027-01-01T00:00:00", "document.in_force_from", Flaw.WRONG_TYPE),
        ("term_ends = 2031-12-31", "term_ends = 2026-12-31", "document.term_ends", Flaw.CONTRADICTION),
        ("printed = 2026-12-01", "printed = 2026-10-01", "document.printed", Flaw.CONTRADICTION),
        (
            "term_ends = 2031-12-31",
            'repeal = { on = 2027-01-01, by = "某", article = "1" }',
            "document.repeal.on",
            Flaw.CONTRADICTION,
        ),
        (
            "term_ends = 2031-12-31",
            'repeal = { on = 2028-01-01, by = "某" }',
            "document.repeal.article",
            Flaw.MISSING_KEY,
        ),
        ("term_ends = 2031-12-31", "repeals = []", "document.repeals", Flaw.BAD_VALUE),
        (
            "term_ends = 2031-12-31",
            'repeals = [{ number = "某", article = "1", on = 2027-01-01 }]',
            "document.repeals[0].on",
            Flaw.UNKNOWN_KEY,
        ),
        ('issuer = "某机关"', 'issuer = "  "', "document.issuer", Flaw.BAD_VALUE),
        ('issuer = "某机关"', 'issuer = "机\\u202e关"', "document.issuer", Flaw.BAD_VALUE),
        ('issuer = "某机关"', 'issuer = "机\\n关"', "document.issuer", Flaw.BAD_VALUE),
        ('issuer = "某机关"', f'issuer = "{"长" * 401}"', "document.issuer", Flaw.BAD_VALUE),
        # Bodies and roles
        ('data-bureau = "区数据局"', 'DataBureau = "区数据局"', "bodies.DataBureau", Flaw.BAD_VALUE),
        ('data-bureau = "区数据局"', 'provider = "区数据局"', "parties.provider", Flaw.DUPLICATE),
        ("[roles]", "[roles]\ncoordinater = []", "roles.coordinater", Flaw.UNKNOWN_KEY),
        ("[roles]\n", "[roles]\nauditor = []\n", "roles.auditor", Flaw.BAD_VALUE),
        ('body = "data-bureau"', 'body = "office"', "roles.coordinator[0].body", Flaw.BAD_VALUE),
        (', article = "5"', "", "roles.coordinator[0].article", Flaw.MISSING_KEY),
        (', article = "5"', ', article = "5", since = 1', "roles.coordinator[0].since", Flaw.UNKNOWN_KEY),
        (
            'article = "5" }]',
            'article = "5" }, { body = "data-bureau", article = "6" }]',
            "roles.coordinator[1].body",
            Flaw.DUPLICATE,
        ),
        # Rules
        (
            "[rules.share-answer-deadline]",
            "[rules.share-answer-dedline]",
            "rules.share-answer-dedline",
            Flaw.UNKNOWN_KEY,
        ),
        ('article = "17.1"', "", "rules.share-answer-deadline.article", Flaw.MISSING_KEY),
        ('article = "17.1"', "article = 17.1", "rules.share-answer-deadline.article", Flaw.WRONG_TYPE),
        ('article = "17.1"', 'article = "第十七条"', "rules.share-answer-deadline.article", Flaw.BAD_VALUE),
        ('quote = "五个工作日内答复"', "", "rules.share-answer-deadline.quote", Flaw.MISSING_KEY),
        (
            'quote = "分为三类"',
            'quote = "分为三类"\ncomment = "x"',
            "rules.sharing-types.comment",
            Flaw.UNKNOWN_KEY,
        ),
        ('bodies = { acts = ["provider"] }', "", "rules.share-answer-deadline.bodies.acts", Flaw.MISSING_KEY),
        (
            'acts = ["provider"]',
            'acts = ["provider"], does = ["provider"]',
            "rules.share-answer-deadline.bodies.does",
            Flaw.UNKNOWN_KEY,
        ),
        ('acts = ["provider"]', 'acts = ["unit"]', "rules.share-answer-deadline.bodies.acts", Flaw.BAD_VALUE),
        (
            'acts = ["provider"]',
            'acts = ["provider", "provider"]',
            "rules.share-answer-deadline.bodies.acts",
            Flaw.BAD_VALUE,
        ),
        ("count = 5", "count = 0", "rules.share-answer-deadline.deadline.count", Flaw.BAD_VALUE),
        ("count = 5", "count = -5", "rules.share-answer-deadline.deadline.count", Flaw.BAD_VALUE),
        ("count = 5", "count = 5.0", "rules.share-answer-deadline.deadline.count", Flaw.WRONG_TYPE),
        ("count = 5", "count = true", "rules.share-answer-deadline.deadline.count", Flaw.WRONG_TYPE),
        ("count = 5", "count = 1000", "rules.share-answer-deadline.deadline.count", Flaw.BAD_VALUE),
        ('"working-days"', '"workdays"', "rules.share-answer-deadline.deadline.unit", Flaw.BAD_VALUE),
        (', runs_from = "收到申请之日"', "", "rules.share-answer-deadline.deadline.runs_from", Flaw.MISSING_KEY),
        ("count = 5", "count = 5, most = 9", "rules.share-answer-deadline.deadline.most", Flaw.UNKNOWN_KEY),
        (
            'deadline = { count = 5, unit = "working-days", runs_from = "收到申请之日" }',
            "",
            "rules.share-answer-deadline.deadline",
            Flaw.MISSING_KEY,
        ),
        (
            'quote = "分为三类"',
            'quote = "分为三类"\ndeadline = { count = 5, unit = "days", runs_from = "x" }',
            "rules.sharing-types.deadline",
            Flaw.UNKNOWN_KEY,
        ),
        (
            'quote = "分为三类"',
            'quote = "分为三类"\nrequires = ["reason"]',
            "rules.sharing-types.requires",
            Flaw.UNKNOWN_KEY,
        ),
        ('requires = ["reason"]', "", "rules.refusal-needs-reason.requires", Flaw.MISSING_KEY),
        ('requires = ["reason"]', "requires = []", "rules.refusal-needs-reason.requires", Flaw.BAD_VALUE),
        ('requires = ["reason"]', 'requires = ["reasons"]', "rules.refusal-needs-reason.requires", Flaw.BAD_VALUE),
        (
            'requires = ["reason"]',
            'requires = ["reason", "reason"]',
            "rules.refusal-needs-reason.requires",
            Flaw.BAD_VALUE,
        ),
        (
            'parameters = { types = ["无条件共享", "授权共享", "非共享"] }',
            "",
            "rules.sharing-types.parameters.types",
            Flaw.MISSING_KEY,
        ),
        ("{ types =", "{ kinds =", "rules.sharing-types.parameters.types", Flaw.MISSING_KEY),
        ("{ types =", "{ more = 1, types =", "rules.sharing-types.parameters.more", Flaw.UNKNOWN_KEY),
        (
            '["无条件共享", "授权共享", "非共享"]',
            '"无条件共享"',
            "rules.sharing-types.parameters.types",
            Flaw.WRONG_TYPE,
        ),
        # What belongs to an edition only
        ('layer = "edition"', 'layer = "house"', "roles", Flaw.UNKNOWN_KEY),
        ('layer = "edition"', 'layer = "higher"', "roles", Flaw.UNKNOWN_KEY),
    ],
)
def test_a_slip_in_a_file_is_refused_by_file_and_key(old, new, key, flaw):
    with pytest.raises(policy.FileRefused) as refused:
        read_edition(changed(old, new))
    assert (refused.value.file, refused.value.key, refused.value.flaw) == ("新办法.toml", key, flaw)
    assert refused.value.message.startswith(f"新办法.toml：{key}：")


def test_house_rules_repeal_no_regulation():
    text = VALID.replace('layer = "edition"', 'layer = "house"').replace(
        "term_ends = 2031-12-31", 'repeals = [{ number = "长府规〔2021〕2号", article = "1" }]'
    )
    text = text.replace('[roles]\ncoordinator = [{ body = "data-bureau", article = "5" }]\n', "")
    with pytest.raises(policy.FileRefused) as refused:
        read_edition(SourceFile("a.toml", text))
    assert (refused.value.key, refused.value.flaw) == ("document.repeals", Flaw.UNKNOWN_KEY)


def test_a_file_without_any_rule_is_refused():
    text = VALID[: VALID.index("[rules.share-answer-deadline]")] + "[rules]\n"
    with pytest.raises(policy.FileRefused) as refused:
        read_edition(SourceFile("a.toml", text))
    assert (refused.value.key, refused.value.flaw) == ("rules", Flaw.MISSING_KEY)


def test_a_near_miss_is_named():
    with pytest.raises(policy.FileRefused, match="share-answer-deadline"):
        read_edition(changed("[rules.share-answer-deadline]", "[rules.share-answer-dedline]"))


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe",
        b"\x00",
        "id = ",
        'id = "a"\nid = "b"',
        "a = " + "[" * 100_000,
        "a = " + "9" * 5_000,
        "a = 2027-02-30",
        "长 = 1",
        " " * (MAX_BYTES + 1),
    ],
    ids=["utf-16", "nul", "cut off", "twice", "nested", "huge number", "no such day", "bare chinese key", "too long"],
)
def test_what_is_no_toml_is_refused_and_never_crashes(content):
    with pytest.raises(policy.FileRefused) as refused:
        read_edition(SourceFile("a.toml", content))
    assert (refused.value.file, refused.value.key, refused.value.flaw) == ("a.toml", "", Flaw.UNREADABLE)


@given(st.binary(max_size=300) | st.text(max_size=300))
def test_any_content_at_all_is_refused_in_words(content):
    with pytest.raises(policy.FileRefused):
        read_edition(SourceFile("a.toml", content))


@given(st.data())
def test_a_file_with_any_one_line_lost_is_refused_or_still_an_edition(data):
    lines = VALID.splitlines()
    lost = data.draw(st.integers(0, len(lines) - 1))
    source = SourceFile("a.toml", "\n".join(lines[:lost] + lines[lost + 1 :]))
    cited = {"长府规〔2026〕9号"}
    with contextlib.suppress(policy.FileRefused):  # any other error fails the test
        cited = {rule.document for rule in read_edition(source).rules}
    assert cited == {"长府规〔2026〕9号"}


def test_every_rule_id_has_a_shape():
    assert all(shape_of(rule_id) for rule_id in RuleId)


def test_a_part_that_a_rule_has_not_is_not_made_up():
    rule = read_edition(SourceFile("a.toml", VALID)).rule(RuleId.SHARING_TYPES)
    asked = [
        lambda: rule.decider,
        lambda: rule.text("types"),
        lambda: rule.flag("types"),
        lambda: rule.numbers("types"),
        lambda: rule.texts("none"),
    ]
    for ask in asked:
        with pytest.raises(policy.PartAbsent) as refused:
            ask()
        assert refused.value.code == "rule-part-absent"
