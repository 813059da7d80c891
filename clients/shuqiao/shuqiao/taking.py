"""`shuqiao export`: granted data as files, from the command line."""

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from sheets.export import Form
from shuqiao import exporting, profile, showing
from shuqiao.calls import asked_key, pairs
from shuqiao.exporting import Wanted
from shuqiao.gateway import Gateway, Notes
from shuqiao.proofs import SigningKey


def export(
    service: Annotated[str, typer.Argument(help="服务代码")],
    parameters: Annotated[list[str] | None, typer.Argument(help="传入参数，写作 名=值")] = None,
    form: Annotated[Form, typer.Option("--format", help="xls 每个文件至多2000行（附件3第六章），xlsx，csv")] = Form.XLS,
    folder: Annotated[Path, typer.Option("--output", help="存放文件的文件夹")] = Path(),
    name: Annotated[str, typer.Option(help="资源名称，文件名为“资源名称-时间戳”；省略时用服务代码")] = "",
    entry: Annotated[Path | None, typer.Option(help="目录条目（JSON），首行用其中信息项的名称；省略时用代码")] = None,
    order_by: Annotated[str | None, typer.Option(help="排序的信息项，前加 - 为降序")] = None,
    unit_key: Annotated[str, typer.Option(envvar="SHUQIAO_UNIT_KEY", help="单位的密钥；宜用环境变量")] = "",
    method_key: Annotated[str, typer.Option(envvar="SHUQIAO_METHOD_KEY", help="授权的密钥；宜用环境变量")] = "",
    path: Annotated[
        Path | None, typer.Option("--profile", help="配置文件；默认 .run/profile.json", envvar=profile.VARIABLE)
    ] = None,
    operator: Annotated[str | None, typer.Option(help="经办人代号或工号，不用姓名；记入留痕")] = None,
    matter: Annotated[str | None, typer.Option(help="事项或案件编号；记入留痕")] = None,
    sign_with: Annotated[Path | None, typer.Option(envvar="SHUQIAO_SIGNING_KEY", help="签名私钥（PEM）")] = None,
) -> None:
    """导出一个服务的全部授权数据；逐页调用，每页都是一次留痕的调用。中断后重新执行同一命令，即从中断处继续。

    退出码：0 成功；1 被拒绝；2 用法有误；3 平台没有应答。
    """
    wanted = Wanted(
        service=service,
        parameters=pairs(parameters or []),
        form=form,
        folder=folder,
        name=name or service,
        order_by=order_by,
        titles=_titles(entry) if entry else None,
    )
    held = profile.load(path)
    unit_key, method_key = asked_key(unit_key, "unitKey"), asked_key(method_key, "methodKey")
    signing = SigningKey.load(sign_with) if sign_with else None
    at = datetime.now(ZoneInfo("Asia/Shanghai"))
    with Gateway(held.gateway, unit_key, sign_with=signing) as gateway, showing.fetching() as fetched:
        paths = exporting.export(
            gateway, method_key, wanted, at=at, notes=Notes(operator=operator, matter=matter), fetched=fetched
        )
    for made in paths:
        print(made)


def _titles(entry: Path) -> dict[str, str]:
    """Names of items by code."""
    try:
        document: Any = json.loads(entry.read_text())
        return {str(item["code"]): str(item["name"]) for item in document["items"]}
    except (OSError, ValueError, KeyError, TypeError):
        showing.fail(f"{entry} 不是目录条目（JSON）", showing.Exit.USAGE)
