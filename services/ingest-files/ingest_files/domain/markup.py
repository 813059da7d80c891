"""The pages of the browser form, written as HTML. Whatever came from elsewhere is text: nothing of it is markup."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from exchange.ways import Way
from ingest_files.domain.judgement import Finding
from ingest_files.domain.summary import RULE_NAMES
from ingest_files.domain.uploads import FINAL, State, Upload
from quality.model import Severity

_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
STATES: Final = {
    State.AWAITED: "等待上传",
    State.RECEIVED: "已收到，正在检查和导入",
    State.LOADED: "已导入",
    State.REJECTED: "被拒绝",
}
WAYS: Final = {
    Way.REPLACE: "全量替换：文件取代现有的全部数据",
    Way.APPEND: "追加：文件的各行加在现有数据之后",
    Way.UPSERT: "按主键更新：主键已有的更新，没有的新增",
    Way.DELETE: "按主键删除：文件列出要删除的主键",
}
REFRESH: Final = 2
"""Seconds after which a page without a result asks again."""


@dataclass(frozen=True, slots=True)
class Choice:
    """An entry that a file can be sent for."""

    code: str
    name: str
    ways: tuple[Way, ...] = (Way.REPLACE,)
    """In which ways files may go to it."""


def text(given: object) -> str:
    """One line of characters that can be seen, escaped for any place in a page."""
    plain = "" if given is None else str(given)
    shown = "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(one) in _UNSEEN else one for one in plain)
    return escape(shown, quote=True)


def _page(title: str, body: str, *, head: str = "") -> str:
    return (
        '<!DOCTYPE html>\n<html lang="zh-CN"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{text(title)} · 数桥</title><link rel="icon" href="/pages/icon.svg">'
        f'<link rel="stylesheet" href="/pages/style.css">{head}</head>'
        f"<body>{body}</body></html>\n"
    )


def _top(title: str, account: str, csrf: str) -> str:
    return (
        f'<header><h1>{text(title)}</h1><form method="post" action="/pages/logout">'
        f'<input type="hidden" name="csrf" value="{text(csrf)}"><span>{text(account)} </span>'
        "<button>退出登录</button></form></header>"
    )


def login(wrong: str | None = None) -> str:
    told = f'<p class="wrong" role="alert">{text(wrong)}</p>' if wrong else ""
    return _page(
        "登录",
        f'<main><h1>登录</h1>{told}<form method="post" action="/pages/login">'
        '<label for="account">账号</label>'
        '<input type="text" id="account" name="account" autocomplete="username" required autofocus>'
        '<label for="password">密码</label>'
        '<input type="password" id="password" name="password" autocomplete="current-password" required>'
        "<button>登录</button></form></main>",
    )


def upload(account: str, csrf: str, choices: Sequence[Choice], recent: Iterable[Upload], most: int) -> str:
    options = "".join(
        f'<option value="{text(one.code)}" data-ways="{" ".join(one.ways)}">'
        f"{text(one.name)}（{text(one.code)}）</option>"
        for one in choices
    )
    # The script hides those that the chosen entry does not allow; the service refuses them whatever a page shows.
    ways = "".join(f'<option value="{way.value}">{text(told)}</option>' for way, told in WAYS.items())
    lines = "".join(
        f'<tr><td><a href="/pages/uploads/{one.id}">{text(one.name)}</a></td><td>{STATES[one.state]}</td>'
        f"<td>{text(one.rows)}</td><td>{text(one.message)}</td></tr>"
        for one in recent
    )
    form = (
        f'<form id="upload" data-most="{most}"><input type="hidden" name="csrf" value="{text(csrf)}">'
        f'<label for="entry">目录条目</label><select id="entry" name="entry" required>{options}</select>'
        f'<label for="way">导入方式</label><select id="way" name="way" required>{ways}</select>'
        '<label for="file">文件（资源名称-时间戳.xls）</label>'
        '<input type="file" id="file" name="file" required accept=".xls,.xlsx,.et,.ods,.csv">'
        '<div><button disabled>上传</button></div></form><noscript><p class="wrong">上传需要浏览器启用脚本；'
        "也可以用命令行 shuqiao file upload。</p></noscript>"
        if choices
        else "<p>本单位没有已发布的目录条目。</p>"
    )
    return _page(
        "上传文件",
        f'{_top("上传文件", account, csrf)}<main>{form}<progress id="bar" hidden aria-label="上传进度"></progress>'
        '<p id="status" role="status" aria-live="polite"></p>'
        "<h2>最近的上传</h2><table><thead><tr><th>文件</th><th>状态</th><th>行数</th><th>说明</th></tr></thead>"
        f"<tbody>{lines}</tbody></table></main>",
        head='<script src="/pages/upload.js" defer></script>' if choices else "",
    )


def result(
    account: str, csrf: str, one: Upload, findings: Sequence[Finding], names: Mapping[str, str] | None = None
) -> str:
    """An upload and what was found in it; `names` are those of the items by their codes."""
    head = "" if one.state in FINAL else f'<meta http-equiv="refresh" content="{REFRESH}">'
    facts: list[tuple[str, object]] = [("文件", one.name), ("目录条目", one.entry), ("状态", STATES[one.state])]
    facts.append(("导入方式", WAYS[one.way].partition("：")[0]))
    facts += [(name, told) for name, told in (("导入行数", one.rows), ("SHA-256", one.sha256)) if told is not None]
    listed = "".join(f"<tr><th scope=row>{text(name)}</th><td>{text(told)}</td></tr>" for name, told in facts)
    told = f'<p class="wrong" role="alert">{text(one.message)}</p>' if one.message else ""
    table = f"<h2>发现的问题（{one.findings}处）</h2>{_findings(findings, names or {})}" if findings else ""
    more = f"<p>此处列出前{len(findings)}处。</p>" if len(findings) < one.findings else ""
    return _page(
        "上传结果",
        f'{_top("上传结果", account, csrf)}<main aria-live="polite"><table>{listed}</table>{told}{table}{more}'
        '<p><a href="/pages">返回</a></p></main>',
        head=head,
    )


def _findings(findings: Sequence[Finding], names: Mapping[str, str]) -> str:
    sheets = any(found.sheet is not None for found in findings)
    lines = "".join(
        f"<tr>{f'<td>{text(found.sheet)}</td>' if sheets else ''}"
        f'<td class="n">{text(found.row)}</td><td class="n">{text(found.column)}</td>'
        f'<td class="s">{text(names.get(found.item or "", found.item))}</td>'
        f'<td class="s">{text(RULE_NAMES.get(found.rule, found.rule))}</td>'
        f'<td class="s {found.severity.value}">{"错误" if found.severity is Severity.ERROR else "提醒"}</td>'
        f"<td>{text(found.message)}</td></tr>"
        for found in findings
    )
    titles = [*(["工作表"] if sheets else []), "行", "列", "信息项", "规则", "程度", "说明"]
    head = "".join(f"<th>{one}</th>" for one in titles)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"
