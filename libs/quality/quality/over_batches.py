"""Rules over a whole batch: how fresh it is, and how far it is from the batches before."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from statistics import median
from typing import Final

from quality.cells import Value
from quality.model import Finding, ItemLike, Rule, RuleName, RuleSet
from quality.surroundings import COMPARED, History, Profile, Surroundings

DAYS: Final[Mapping[str, int]] = {
    "real-time": 1,
    "daily": 1,
    "weekly": 7,
    "monthly": 31,
    "quarterly": 92,
    "yearly": 366,
}
"""Days between two batches by the update frequency that an entry declares; `irregular` promises none."""


def of_whole(rule: Rule, item: str | None, column: int | None, message: str) -> Finding:
    """A finding that belongs to no row."""
    told = message if rule.advice is None else f"{message}；{rule.advice}"
    return Finding(None, column, item, rule.name, rule.severity, told, None)


class Dates:
    """The newest value of the items that freshness rules name."""

    def __init__(self, rules: Sequence[Rule], places: Mapping[str, int]) -> None:
        self._rules = [rule for rule in rules if rule.name is RuleName.FRESHNESS and rule.items]
        self._places = [(rule.items[0], places[rule.items[0]]) for rule in self._rules]
        self._newest: dict[str, date] = {}
        self.is_needed = bool(self._rules)

    def take(self, _row: int, values: Sequence[Value | None]) -> None:
        for code, place in self._places:
            value = values[place]
            if isinstance(value, date):
                day = value.date() if isinstance(value, datetime) else value
                if day > self._newest.get(code, date.min):
                    self._newest[code] = day

    def findings(
        self, today: date | None, items: Mapping[str, ItemLike], columns: Mapping[str, int | None]
    ) -> list[Finding]:
        found: list[Finding] = []
        for rule in self._rules if today is not None else ():
            code = rule.items[0]
            newest = self._newest.get(code)
            assert today is not None
            assert rule.days is not None
            if newest is None:
                message = f"“{items[code].name}”没有任何日期，无法判断时效"
            elif (today - newest).days > rule.days:
                message = (
                    f"“{items[code].name}”最新为{newest:%Y/%m/%d}，距今{(today - newest).days}天，超过{rule.days}天"
                )
            else:
                continue
            found.append(of_whole(rule, code, columns[code], message))
        return found


def lateness(rule_set: RuleSet, around: Surroundings) -> list[Finding]:
    """Whether this batch comes later after the one before than the resource promises."""
    found: list[Finding] = []
    if around.today is None or around.history is None or around.history.newest is None:
        return found
    passed = (around.today - around.history.newest).days
    for rule in rule_set.rules:
        if rule.name is not RuleName.FRESHNESS or rule.items:
            continue
        allowed = rule.days if rule.days is not None else DAYS.get(rule_set.update_frequency or "")
        if allowed is not None and passed > allowed:
            found.append(of_whole(rule, None, None, f"距上一批{passed}天，超过规定的{allowed}天"))
    return found


class Profiles:
    """Counts rows, and empty and distinct values of the items that drift rules name."""

    def __init__(self, rules: Sequence[Rule], places: Mapping[str, int]) -> None:
        drifting = [rule for rule in rules if rule.name is RuleName.DRIFT]
        named = dict.fromkeys(code for rule in drifting for code in rule.items)
        counted = {code for rule in drifting if rule.distinct_change is not None for code in rule.items}
        self._places = [(code, places[code], set[Value]() if code in counted else None) for code in named]
        self._nulls = dict.fromkeys(named, 0)
        self._rows = 0
        self.is_needed = True

    def take(self, _row: int, values: Sequence[Value | None]) -> None:
        self._rows += 1
        for code, place, distinct in self._places:
            value = values[place]
            if value is None:
                self._nulls[code] += 1
            elif distinct is not None:
                distinct.add(value)

    def profile(self) -> Profile:
        distinct = {code: len(seen) for code, _, seen in self._places if seen is not None}
        return Profile(rows=self._rows, nulls=dict(self._nulls), distinct=distinct)


def drift(
    rules: Sequence[Rule],
    now: Profile,
    history: History | None,
    items: Mapping[str, ItemLike],
    columns: Mapping[str, int | None],
) -> list[Finding]:
    """How far a batch is from the median of the last ones; nothing without any."""
    found: list[Finding] = []
    before = history.profiles[:COMPARED] if history is not None else ()
    for rule in rules if before else ():
        if rule.name is not RuleName.DRIFT:
            continue
        if not rule.items:
            found += _rows_drift(rule, now.rows, Decimal(median(profile.rows for profile in before)))
            continue
        code = rule.items[0]
        for what, bound, counts in (
            ("空值", rule.null_change, [profile.nulls for profile in (now, *before)]),
            ("不同值", rule.distinct_change, [profile.distinct for profile in (now, *before)]),
        ):
            shares = [
                Decimal(count[code]) / profile.rows
                for count, profile in zip(counts, (now, *before), strict=True)
                if code in count and profile.rows
            ]
            if bound is None or len(shares) < 2 or code not in counts[0] or not now.rows:
                continue
            usual = median(shares[1:])
            if abs(shares[0] - usual) > bound:
                message = f"“{items[code].name}”的{what}占{shares[0]:.1%}，以往各批为{usual:.1%}，变化超过{bound:.1%}"
                found.append(of_whole(rule, code, columns[code], message))
    return found


def _rows_drift(rule: Rule, rows: int, usual: Decimal) -> list[Finding]:
    if rule.rows_drop is not None and rows < usual * (1 - rule.rows_drop):
        return [of_whole(rule, None, None, f"共{rows}行，以往各批为{usual:.0f}行，减少超过{rule.rows_drop:.1%}")]
    if rule.rows_growth is not None and rows > usual * (1 + rule.rows_growth):
        return [of_whole(rule, None, None, f"共{rows}行，以往各批为{usual:.0f}行，增加超过{rule.rows_growth:.1%}")]
    return []
