"""Makes checks of single values out of declared rules, and refuses rules that do not go with their items."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from quality import values
from quality.cells import Value
from quality.check_digits import FAULTS
from quality.errors import BadRule
from quality.model import Check, CodeSets, ItemLike, ItemType, Rule, RuleName, RuleSet
from quality.patterns import whole_match
from quality.values import BadValue

Fault = Callable[[Any], str | None]
"""What is wrong with a value of the item that the check was made for, None if nothing is."""

MAX_RULES: Final = 200
MAX_TOGETHER: Final = 16
"""Items of one rule."""
_NUMBERS: Final = frozenset({ItemType.INTEGER, ItemType.NUMERIC})
_DATES: Final = frozenset({ItemType.DATE, ItemType.DATETIME})
PER_VALUE: Final = frozenset(
    {RuleName.LENGTH, RuleName.RANGE, RuleName.PATTERN, RuleName.CODE_SET, RuleName.CHECK_DIGIT}
)
"""Rules that look at one value by itself."""
_COUNTS: Final[Mapping[RuleName, tuple[int, int]]] = {
    RuleName.NOT_NULL: (1, MAX_TOGETHER),
    RuleName.LENGTH: (1, 1),
    RuleName.RANGE: (1, 1),
    RuleName.PATTERN: (1, 1),
    RuleName.CODE_SET: (1, 1),
    RuleName.CHECK_DIGIT: (1, 1),
    RuleName.UNIQUE: (1, MAX_TOGETHER),
    RuleName.CROSS_ITEM: (1, MAX_TOGETHER),
    RuleName.REFERENCE: (1, MAX_TOGETHER),
    RuleName.FRESHNESS: (0, 1),
    RuleName.DRIFT: (0, 1),
}
_FIELDS: Final[Mapping[RuleName, frozenset[str]]] = {
    RuleName.NOT_NULL: frozenset(),
    RuleName.LENGTH: frozenset({"min_length", "max_length"}),
    RuleName.RANGE: frozenset({"minimum", "maximum"}),
    RuleName.PATTERN: frozenset({"pattern"}),
    RuleName.CODE_SET: frozenset({"code_set"}),
    RuleName.CHECK_DIGIT: frozenset({"check"}),
    RuleName.UNIQUE: frozenset(),
    RuleName.CROSS_ITEM: frozenset({"comparison", "when", "values", "total", "tolerance"}),
    RuleName.REFERENCE: frozenset({"resource", "target_items"}),
    RuleName.FRESHNESS: frozenset({"days"}),
    RuleName.DRIFT: frozenset({"rows_drop", "rows_growth", "null_change", "distinct_change"}),
}


@dataclass(frozen=True, slots=True)
class ValueCheck:
    """A rule made ready for the values of its item."""

    rule: Rule
    fault: Fault


def verify(rule_set: RuleSet) -> None:
    """Raises BadRule if a rule does not go with the items it names, or cannot be run."""
    if len(rule_set.rules) > MAX_RULES:
        raise BadRule(f"规则不超过{MAX_RULES}条")
    items = {item.code: item for item in rule_set.items}
    for place, rule in enumerate(rule_set.rules, 1):
        try:
            verify_rule(rule, items, rule_set.update_frequency)
        except BadRule as wrong:
            raise BadRule(f"第{place}条规则（{rule.name.value}）：{wrong.message}") from wrong


def verify_rule(rule: Rule, items: Mapping[str, ItemLike], update_frequency: str | None = None) -> None:
    """Raises BadRule if this rule does not go with these items."""
    if rule.name not in _COUNTS:
        raise BadRule("这一规则由信息项的类型和目录的结构决定，不能另行声明")
    strangers = [code for code in (*rule.items, rule.when, rule.total) if code is not None and code not in items]
    if strangers:
        raise BadRule(f"没有信息项“{strangers[0]}”")
    if len(set(rule.items)) != len(rule.items):
        raise BadRule("同一信息项写了两次")
    _verify_shape(rule)
    if rule.name in PER_VALUE:
        compile_value_check(rule, items[rule.items[0]], {})
    elif rule.name is RuleName.CROSS_ITEM:
        _verify_cross(rule, items)
    elif rule.name is RuleName.REFERENCE:
        if rule.resource is None or len(rule.target_items) != len(rule.items):
            raise BadRule("应写明所引用的资源 resource，以及同样多的 target_items")
    elif rule.name is RuleName.FRESHNESS:
        _verify_freshness(rule, items, update_frequency)
    elif rule.name is RuleName.DRIFT:
        _verify_drift(rule)


def _verify_shape(rule: Rule) -> None:
    least, most = _COUNTS[rule.name]
    if not least <= len(rule.items) <= most:
        raise BadRule(f"应写{least}个信息项" if least == most else f"应写{least}至{most}个信息项")
    unfit = [field for name, fields in _FIELDS.items() if name is not rule.name for field in sorted(fields)]
    for field in unfit:
        if field not in _FIELDS[rule.name] and getattr(rule, field) not in (None, ()):
            raise BadRule(f"参数 {field} 不属于这一规则")


def _verify_cross(rule: Rule, items: Mapping[str, ItemLike]) -> None:
    ways = [rule.comparison is not None, rule.when is not None, rule.total is not None]
    if sum(ways) != 1:
        raise BadRule("comparison、when、total 应写且只写一个")
    if (rule.values and rule.when is None) or (rule.tolerance is not None and rule.total is None):
        raise BadRule("values 只与 when 同用，tolerance 只与 total 同用")
    if rule.comparison is not None:
        if len(rule.items) != 2:
            raise BadRule("比较应写2个信息项")
        kinds = {_kind(items[code]) for code in rule.items}
        if len(kinds) != 1:
            raise BadRule("相比较的两个信息项类型不同")
    elif rule.when is not None:
        if rule.when in rule.items:
            raise BadRule("条件项不能同时是必填项")
        given_values(rule, items[rule.when])
    else:
        parts = [items[code] for code in (*rule.items, rule.total or "")]
        if rule.total in rule.items or any(part.type not in _NUMBERS for part in parts):
            raise BadRule("合计只用于数值型信息项，且合计项不能是其中一项")
        if rule.tolerance is not None and not rule.tolerance >= 0:
            raise BadRule("tolerance 不能为负")


def _verify_freshness(rule: Rule, items: Mapping[str, ItemLike], update_frequency: str | None) -> None:
    if rule.items:
        if items[rule.items[0]].type not in _DATES:
            raise BadRule("时效只看日期或时间型信息项")
        if rule.days is None:
            raise BadRule("应写明 days")
    elif rule.days is None and update_frequency is None:
        raise BadRule("应写明 days，或条目写明更新频率")
    if rule.days is not None and not 0 <= rule.days <= 36_500:
        raise BadRule("days 应为0至36500")


def _verify_drift(rule: Rule) -> None:
    of_rows, of_item = (rule.rows_drop, rule.rows_growth), (rule.null_change, rule.distinct_change)
    if all(bound is None for bound in (*of_rows, *of_item)):
        raise BadRule("应写明 rows_drop、rows_growth、null_change、distinct_change 之一")
    if any(bound is not None for bound in of_item) is not bool(rule.items):
        raise BadRule("null_change 和 distinct_change 须写明信息项，行数的变化不写")
    for bound in (rule.rows_drop, rule.null_change, rule.distinct_change):
        if bound is not None and not 0 <= bound <= 1:
            raise BadRule("变化幅度应为0至1")
    if rule.rows_growth is not None and rule.rows_growth < 0:
        raise BadRule("rows_growth 不能为负")


def _kind(item: ItemLike) -> str:
    """Types whose values compare with each other."""
    return "number" if item.type in _NUMBERS else str(item.type)


def given_values(rule: Rule, item: ItemLike) -> frozenset[Value]:
    """The values of the condition of a rule, as the item's values.

    Raises:
        BadRule: one of them can be no value of the item.
    """
    return frozenset(_bound(item, text) for text in rule.values)


def _bound(item: ItemLike, text: str) -> Value:
    try:
        return values.read(item, text, {}, whole=False)
    except BadValue as wrong:
        raise BadRule(f"参数中的值不符合信息项“{item.name}”：{wrong.message}") from wrong


def compile_value_check(rule: Rule, item: ItemLike, code_sets: CodeSets) -> ValueCheck:
    """A rule of one value, made ready for the values of its item.

    Raises:
        BadRule: it does not go with the item.
    """
    if rule.name is not RuleName.RANGE and item.type != ItemType.TEXT:
        raise BadRule(f"“{item.name}”不是文本，不能用这一规则")
    match rule.name:
        case RuleName.LENGTH:
            fault = _length(rule)
        case RuleName.RANGE:
            fault = _range(rule, item)
        case RuleName.PATTERN:
            fault = _pattern(rule)
        case RuleName.CODE_SET:
            fault = _codes(rule, code_sets)
        case _:
            fault = _check(rule)
    return ValueCheck(rule, fault)


def _length(rule: Rule) -> Fault:
    least, most = rule.min_length, rule.max_length
    if least is None and most is None:
        raise BadRule("应写明 min_length 或 max_length")
    low, high = least or 0, most if most is not None else 10**9
    if not 0 <= low <= high:
        raise BadRule("min_length 应不大于 max_length")
    wanted = f"应为{low}个字符" if low == high else f"应为{low}至{most}个字符" if most else f"应至少{low}个字符"

    def fault(value: str) -> str | None:
        size = len(value)
        return None if low <= size <= high else f"长度{size}，{wanted}"

    return fault


def _range(rule: Rule, item: ItemLike) -> Fault:
    if rule.minimum is None and rule.maximum is None:
        raise BadRule("应写明 minimum 或 maximum")
    low: Any = None if rule.minimum is None else _bound(item, rule.minimum)
    high: Any = None if rule.maximum is None else _bound(item, rule.maximum)
    if low is not None and high is not None and high < low:
        raise BadRule("minimum 应不大于 maximum")

    def fault(value: Any) -> str | None:
        if low is not None and value < low:
            return f"小于下限{rule.minimum}"
        if high is not None and value > high:
            return f"大于上限{rule.maximum}"
        return None

    return fault


def _pattern(rule: Rule) -> Fault:
    if rule.pattern is None:
        raise BadRule("应写明 pattern")
    matches = whole_match(rule.pattern)
    return lambda value: None if matches(str(value)) else "不符合规定的格式"


def _codes(rule: Rule, code_sets: CodeSets) -> Fault:
    if rule.code_set is None:
        raise BadRule("应写明 code_set")
    codes: Collection[object] = code_sets.get((rule.code_set.id, rule.code_set.version), ())
    return lambda value: None if value in codes else "不在代码集中"


def _check(rule: Rule) -> Fault:
    if rule.check is None:
        raise BadRule("应写明 check")
    fault = FAULTS[Check(rule.check)]
    return lambda value: fault(str(value))
