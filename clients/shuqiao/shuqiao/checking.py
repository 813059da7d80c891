"""`shuqiao file check`: a file checked on the provider's own machine before it is sent; needs no server."""

import json
import sys
from collections import Counter
from datetime import datetime
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from shuqiao.showing import out, to_text
from vetting.checking import check_file
from vetting.report import Profile, Report, SheetReport, Verdict

SHOWN_FINDINGS = 200
"""Findings of a sheet that are shown to people; `--json` has all of them."""
_SHOWN_SKIPPED = 20
_VERDICTS = {Verdict.ACCEPTED: "通过", Verdict.REJECTED: "不通过", Verdict.UNREADABLE: "无法读取"}
_STYLES = {Verdict.ACCEPTED: "green", Verdict.REJECTED: "red", Verdict.UNREADABLE: "red"}
_SEVERITIES = {"error": "错误", "warning": "提示"}
_RULES = {
    "not_null": "非空",
    "type": "类型",
    "length": "长度",
    "range": "范围",
    "pattern": "格式",
    "code_set": "代码集",
    "check_digit": "校验位",
    "unique": "唯一",
    "cross_item": "项间关系",
    "reference": "引用",
    "freshness": "时效",
    "drift": "波动",
    "structure": "结构",
}


class CheckExit(IntEnum):
    """Exit codes of the check."""

    ACCEPTED = 0
    REJECTED = 1
    UNREADABLE = 2


def file_check(
    file: Annotated[Path, typer.Argument(help="电子表格：xls、xlsx、et、ods、csv", metavar="FILE")],
    entry: Annotated[
        Path | None,
        typer.Option("--entry", help="目录条目内容（JSON）；省略时按表格内容提出一个", metavar="ENTRY.json"),
    ] = None,
    profile: Annotated[
        Profile, typer.Option("--profile", help="strict：附件3第六章的格式；guided：按实际填写的表格识别")
    ] = Profile.GUIDED,
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON")] = False,
) -> None:
    """发送前检查一个文件：识别表头和记录，按条目的规则检查每一格，不联网。退出码：0 通过，1 不通过，2 无法读取。"""
    report = _checked(file, entry, profile)
    if as_json:
        # Plain bytes: no terminal's encoding or width stands between the report and the program that reads it.
        text = json.dumps(report.to_json(), ensure_ascii=False, indent=2)
        sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace") + b"\n")
        sys.stdout.flush()
    else:
        _show(report)
    raise typer.Exit(CheckExit[report.verdict.name])


def _checked(file: Path, entry: Path | None, profile: Profile) -> Report:
    def unreadable(reason: str) -> Report:
        return Report(profile=profile, verdict=Verdict.UNREADABLE, reason=reason)

    content: Any = None
    if entry is not None:
        try:
            content = json.loads(entry.read_text(encoding="utf-8-sig"))
        except OSError as failed:
            return unreadable(f"条目文件打不开：{failed.strerror or entry.name}")
        except ValueError:
            return unreadable("条目文件不是 JSON（UTF-8）")
        if not isinstance(content, dict):
            return unreadable("条目文件不是一个 JSON 对象")
    try:
        return check_file(file, profile, content, datetime.now(ZoneInfo("Asia/Shanghai")).date())
    except MemoryError:
        return unreadable("文件过大，本机内存不足")
    except Exception as failed:  # noqa: BLE001  whatever a file brings about is an answer, not a traceback
        return unreadable(f"检查程序内部错误（{type(failed).__name__}），请把文件交给平台运维人员")


def _show(report: Report) -> None:
    style = _STYLES[report.verdict]
    out.print(f"[bold {style}]{_VERDICTS[report.verdict]}[/]" + (f"：{escape(report.reason)}" if report.reason else ""))
    for sheet in report.sheets:
        _show_sheet(sheet)


def _show_sheet(sheet: SheetReport) -> None:
    out.print()
    name = escape(sheet.sheet) or "（文本文件）"
    header = f"表头至第 {sheet.header_row} 行" if sheet.header_row is not None else "没有自己的表头"
    out.print(f"[bold]工作表 {name}[/]：{header}，{sheet.records} 条记录，跳过 {len(sheet.skipped)} 行")
    columns = Table("列", "表头", "信息项")
    for column in sheet.columns:
        columns.add_row(str(column.column), to_text(column.title), to_text(column.item or ""))
    out.print(columns)
    if sheet.skipped:
        skipped = Table("行", "跳过的原因")
        for one in sheet.skipped[:_SHOWN_SKIPPED]:
            skipped.add_row(str(one.row), to_text(one.reason))
        out.print(skipped)
        _say_more(len(sheet.skipped), _SHOWN_SKIPPED, "行")
    if sheet.findings:
        counts = Counter(finding.rule.value for finding in sheet.findings)
        out.print("问题：" + "，".join(f"{_RULES[rule]} {count}" for rule, count in counts.most_common()))
        _show_findings(sheet)
    if sheet.not_run:
        out.print("需在平台上检查的规则：" + "、".join(_RULES[rule.value] for rule in sheet.not_run))
    if sheet.entry is not None:
        out.print("按内容提出的条目（--json 可得其全文）：")
        out.print(_items(sheet.entry["items"]))


def _show_findings(sheet: SheetReport) -> None:
    findings = Table("行", "列", "信息项", "规则", "级别", "说明")
    for one in sheet.findings[:SHOWN_FINDINGS]:
        findings.add_row(
            "" if one.row is None else str(one.row),
            "" if one.column is None else str(one.column),
            to_text(one.item or ""),
            _RULES[one.rule.value],
            _SEVERITIES[one.severity.value],
            to_text(one.message),
        )
    out.print(findings)
    _say_more(len(sheet.findings), SHOWN_FINDINGS, "处")


def _say_more(count: int, shown: int, unit: str) -> None:
    if count > shown:
        out.print(f"……另有 {count - shown} {unit}，用 --json 可得全部")


def _items(items: list[dict[str, Any]]) -> Table:
    made = Table("代码", "名称", "类型", "长度", "主键", "标准字段")
    for item in items:
        size = item.get("length") or (f"{item['precision']}/{item['scale']}" if "precision" in item else "")
        made.add_row(
            Text(item["code"]),
            to_text(item["name"]),
            item["type"],
            str(size),
            "是" if item.get("key_place") else "",
            item.get("standard") or "",
        )
    return made
