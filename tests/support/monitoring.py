"""The dashboard and the alert rules as files, and what their expressions ask for."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import promql_parser
import yaml

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / "deploy" / "monitoring"
RULES: Final = FOLDER / "rules.yaml"
DASHBOARD: Final = FOLDER / "dashboard.json"
OF_SCRAPING: Final = frozenset({"job", "instance"})
"""Labels that Prometheus adds."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A metric that an expression asks for, and every label that is named in the expression."""

    place: str
    metric: str
    labels: frozenset[str]


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    return [panel for panel in json.loads(DASHBOARD.read_text())["panels"] if panel["type"] != "row"]


def expressions() -> Iterator[tuple[str, str]]:
    """Where an expression stands, and the expression."""
    for rule in rules():
        yield rule["alert"], rule["expr"]
    for panel in panels():
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


def asked(place: str, expression: str) -> list[Asked]:
    """What an expression asks for.

    Raises:
        ValueError: it is no PromQL.
    """
    found: list[Asked] = []
    _walk(promql_parser.parse(expression), frozenset(), place, found)
    return found


def _walk(node: Any, grouped: frozenset[str], place: str, found: list[Asked]) -> None:
    match node:
        case promql_parser.VectorSelector():
            matched = {matcher.name for matcher in node.matchers.matchers}
            found.append(Asked(place, node.name, grouped | matched))
        case promql_parser.MatrixSelector():
            _walk(node.vector_selector, grouped, place, found)
        case promql_parser.AggregateExpr():
            labels = node.modifier.labels if node.modifier is not None else ()
            _walk(node.expr, grouped | frozenset(labels), place, found)
        case promql_parser.Call():
            for argument in node.args:
                _walk(argument, grouped, place, found)
        case promql_parser.BinaryExpr():
            _walk(node.lhs, grouped, place, found)
            _walk(node.rhs, grouped, place, found)
        case promql_parser.ParenExpr() | promql_parser.UnaryExpr() | promql_parser.SubqueryExpr():
            _walk(node.expr, grouped, place, found)
        case _:
            assert isinstance(node, promql_parser.NumberLiteral | promql_parser.StringLiteral), node
