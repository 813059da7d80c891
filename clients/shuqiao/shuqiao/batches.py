"""`shuqiao file`: in which ways files may go to a resource, what came, and taking the newest batch back."""

from enum import StrEnum
from typing import Annotated, Final
from uuid import UUID

import typer
from rich.table import Table

from shuqiao import profile, showing
from shuqiao.options import Account, Password, ProfileFile
from shuqiao.session import Session

SERVICE: Final = "ingest-files"


class Mode(StrEnum):
    """What becomes of the rows that the resource has."""

    REPLACE = "replace"
    APPEND = "append"
    UPSERT = "upsert"
    DELETE = "delete"


Entry = Annotated[str, typer.Argument(help="目录条目代码")]


def allow(
    entry: Entry,
    account: Account,
    password: Password,
    modes: Annotated[list[Mode] | None, typer.Option("--mode", help="允许的导入方式，可重复；省略为 replace")] = None,
    whole: Annotated[bool, typer.Option("--whole", help="大文件整体导入，不受每个文件2000行、16 MiB之限")] = False,
    path: ProfileFile = None,
) -> None:
    """规定文件可以怎样导入一个资源（发布人）：全量替换、追加、按主键更新、按主键删除。"""
    ways = [mode.value for mode in modes or [Mode.REPLACE]]
    with Session(profile.load(path), account, password) as session:
        told = session.put(SERVICE, f"/entries/{entry}/loading", {"ways": ways, "whole": whole})
    showing.out.print(f"导入方式：{'、'.join(told['ways'])}；整体导入：{'是' if told['whole'] else '否'}")


def batches(entry: Entry, account: Account, password: Password, path: ProfileFile = None) -> None:
    """资源的各批数据，最新的在前；“可撤回”的一批可用 take-back 撤回。"""
    with Session(profile.load(path), account, password) as session:
        found = session.get(SERVICE, f"/entries/{entry}/batches")
    table = Table("批次", "序号", "方式", "行数", "删除", "导入时间", "可撤回", "撤回")
    for one in found:
        table.add_row(
            one["batch"],
            str(one["number"]),
            one["mode"],
            str(one["rows"]),
            str(one["deleted"]),
            one["committed_at"],
            "是" if one["kept"] else "否",
            one["taken_back_why"] or "",
        )
    showing.out.print(table)


def take_back(
    entry: Entry,
    batch: Annotated[UUID, typer.Argument(help="批次；必须是最新的一批")],
    why: Annotated[str, typer.Option("--why", help="撤回的原因，记录在案")],
    account: Account,
    password: Password,
    path: ProfileFile = None,
) -> None:
    """撤回资源最新的一批数据，恢复到导入它之前的样子；谁、为何撤回都记录在案。"""
    with Session(profile.load(path), account, password) as session:
        session.post(SERVICE, f"/entries/{entry}/batches/{batch}/taking-back", {"why": why})
    showing.out.print("已撤回")
