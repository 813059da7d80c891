"""Which column of a strict file holds which item."""

from collections.abc import Sequence

from quality.model import Finding, ItemLike, RuleName, Severity


def match_columns(items: Sequence[ItemLike], titles: Sequence[tuple[int, str]]) -> tuple[dict[str, int], list[Finding]]:
    """Which sheet column holds which item, by the item's name or code; and what does not fit.

    `titles` are (sheet column, title) without the 序号 column. The order of columns is free; an item without a column
    is an error, and so is a column without an item.
    """
    by_title = {item.name: item for item in items} | {item.code: item for item in items}
    places: dict[str, int] = {}
    findings: list[Finding] = []
    for column, title in titles:
        item = by_title.get(title)
        if item is None:
            findings.append(_at(column, None, "目录中没有这一列，请删除或更正列名"))
        elif item.code in places:
            findings.append(_at(column, item.code, f"信息项“{item.name}”出现了两列"))
        else:
            places[item.code] = column
    missing = [item for item in items if item.code not in places]
    findings += [_at(1, item.code, f"缺少信息项“{item.name}”（{item.code}）的列") for item in missing]
    return places, findings


def _at(column: int, item: str | None, message: str) -> Finding:
    return Finding(1, column, item, RuleName.STRUCTURE, Severity.ERROR, message, None)
