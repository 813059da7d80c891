"""The summary of a file's check as one HTML page: numbers, findings by rule and by column, batches over time.

The page is whole by itself: plots are SVG that is made here, without any script, so that its content security policy
allows nothing but its own style. Every text is escaped; what a provider wrote is shown, never run (IN-X24).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Final

from common.clock import local
from ingest_files.domain.judgement import Finding
from quality.model import Severity

STYLE_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
POLICY: Final = f"{STYLE_POLICY}; frame-ancestors 'none'; sandbox"
"""Sent with the page as its Content-Security-Policy; `sandbox` lets nothing run even if something were in it."""
SHOWN: Final = 200
"""Findings in the page's list; all of them are on the API and in the annotated copy."""
_BARS: Final = 15
RULE_NAMES: Final[Mapping[str, str]] = {
    "not_null": "非空",
    "type": "类型",
    "length": "长度",
    "range": "取值范围",
    "pattern": "格式",
    "code_set": "代码集",
    "check_digit": "校验位",
    "unique": "唯一性",
    "cross_item": "项间关系",
    "reference": "引用",
    "freshness": "时效",
    "drift": "与以往的变化",
    "structure": "结构",
}
_RED, _AMBER, _GREEN, _BLUE = "#c0392b", "#d68910", "#1e8449", "#2e6da4"


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A file of the resource that has its result."""

    name: str
    done_at: datetime
    loaded: bool
    rows: int
    findings: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What the page is about."""

    name: str
    entry: str
    entry_name: str
    provider: str
    loaded: bool
    message: str | None
    records: int | None
    """Rows that were checked, where that is known."""
    total: int
    """Findings in all; `findings` may be the first of them."""
    findings: Sequence[Finding]
    item_names: Mapping[str, str]
    batches: Sequence[Batch]
    done_at: datetime | None


def page(checked: Checked) -> str:
    """The page, in UTF-8 and without any address in it."""
    errors = [one for one in checked.findings if one.severity is Severity.ERROR]
    bad = len({(one.sheet, one.row) for one in errors if one.row is not None})
    title = f"数据质量检查：{checked.name}"
    about = f"{checked.entry_name}（{checked.entry}） · {checked.provider} · {_when(checked.done_at)}"
    message = _text(checked.message or "")
    verdict = "已导入" if checked.loaded else "未导入"
    return "".join(
        [
            '<!doctype html><html lang="zh-CN"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{STYLE_POLICY}">',
            f'<meta name="viewport" content="width=device-width"><title>{_text(title)}</title>',
            f"<style>{_STYLE}</style></head><body>",
            f"<h1>{_text(title)}</h1>",
            f'<p class="about">{_text(about)}</p>',
            f'<p class="verdict {"good" if checked.loaded else "bad"}"><strong>{verdict}</strong> {message}</p>',
            _tiles(checked, len(errors), bad),
            '<div class="plots">',
            _bars("按规则", _counted(checked.findings, _rule)),
            _bars("按列", _counted(checked.findings, lambda one: _column(one, checked.item_names))),
            _by_sheet(checked.findings),
            _share(checked.records, bad),
            _over_time(checked.batches),
            "</div>",
            _list(checked),
            "</body></html>",
        ]
    )


_STYLE: Final = """
*{box-sizing:border-box}body{font:15px/1.6 "Noto Sans CJK SC","Microsoft YaHei","PingFang SC",sans-serif;color:#222;
max-width:1080px;margin:24px auto;padding:0 20px;background:#fff}h1{font-size:22px;margin:0;overflow-wrap:anywhere}
h2{font-size:16px;margin:0 0 8px}.about{color:#666;margin:4px 0 16px}.verdict{padding:10px 14px;border-left:5px solid}
.bad{border-color:#c0392b;background:#fdf0ee}.good{border-color:#1e8449;background:#eef8f1}
.tiles{display:grid;grid-template-columns:repeat(4,1fr);gap:12px;margin:16px 0}
.tile{border:1px solid #ddd;border-radius:6px;padding:10px 14px}.tile b{display:block;font-size:24px}
.plots{display:grid;grid-template-columns:1fr 1fr;gap:16px}.plot{border:1px solid #ddd;border-radius:6px;padding:14px}
svg{width:100%;height:auto;display:block}text{font-size:13px;fill:#333}table{border-collapse:collapse;width:100%}
th,td{border-bottom:1px solid #e3e3e3;padding:5px 8px;text-align:left;vertical-align:top;overflow-wrap:break-word}
td{min-width:5.5em;max-width:16em}td.n{min-width:0;white-space:nowrap}td:last-child{max-width:none;overflow-wrap:anywhere}
.plot:last-child:nth-child(odd){grid-column:1/-1}.plot svg{max-width:560px}
th{background:#f4f6f9;white-space:nowrap}th.n{text-align:right}td.n{text-align:right;font-variant-numeric:tabular-nums}
.error{color:#c0392b}.warning{color:#9a6508}.legend{color:#666;font-size:13px;margin:6px 0 0}section{margin-top:20px}
@media(max-width:760px){.plots,.tiles{grid-template-columns:1fr}}
"""


def _text(given: str) -> str:
    """Escaped, with what cannot be seen shown as a mark."""
    return escape("".join(char if char.isprintable() else "\ufffd" for char in given), quote=True)


def _when(at: datetime | None) -> str:
    return "" if at is None else local(at).strftime("%Y/%m/%d %H:%M:%S")


def _tiles(checked: Checked, errors: int, bad: int) -> str:
    all_seen = checked.total == len(checked.findings)
    shown = [
        ("检查行数", "—" if checked.records is None else f"{checked.records:,}"),
        ("问题行数", f"{bad:,}" if all_seen else f"至少 {bad:,}"),
        ("错误", f"{errors:,}" if all_seen else f"至少 {errors:,}"),
        ("提醒", f"{len(checked.findings) - errors:,}"),
    ]
    tiles = "".join(f'<div class="tile">{name}<b>{value}</b></div>' for name, value in shown)
    return f'<div class="tiles">{tiles}</div>'


def _rule(finding: Finding) -> str:
    return RULE_NAMES.get(finding.rule, finding.rule)


def _column(finding: Finding, names: Mapping[str, str]) -> str:
    if finding.item is not None:
        return names.get(finding.item, finding.item)
    return "整个文件" if finding.column is None else f"第{finding.column}列"


def _counted(findings: Sequence[Finding], named: object) -> list[tuple[str, int, int]]:
    """(name, errors, warnings), the most frequent first."""
    assert callable(named)
    errors = Counter(str(named(one)) for one in findings if one.severity is Severity.ERROR)
    warnings = Counter(str(named(one)) for one in findings if one.severity is Severity.WARNING)
    both = errors + warnings
    return [(name, errors[name], warnings[name]) for name, _ in both.most_common()]


def _by_sheet(findings: Sequence[Finding]) -> str:
    """Bars by sheet, where the file has findings in several."""
    inside = [one for one in findings if one.sheet is not None]
    several = len({one.sheet for one in inside}) > 1
    return _bars("按工作表", _counted(inside, lambda one: one.sheet)) if several else ""


def _plot(title: str, inside: str, legend: str = "") -> str:
    told = f'<p class="legend">{legend}</p>' if legend else ""
    return f'<div class="plot"><h2>{title}</h2>{inside}{told}</div>'


def _bars(title: str, counted: Sequence[tuple[str, int, int]]) -> str:
    if not counted:
        return _plot(title, "<p>没有发现问题。</p>")
    shown = list(counted[:_BARS])
    if len(counted) > _BARS:
        rest = counted[_BARS:]
        shown.append((f"其他{len(rest)}项", sum(row[1] for row in rest), sum(row[2] for row in rest)))
    most = max(errors + warnings for _, errors, warnings in shown)
    parts = []
    for place, (name, errors, warnings) in enumerate(shown):
        top = place * 28
        red, amber = 260 * errors / most, 260 * warnings / most
        label = _short(name)
        parts.append(
            f'<text x="150" y="{top + 17}" text-anchor="end">{_text(label)}</text>'
            f'<rect x="160" y="{top + 4}" width="{red:.1f}" height="18" fill="{_RED}"/>'
            f'<rect x="{160 + red:.1f}" y="{top + 4}" width="{amber:.1f}" height="18" fill="{_AMBER}"/>'
            f'<text x="{166 + red + amber:.1f}" y="{top + 17}">{errors + warnings:,}</text>'
        )
    svg = f'<svg viewBox="0 0 480 {28 * len(shown)}" role="img" aria-label="{title}">{"".join(parts)}</svg>'
    return _plot(title, svg, f"{_mark(_RED)}错误　{_mark(_AMBER)}提醒")


def _short(name: str) -> str:
    """As much of a name as there is room for; a Chinese character takes that of two Latin ones."""
    room = 20
    for place, char in enumerate(name):
        room -= 2 if ord(char) > 0x2E80 else 1
        if room < 0:
            return f"{name[: place - 1]}…"
    return name


def _mark(colour: str) -> str:
    return f'<span style="color:{colour}">■</span> '


def _share(records: int | None, bad: int) -> str:
    if not records:
        return _plot("合格行的比例", "<p>没有可检查的数据行。</p>")
    share = max(0.0, 1 - bad / records)
    # Rounded down: with a bad row it is never a hundred.
    shown = max(0, records - bad) * 1000 // records / 1000
    svg = (
        '<svg viewBox="0 0 480 90" role="img" aria-label="合格行的比例">'
        f'<rect x="0" y="40" width="480" height="26" fill="{_RED}"/>'
        f'<rect x="0" y="40" width="{480 * share:.1f}" height="26" fill="{_GREEN}"/>'
        f'<text x="0" y="26" style="font-size:20px;font-weight:bold">{shown:.1%}</text>'
        f'<text x="480" y="26" text-anchor="end">{records - bad:,} / {records:,} 行</text></svg>'
    )
    return _plot("合格行的比例", svg, f"{_mark(_GREEN)}合格　{_mark(_RED)}有错误")


def _over_time(batches: Sequence[Batch]) -> str:
    if not batches:
        return _plot("历次文件", "<p>这是第一个文件。</p>")
    most_rows = max((batch.rows for batch in batches), default=0) or 1
    most_found = max((batch.findings for batch in batches), default=0) or 1
    step = 440 / len(batches)
    parts, points = [], []
    for place, batch in enumerate(batches):
        middle = 20 + step * (place + 0.5)
        height = 120 * batch.rows / most_rows
        parts.append(
            f'<rect x="{middle - min(step, 40) * 0.35:.1f}" y="{150 - height:.1f}" width="{min(step, 40) * 0.7:.1f}" '
            f'height="{height:.1f}" fill="{_BLUE}"/>'
        )
        if not batch.loaded:
            parts.append(f'<text x="{middle:.1f}" y="146" text-anchor="middle" style="fill:{_RED}">✕</text>')
        points.append((middle, 150 - 120 * batch.findings / most_found))
        if len(batches) <= 6 or place in {0, len(batches) - 1}:
            day = local(batch.done_at).strftime("%m/%d")
            parts.append(f'<text x="{middle:.1f}" y="170" text-anchor="middle">{day}</text>')
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{_RED}"/>' for x, y in points)
    svg = (
        '<svg viewBox="0 0 480 178" role="img" aria-label="历次文件">'
        f'<line x1="20" y1="150" x2="460" y2="150" stroke="#999"/>{"".join(parts)}'
        f'<polyline points="{line}" fill="none" stroke="{_RED}" stroke-width="2"/>{dots}'
        f'<text x="20" y="16">行数最多 {most_rows:,}，问题最多 {most_found:,}</text></svg>'
    )
    return _plot("历次文件", svg, f"{_mark(_BLUE)}导入行数　{_mark(_RED)}问题数　✕ 未导入")


def _cell(given: str | None) -> str:
    return f"<td>{_text(given or '')}</td>"


def _list(checked: Checked) -> str:
    if not checked.findings:
        return ""
    sheets = any(one.sheet is not None for one in checked.findings)
    rows = "".join(
        f"<tr>{_cell(one.sheet) if sheets else ''}"
        f'<td class="n">{one.row or ""}</td><td class="n">{one.column or ""}</td>'
        f"<td>{_text(_column(one, checked.item_names)) if one.item else ''}</td><td>{_text(_rule(one))}</td>"
        f'<td class="{one.severity.value}">{"错误" if one.severity is Severity.ERROR else "提醒"}</td>'
        f"{_cell(one.value)}{_cell(one.message)}</tr>"
        for one in checked.findings[:SHOWN]
    )
    more = f"（前{SHOWN}处，共{checked.total:,}处；全部见标注文件）" if checked.total > SHOWN else ""
    titles = [*(["工作表"] if sheets else []), "行", "列", "信息项", "规则", "程度", "值（已遮盖）", "说明"]
    head = "".join(f"<th{' class=n' if len(name) == 1 else ''}>{name}</th>" for name in titles)
    return f"<section><h2>问题{more}</h2><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></section>"
