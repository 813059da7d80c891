"""Dashboard and alert rules: well formed, and each alert says in the runbook what to do."""

import re

import pytest

from tests.support.monitoring import ROOT, asked, expressions, panels, rules

RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()
HAN = re.compile("[\u4e00-\u9fff]")


@pytest.mark.parametrize(("place", "expression"), sorted(set(expressions())))
def test_an_expression_is_promql_and_asks_for_something(place, expression):
    assert asked(place, expression)


@pytest.mark.parametrize("broken", ["sum(rate(x[5m])", "rate(x)", "x >", "histogram_quantile(rate(x[5m]))"])
def test_what_is_no_promql_is_found(broken):
    with pytest.raises(ValueError):
        asked("here", broken)


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ('sum by (a) (rate(x_total{b="1"}[5m]))', {("x_total", ("a", "b"))}),
        ("abs(x) > 2 or max by (c) (y) == 0", {("x", ()), ("y", ("c",))}),
        ("histogram_quantile(0.99, sum by (le) (rate(x_bucket[5m])))", {("x_bucket", ("le",))}),
    ],
)
def test_metrics_and_labels_are_read_out_of_an_expression(expression, found):
    assert {(one.metric, tuple(sorted(one.labels))) for one in asked("here", expression)} == found


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alert_is_whole_and_says_what_to_do(rule):
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in {"page", "warn"}
    assert HAN.search(rule["annotations"]["summary"])
    assert rule["annotations"]["runbook"] == f"docs/runbook.md#{rule['alert'].lower()}"
    section = RUNBOOK.partition(f"## {rule['alert']}\n")[2].partition("\n## ")[0]
    assert len(section.split()) > 8, "what to do"
    assert re.fullmatch(r"[0-9]+[smh]", rule.get("for", "1m"))


def test_names_are_there_once():
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names)
    assert set(re.findall(r"^## (\w+)$", RUNBOOK, re.MULTILINE)) == set(names)


def test_panels_have_chinese_titles_and_do_not_overlap():
    taken = set()
    for panel in panels():
        assert HAN.search(panel["title"])
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not taken & cells
        taken |= cells
