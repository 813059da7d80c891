"""`python -m policy`: the table of rules, the check of an administrator's file, and when something would be due."""

import argparse
import sys
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

from policy.book import InForce, load_shipped
from policy.deadlines import DueOn, due
from policy.errors import PolicyError
from policy.overview import rules_table
from policy.reading import read_edition
from policy.tables import SourceFile, read_table
from policy.vocabulary import Layer
from policy.workdays import shipped_calendar

REFUSED = 2
"""The exit code where a file or a question is refused; 0 otherwise, also where a due date is still open."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Answer on standard output; a refusal goes to standard error."""
    asked = _parser().parse_args(arguments)
    try:
        answer = _answer(asked)
    except (PolicyError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return REFUSED
    sys.stdout.write(answer)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m policy", description="The regulations as dated data.")
    parser.add_argument("--edition", action="append", default=[], type=Path, metavar="FILE", help="a further document")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("table", help="print the rules by document, with their articles, as Markdown")
    check = commands.add_parser(
        "check", help="check a file of an edition, a higher source, house rules or working days"
    )
    check.add_argument("file", type=Path)
    when = commands.add_parser("due", help="say when something is due")
    when.add_argument("--from", dest="start", required=True, type=_moment, help="a day, or an instant with its zone")
    when.add_argument("--rule", required=True, help="the id of a rule that sets a deadline")
    when.add_argument("--calendar", action="append", default=[], type=Path, metavar="FILE", help="working days")
    return parser


def _answer(asked: argparse.Namespace) -> str:
    documents = [_source(path) for path in asked.edition]
    match asked.command:
        case "check":
            return _check(_source(asked.file), documents)
        case "due":
            in_force = _in_force(asked.start, documents)
            return _due(asked.start, asked.rule, in_force, [_source(path) for path in asked.calendar])
        case _:
            return rules_table(load_shipped(documents))


def _check(source: SourceFile, others: list[SourceFile]) -> str:
    """Say what the file holds; it is also put beside the shipped documents and those given."""
    keys = read_table(source).keys()
    if "layer" not in keys and "document" not in keys:
        years = [str(table.year) for table in shipped_calendar([source]).tables]
        return f"{source.name}：有效，收录年份：{'、'.join(years) or '无'}\n"
    read = read_edition(source)
    load_shipped([*others, source])
    return f"{source.name}：有效，{read.layer.zh} {read.number}，{len(read.rules)}条规则，自{read.in_force_from}起\n"


def _in_force(start: datetime | date, documents: list[SourceFile]) -> InForce:
    book = load_shipped(documents)
    return book.at(start) if isinstance(start, datetime) else book.on(start)


def _due(start: datetime | date, rule_id: str, in_force: InForce, calendars: list[SourceFile]) -> str:
    rule = in_force.require(rule_id)
    answer = due(start, rule, shipped_calendar(calendars))
    when = f"{answer.on} 24:00 (Asia/Shanghai)" if isinstance(answer, DueOn) else answer.alert_zh
    notice = f"{in_force.notice_zh}\n" if in_force.notice_zh and rule.layer is not Layer.HIGHER else ""
    return f"{when}\n{rule.source_zh}\n{notice}"


def _moment(text: str) -> datetime | date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return datetime.fromisoformat(text)


def _source(path: Path) -> SourceFile:
    return SourceFile(path.name, path.read_bytes())


if __name__ == "__main__":
    sys.exit(main())
