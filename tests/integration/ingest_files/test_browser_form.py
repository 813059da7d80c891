"""The browser form's edge: its session, its tokens, its policy, and that nothing that came in is markup (IN-X24)."""

import re
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from uuid import uuid4

import httpx2
import pytest
from fastapi import FastAPI

from common import http
from common.errors import Unauthenticated
from common.events import FileReceived
from common.roles import Caller, Role
from ingest_files import pages
from ingest_files.domain import markup
from ingest_files.domain.judgement import Finding
from ingest_files.domain.uploads import State
from ingest_files.sessions import csrf
from tests.support.annex_files import FILE, annex
from tests.support.ingest_bench import post

SECRET = "s" * 43
ORIGIN = "http://store.example"


@dataclass
class Register:
    """Who has which session, as the registry would say."""

    known: dict[str, Caller] = field(default_factory=dict)

    async def log_in(self, account, password):
        if password != "right":
            raise Unauthenticated("账号或密码错误")
        self.known[SECRET] = Caller(account=account, unit="mzj", roles=frozenset({Role.COMPILER}))
        return SECRET

    async def caller(self, secret):
        if secret not in self.known:
            raise Unauthenticated("需要登录")
        return self.known[secret]

    async def log_out(self, secret):
        self.known.pop(secret)


@pytest.fixture
async def browser(ingest):
    app = FastAPI()
    app.add_exception_handler(http.Refusal, http._refused)
    app.include_router(pages.routes(ingest.desk, Register(), ORIGIN + "/"))
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost", follow_redirects=False) as client:
        yield client


@pytest.fixture
async def inside(browser):
    answer = await browser.post("/pages/login", data={"account": "mzj.a", "password": "right"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/pages")
    return browser


TOKEN = {"X-CSRF-Token": csrf(SECRET)}


async def test_without_a_session_the_page_is_the_log_in(browser):
    for path in ("/pages", f"/pages/uploads/{uuid4()}"):
        answer = await browser.get(path)
        assert (answer.status_code, 'action="/pages/login"' in answer.text) == (200, True)
    assert (await browser.post("/pages/uploads", json={"entry": "x"}, headers=TOKEN)).status_code in {401, 422}


async def test_a_wrong_password_is_told_and_opens_nothing(browser):
    answer = await browser.post("/pages/login", data={"account": "<b>x</b>", "password": "wrong"})
    assert (answer.status_code, "账号或密码错误" in answer.text) == (401, True)
    assert "set-cookie" not in answer.headers
    assert "<b>" not in answer.text


async def test_the_cookie_is_for_this_service_alone_and_no_script_reads_it(browser):
    answer = await browser.post("/pages/login", data={"account": "mzj.a", "password": "right"})
    cookie = answer.headers["set-cookie"].lower()
    assert all(part in cookie for part in ("httponly", "samesite=strict", "path=/pages"))
    far = await browser.post("http://exchange.example/pages/login", data={"account": "a", "password": "right"})
    assert "secure" in far.headers["set-cookie"].lower()


async def test_every_page_has_the_strict_policy_and_no_inline_code(inside, ingest):
    for path in ("/pages", "/pages/upload.js", "/pages/style.css"):
        answer = await inside.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert f"connect-src 'self' {ORIGIN};" in policy
        assert answer.headers["referrer-policy"] == "no-referrer"
    html = (await inside.get("/pages")).text
    assert not re.search(r"<script(?![^>]*src=)|\son\w+=|style=", html)


async def test_a_file_goes_its_way_and_its_result_is_a_page(inside, ingest):
    html = (await inside.get("/pages")).text
    assert f'value="{ingest.entry}"' in html
    assert f'name="csrf" value="{csrf(SECRET)}"' in html
    body = {"entry": ingest.entry, "name": FILE, "size": len(annex())}
    begun = (await inside.post("/pages/uploads", json=body, headers=TOKEN)).json()
    await post(begun["url"], begun["fields"], annex())
    path = f"/pages/uploads/{begun['upload']['id']}"
    assert (await inside.post(f"{path}/completion", json={}, headers=TOKEN)).status_code == 202
    waiting = await inside.get(path)
    assert 'http-equiv="refresh"' in waiting.text
    assert "正在检查" in waiting.text
    (told,) = await ingest.running.told(FileReceived)
    await ingest.running.hear(told.event, event_id=told.meta.id)
    done = await inside.get(path)
    assert "已导入" in done.text
    assert "refresh" not in done.text
    assert FILE in (await inside.get("/pages")).text


async def test_the_form_offers_the_ways_that_the_resource_allows_and_the_file_goes_in_the_chosen_one(inside, ingest):
    body = {"entry": ingest.entry, "name": FILE, "size": len(annex()), "way": "append"}
    assert f'value="{ingest.entry}" data-ways="replace"' in (await inside.get("/pages")).text
    assert (await inside.post("/pages/uploads", json=body, headers=TOKEN)).status_code == 422
    ways = {"ways": ["append", "upsert"]}
    await ingest.as_("mzj", Role.PUBLISHER).put(f"/entries/{ingest.entry}/loading", ways)
    assert f'value="{ingest.entry}" data-ways="append upsert"' in (await inside.get("/pages")).text
    begun = (await inside.post("/pages/uploads", json=body, headers=TOKEN)).json()
    assert begun["upload"]["way"] == "append"
    assert "<td>追加</td>" in (await inside.get(f"/pages/uploads/{begun['upload']['id']}")).text


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-CSRF-Token": ""},
        {"X-CSRF-Token": csrf("other")},
        {"X-CSRF-Token": "é"},
        {**TOKEN, "Sec-Fetch-Site": "cross-site"},
    ],
)
async def test_what_another_site_asks_for_has_no_effect(inside, ingest, headers):
    body = {"entry": ingest.entry, "name": FILE, "size": 1}
    sent = {name: value.encode() for name, value in headers.items()}
    assert (await inside.post("/pages/uploads", json=body, headers=sent)).status_code == 403
    assert (await inside.post(f"/pages/uploads/{uuid4()}/completion", json={}, headers=sent)).status_code == 403
    assert (await inside.post("/pages/logout", data={"csrf": "x"})).status_code == 403
    assert (await ingest.as_().get("/uploads")).json() == []


async def test_who_logs_out_is_out(inside):
    assert (await inside.post("/pages/logout", data={"csrf": csrf(SECRET)})).status_code == 303
    assert 'action="/pages/login"' in (await inside.get("/pages")).text


async def test_another_units_result_is_as_if_it_were_not_there(inside, ingest):
    assert (await inside.get(f"/pages/uploads/{uuid4()}")).status_code == 404


OURS = {
    *("html", "head", "meta", "title", "link", "script", "body", "header", "main", "h1", "h2", "p", "span", "div", "a"),
    *("form", "input", "button", "label", "select", "option", "progress", "noscript"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}


class Seen(HTMLParser):
    """The tags and attributes of a page as a browser reads them."""

    def __init__(self):
        super().__init__()
        self.tags, self.attributes = set(), set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


HOSTILE = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "' autofocus onfocus=x '", "\u202e{{7*7}}\0"]


@pytest.mark.parametrize("hostile", HOSTILE)
async def test_whatever_came_in_is_text(ingest, hostile):
    """IN-X24: names, messages and findings are escaped wherever they stand."""
    begun = await ingest.begun(b"x")
    async with ingest.desk.db.begin() as tx:
        one = await pages.service.store.upload(tx, begun["upload"]["id"])
    one = replace(one, name=hostile, state=State.REJECTED, message=hostile, findings=1)
    found = Finding(row=1, column=2, item=hostile, rule=hostile, message=hostile)
    choice = markup.Choice(hostile, hostile)
    for html in (
        markup.upload(hostile, hostile, [choice], [one], 1),
        markup.result(hostile, hostile, one, [found]),
        markup.login(hostile),
    ):
        assert hostile not in html
        seen = Seen()
        seen.feed(html)
        assert seen.tags <= OURS
        assert not {name for name in seen.attributes if name.startswith("on")}
        assert not any(ord(char) in (0, 0x202E) for char in html)
