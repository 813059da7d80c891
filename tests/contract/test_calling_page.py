"""The page for departments says what the gateway says, and can be found."""

import re
from pathlib import Path

import pytest

from gateway.errors import MEMOS, Code

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "calling.md").read_text(encoding="utf-8")


def test_the_codes_are_the_gateways_in_its_order_with_the_annexs_memos():
    found = re.findall(r"^\| ([0-9]{3}) \| ([^|]+) \|", PAGE, re.MULTILINE)
    wanted = [(code.value, MEMOS[code]) for code in Code if code not in {Code.SUCCESS, Code.PLATFORM}]
    assert found == wanted
    assert f"| HTTP 503（500） | {MEMOS[Code.PLATFORM]} |" in PAGE


@pytest.mark.parametrize("name", ["README.md", "README.zh.md"])
def test_the_front_page_leads_to_it(name):
    assert "(docs/calling.md)" in (ROOT / name).read_text(encoding="utf-8")


def test_what_it_links_to_is_there():
    for target in re.findall(r"\]\(([^)#]+)\)", PAGE):
        assert (ROOT / "docs" / target).exists(), target
