"""The interface description of a service (接口说明): it says what the gateway does, and is only text."""

import ast
import html as html_parser
import itertools
import re
import shlex
import subprocess
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from catalog.domain import description, pages, services
from catalog.domain.description import CodeSet, Described
from catalog.domain.pages import Code, Heading, Listing, Prose, Table
from catalog.domain.services import ServiceContent, State
from common.events import Check, CodeName
from gateway.domain.grants import Structure
from gateway.errors import MEMOS
from gateway.errors import Code as GatewayCode
from tests.support.catalog_values import service, service_body
from tests.support.items import codes, day, integer, key, moment, numeric, text

ITEMS = (
    key(text("code", 9)),
    text("name", 40),
    codes(text("area", 6)),
    integer("count"),
    numeric("amount", 12, 2),
    day("since"),
    moment("seen"),
    text("uscc", 18, unique=True, check=Check.USCC),
)
AREAS = CodeSet("areas", 1, "区划", "GB/T 2260", (CodeName(code="310105", name="长宁区"),))
INPUTS = [
    {"item": "amount", "operators": ["ge", "lt"], "required": False},
    {"item": "code", "operators": ["eq", "in"], "required": True},
    {"item": "area", "operators": ["eq"], "required": True},
    {"item": "name", "operators": ["prefix"], "required": False},
]
VERIFY = {"mode": "verify", "inputs": [], "identity": ["code"], "claims": ["name", "amount"]}


def described(*, items=ITEMS, sets=(AREAS,), state=State.ACTIVE, provider="区民政局", entry="街道镇名录", **more):
    content = ServiceContent.model_validate(service_body(**{"inputs": INPUTS} | more))
    return Described(
        service=service(content=content, state=state),
        entry_name=entry,
        provider_name=provider,
        items=tuple(items),
        code_sets=tuple(sets),
    )


def table(found, heading, place=0):
    """The rows of a section's table, by their first cell."""
    blocks = list(description.document(found))
    start = next(n for n, b in enumerate(blocks) if isinstance(b, Heading) and b.text == heading)
    tables = [b for b in blocks[start:] if isinstance(b, Table)]
    plain = [tuple(cell.text if isinstance(cell, Code) else cell for cell in row) for row in tables[place].rows]
    return {row[0]: row[1:] for row in plain}


def test_parameters_are_told_with_type_length_operator_and_whether_they_are_required():
    found = table(described(), "传入参数")
    assert list(found) == ["code", "code__in", "name__prefix", "area", "amount__ge", "amount__lt"]
    assert found["code"][:5] == ("code项", "字符", "至多9个字符", "等于", "是（各写法至少一种）")
    assert found["area"] == ("area项", "字符", "至多6个字符", "等于", "是", "areas 第1版")
    assert found["amount__ge"][1:5] == ("数值", "共12位，小数2位", "大于等于", "否")


@given(
    st.lists(
        st.tuples(st.sampled_from([item.code for item in ITEMS]), st.sets(st.sampled_from(["eq", "in"]), min_size=1)),
        unique_by=lambda given_: given_[0],
    )
)
def test_its_parameters_are_the_ones_that_the_gateway_takes(inputs):
    given_ = [{"item": item, "operators": sorted(operators), "required": False} for item, operators in inputs]
    found = described(inputs=given_)
    assert {one.name for one in description.parameters(found)} == set(taken(found).parameters)


@pytest.mark.parametrize("more", [{}, VERIFY, {"inputs": INPUTS[:1]}])
def test_its_required_parameters_are_the_ones_that_the_gateway_demands(more):
    found = described(**more)
    assert {p.item.code for p in description.parameters(found) if p.required.startswith("是")} == taken(found).required


def taken(found):
    """What the gateway makes of the same service."""
    return Structure.of(services.event(found.service, found.items))


def test_codes_are_the_gateways_in_its_order_with_the_annexs_memos():
    assert {code: memo for code, memo, _ in description.CODES if code != "1"} == dict(MEMOS)
    assert [code for code, _, _ in description.CODES] == [code.value for code in GatewayCode]


def test_what_can_be_granted_is_told_in_the_catalogues_order():
    found = table(described(), "可授权的信息项")
    assert list(found) == [item.code for item in ITEMS]
    assert found["code"][:6] == ("code项", "字符", "至多9个字符", "是", "否", "无条件共享")
    assert found["uscc"][2] == "至多18个字符，校验位按 GB 32100"
    assert found["seen"][1] == "日期时间 YYYY/MM/DD hh:mm:ss（北京时间）"


def test_a_verification_tells_identity_and_claims_and_offers_no_pages():
    found = described(**VERIFY)
    assert [(name, row[4]) for name, row in table(found, "传入参数").items()] == [
        ("code", "是（身份项）"),
        ("name", "至少一项（被验证项）"),
        ("amount", "至少一项（被验证项）"),
    ]
    assert list(table(found, "可授权的信息项")) == ["name", "amount"]
    assert list(table(found, "可选参数")) == ["format", "rsStyle", "rsStructure"]


@pytest.mark.parametrize(
    ("more", "modes"),
    [
        ({}, ["精确匹配返回单条信息", "根据筛选条件获取批量数据"]),
        ({"inputs": INPUTS[:1]}, ["根据筛选条件获取批量数据"]),
        ({"inputs": [{"item": "code", "operators": ["in"], "required": True}]}, ["根据筛选条件获取批量数据"]),
        (
            {"inputs": [{"item": "uscc", "operators": ["eq"], "required": True}]},
            ["精确匹配返回单条信息", "根据筛选条件获取批量数据"],
        ),
        (VERIFY, ["验证信息真伪"]),
    ],
)
def test_the_access_modes_are_the_annexs(more, modes):
    """Annex 3 §4.1."""
    assert description.modes(described(**more)) == modes


def test_pages_and_orderings_are_the_services():
    found = table(described(page_limit=50, orderings=["since", "amount"]), "可选参数")
    assert found["pageSize"][:2] == ("1 至 50", "50")
    assert found["orderBy"][0] == "since、-since、amount、-amount"
    assert table(described(), "可选参数")["pageSize"][:2] == ("1 至 1000", "100")


def test_code_sets_are_told_with_their_codes_up_to_a_hundred():
    many = CodeSet("areas", 1, "区划", "GB", tuple(CodeName(code=f"{n:06}", name=f"名{n}") for n in range(250)))
    found = description.document(described(sets=[many]))
    shown = next(b for b in found if isinstance(b, Table) and b.head == ("代码", "名称"))
    assert len(shown.rows) == 100
    assert Prose("出处：GB。共250个代码，前100个如下。") in found


@pytest.mark.parametrize("state", State)
def test_its_state_is_told(state):
    assert table(described(state=state), "接口说明：街道镇查询（streets）")["状态"] == (description._STATES[state],)


def listings(found):
    shell, python = [b.text for b in description.document(found) if isinstance(b, Listing)]
    return shell, python


@pytest.mark.parametrize("more", [{}, VERIFY, {"inputs": []}, {"inputs": INPUTS[:1]}])
def test_examples_can_be_read_by_what_they_are_for_and_hold_no_key(more):
    shell, python = listings(described(**more))
    words = shlex.split(shell)
    assert words[words.index("keys.headers") + 1] == "curl"
    ast.parse(python)
    assert "cnu_" not in shell + python
    given_ = dict(word.split("=", 1) for flag, word in itertools.pairwise(words) if flag == "--data-urlencode")
    assert all(f"{name!r}: {value!r}" in python for name, value in given_.items())


def test_an_example_takes_a_code_of_the_code_set():
    assert "area=310105" in listings(described())[0]


# --- Text and nothing but -------------------------------------------------------------------------------------------

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60).filter(
    lambda text_: re.fullmatch(r"[^\x00-\x1f\x7f]+", text_)
)
HOSTILE = [
    "<script>alert(1)</script>",
    "' onmouseover='x",
    '"><img src=x onerror=y>',
    "`$(id)` $HOME '; rm -rf / #",
    "```\n# x"[:3] + "````",
    "a|b|c",
    "[x](javascript:1)",
    "![x](http://x/y)",
    "<!-- x",
    "</code></pre><b>",
    "</title><b>",
    "&lt;b&gt;",
    "a\u202eb\u200bc",
    "**x** _y_ ~~z~~ \\",
    "https://example.org www.example.org a@example.org",
]


class Reader(HTMLParser):
    """The elements and the text of a page."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.attributes, self.text = set(), set(), []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data):
        self.text.append(data)

    def handle_comment(self, data):
        raise AssertionError(data)


def named(name):
    """A description in which everything that people name has this name."""
    items = [item.model_copy(update={"name": name, "standard": name}) for item in ITEMS]
    sets = [CodeSet("areas", 1, name, name, (CodeName(code=name, name=name),))]
    return described(items=items, sets=sets, provider=name, entry=name, name=name)


def assert_only_text(name):
    found = named(name)
    page = Reader(pages.html(description.title(found), description.document(found)))
    assert page.elements == {
        *("html", "head", "meta", "title", "style", "body", "h1", "h2", "h3", "p", "pre", "code"),
        *("table", "thead", "tbody", "tr", "th", "td"),
    }
    assert page.attributes == {"lang", "charset"}
    assert pages.seen(name) in "".join(page.text)
    plain = described()
    written, usual = (structure(pages.markdown(description.document(one))) for one in (found, plain))
    assert written == usual
    shell, python = listings(found)
    assert len(shlex.split(shell)) == len(shlex.split(listings(plain)[0]))
    assert isinstance(ast.parse(python).body[-1], ast.With)


def structure(markdown):
    """What a reader of Markdown makes of it, but for the words; a name of the interface may be code or text."""
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    return [
        (token.type, [one.type for one in token.children or [] if one.type not in {"text", "text_special"}] or None)
        if not (token.type == "inline" and [one.type for one in token.children] == ["code_inline"])
        else ("inline", None)
        for token in parser.parse(markdown)
    ]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_text_on_the_page_in_markdown_and_in_the_examples(name):
    assert_only_text(name.replace("\n", " "))


@pytest.mark.parametrize("name", HOSTILE)
def test_a_shell_that_runs_the_example_expands_nothing_of_a_name(name, tmp_path):
    shell, _ = listings(named(name))
    script = "curl() { printf '%s\\0' \"$@\"; }\n" + shell
    done = subprocess.run(["sh", "-c", script], cwd=tmp_path, env={}, capture_output=True, check=True)
    assert f"code=<{name}>" in [pages.seen(word) for word in done.stdout.decode().split("\0")] or "\u202e" in name


@given(names)
def test_whatever_people_name_things_the_page_is_the_same_but_for_the_names(name):
    assert_only_text(name)


def test_what_cannot_be_seen_is_shown_as_such():
    assert pages.seen("a\u202eb\x00c\u200dd\n") == "a\ufffdb\ufffdc\ufffdd\ufffd"
    assert pages.seen("街道　𠮷") == "街道　𠮷"


def test_a_fence_is_longer_than_any_in_the_listing():
    written = pages.markdown((Listing("sh", "a\n`````\nb"),))
    assert written.splitlines()[0] == "``````sh"
    assert written.splitlines()[-1] == "``````"


def test_the_page_allows_its_own_style_and_nothing_else():
    page = pages.html("x", ())
    style = html_parser.unescape(re.search("<style>(.*)</style>", page)[1])
    assert style == pages._STYLE
    assert "script-src" not in pages.CONTENT_SECURITY_POLICY
    assert pages.CONTENT_SECURITY_POLICY.startswith("default-src 'none'")
