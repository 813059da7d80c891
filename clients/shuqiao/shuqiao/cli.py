"""The command line. Every command has --help."""

import json
import sys
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import typer
from jsonschema import Draft202012Validator
from rich.table import Table

from shuqiao import batches, calls, checking, files, keys, objects, profile, sending, showing, taking
from shuqiao.errors import ShuqiaoError
from shuqiao.options import Account, Password, ProfileFile
from shuqiao.session import Session
from shuqiao.showing import Exit, err, exit_of, fail, out

app = typer.Typer(no_args_is_help=True, add_completion=False, help="数桥：编目、归集、调用和追溯公共数据。")
entry_app = typer.Typer(no_args_is_help=True, help="目录条目")
file_app = typer.Typer(no_args_is_help=True, help="文件归集")
app.add_typer(entry_app, name="entry")
app.add_typer(file_app, name="file")
app.add_typer(objects.app, name="object")
app.add_typer(keys.app, name="key")
app.add_typer(keys.certificates, name="certificate")


def _session(path: Path | None, account: str, password: str) -> Session:
    return Session(profile.load(path), account, password)


def _show(document: Any) -> None:
    out.print_json(json.dumps(document, ensure_ascii=False, default=str))


@entry_app.command("check")
def entry_check(file: Annotated[Path, typer.Argument(help="条目内容（JSON）")]) -> None:
    """对照目录条目的 JSON Schema 检查一个文件，不联网。"""
    schema = json.loads(resources.files("shuqiao").joinpath("schemas/entry.json").read_text())
    try:
        document = json.loads(file.read_text())
    except ValueError as error:
        fail(f"{file} 不是 JSON：{error}", Exit.USAGE)
    found = sorted(Draft202012Validator(schema).iter_errors(document), key=lambda one: list(map(str, one.path)))
    for broken in found:
        err.print(f"{'/'.join(map(str, broken.absolute_path)) or '（条目）'}：{broken.message}", markup=False)
    if found:
        raise typer.Exit(1)
    out.print("符合目录条目的结构")


@entry_app.command("compile")
def entry_compile(
    file: Annotated[Path, typer.Argument(help="条目内容（JSON）")],
    account: Account,
    password: Password,
    path: ProfileFile = None,
) -> None:
    """编制一个条目（草稿）。"""
    entry_check(file)
    with _session(path, account, password) as session:
        _show(session.post("catalog", "/entries", json.loads(file.read_text())))


@entry_app.command("list")
def entry_list(account: Account, password: Password, path: ProfileFile = None, name: str | None = None) -> None:
    """列出目录条目。"""
    with _session(path, account, password) as session:
        found = session.get("catalog", "/entries", name=name, limit=200)
    table = Table("代码", "名称", "提供单位", "状态", "资源版本")
    for entry in found:
        content = (entry["edition"] or entry["draft"])["content"]
        table.add_row(
            entry["code"], content["name"], entry["provider"], entry["state"], entry["resource_version"] or ""
        )
    out.print(table)


@entry_app.command("step")
def entry_step(
    code: str,
    step: Annotated[str, typer.Argument(help="submit、approve、publish 之一")],
    account: Account,
    password: Password,
    path: ProfileFile = None,
) -> None:
    """办理一个条目：提交审核、审核通过、发布。"""
    steps: dict[str, tuple[str, Any]] = {
        "submit": ("submission", None),
        "approve": ("review", {"approve": True}),
        "publish": ("publication", None),
    }
    if step not in steps:
        fail(f"没有步骤 {step}；可用：{'、'.join(steps)}", Exit.USAGE)
    with _session(path, account, password) as session:
        name, body = steps[step]
        _show(session.post("catalog", f"/entries/{code}/{name}", body))


@file_app.command("upload")
def file_upload(
    entry: Annotated[str, typer.Argument(help="目录条目代码")],
    file: Annotated[Path, typer.Argument(help="资源名称-时间戳.xls")],
    account: Account,
    password: Password,
    mode: Annotated[
        batches.Mode, typer.Option("--mode", help="replace 全量替换，append 追加，upsert 按主键更新，delete 按主键删除")
    ] = batches.Mode.REPLACE,
    mark: Annotated[
        str | None, typer.Option("--mark", help="upsert 时标记要删除的行的列名；该列为“1”“是”“删除”的行被删除")
    ] = None,
    path: ProfileFile = None,
) -> None:
    """上传一个电子表格并等待检查和导入的结果；有问题时逐条列出，退出码为1。

    大文件分段上传；中断后重新执行同一命令，即从中断处继续。
    """
    with _session(path, account, password) as session, showing.sending() as (progress, sent):
        found = files.upload(session, entry, file, mode=mode.value, mark=mark, progress=progress, sent=sent)
    if found["state"] == "loaded":
        out.print(f"已导入 {found['rows']} 行（sha256 {found['sha256']}）")
        return
    err.print(found["message"], markup=False)
    table = Table("行", "列", "信息项", "规则", "说明")
    for finding in found["all_findings"]:
        table.add_row(
            str(finding["row"] or ""),
            str(finding["column"] or ""),
            finding["item"] or "",
            finding["rule"],
            finding["message"],
        )
    err.print(table)
    raise typer.Exit(1)


file_app.command("check")(checking.file_check)
file_app.command("allow")(batches.allow)
file_app.command("batches")(batches.batches)
file_app.command("take-back")(batches.take_back)
app.command()(calls.call)
app.command()(sending.push)
app.command()(taking.export)


@app.command()
def trace(trace_id: str, account: Account, password: Password, path: ProfileFile = None) -> None:
    """从一次调用追溯到授权、决定、批次和文件。"""
    with _session(path, account, password) as session:
        found = session.get("audit", "/calls", trace_id=trace_id)
        if not found:
            fail("留痕中没有这次调用（可能尚未到达，请稍后再试）")
        for one in found:
            _show(session.get("audit", f"/calls/{one['record']['call']}/trace"))


def main() -> None:
    """Run the command line; what the exchange refuses is one line on standard error and an exit code of `Exit`."""
    try:
        app()
    except ShuqiaoError as error:
        err.print(str(error), style="red", markup=False)
        sys.exit(exit_of(error))
