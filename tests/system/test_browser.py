"""The browser form in a real browser (Debian's chromium): log in, choose, send, see the result; by keyboard alone."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from rich.console import Console

from demo import playing
from demo.story import Story
from demo.system import System
from tests.support.annex_files import xls

CHROMIUM = shutil.which("chromium")
WITHIN = 60_000

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's package chromium"),
    # The driver's own pipes are closed by its process.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def story(system: System) -> Iterator[Story]:
    made = Story(system.profile, system.held, "browser")
    done = playing.play(made.steps(), Console(quiet=True))
    assert [(step.name, step.evidence) for step in done if not step.ok] == []
    yield made
    made.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser, system: System) -> Iterator[Page]:
    with browser.new_context() as context:
        opened = context.new_page()
        opened.wrong = []
        opened.on("console", lambda told: opened.wrong.append(told.text) if told.type == "error" else None)
        opened.on("pageerror", lambda error: opened.wrong.append(str(error)))
        opened.goto(system.profile.services["ingest-files"] + "/pages")
        yield opened


def test_a_file_is_sent_by_keyboard_alone_and_its_findings_are_shown(page, system, story, tmp_path) -> None:
    expect(page.locator("#account")).to_be_focused()
    page.keyboard.type("mzj.fabu")
    page.keyboard.press("Tab")
    page.keyboard.type(system.held.passwords["mzj.fabu"])
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("上传文件", timeout=WITHIN)
    entry = story.entry_of("streets")
    page.select_option("#entry", entry)
    path = tmp_path / "<img src=x onerror=alert(1)>-20230630.xls"
    path.write_bytes(xls([["序号", "<b>陌生的列</b>"], [1, "x"]]))
    page.set_input_files("#file", path)
    expect(page.locator("#upload button")).to_be_enabled()
    page.locator("#file").focus()
    page.keyboard.press("Tab")
    expect(page.locator("#upload button")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url("**/pages/uploads/*", timeout=WITHIN)
    expect(page.locator('[role="alert"]')).to_be_visible(timeout=WITHIN)
    assert "被拒绝" in page.content()
    assert page.locator("tbody tr").count() > 1
    # IN-X24: the hostile name is shown, and is text.
    expect(page.locator("td", has_text="onerror").first).to_be_visible()
    assert page.locator("img, b").count() == 0
    assert page.wrong == []


def test_what_the_exchange_refuses_is_told_where_the_person_is(page, system, story, tmp_path) -> None:
    page.fill("#account", "mzj.fabu")
    page.fill("#password", "wrong")
    page.keyboard.press("Enter")
    expect(page.locator('[role="alert"]')).to_be_visible(timeout=WITHIN)
    page.fill("#account", "mzj.fabu")
    page.fill("#password", system.held.passwords["mzj.fabu"])
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("上传文件", timeout=WITHIN)
    page.evaluate("document.querySelector('#upload [name=csrf]').value = 'x'")
    path = tmp_path / "a-20230630.xls"
    path.write_bytes(b"x")
    page.set_input_files("#file", path)
    page.locator("#upload button").click()
    expect(page.locator("#status")).to_contain_text("刷新", timeout=WITHIN)
    expect(page.locator("#file")).to_be_focused()
