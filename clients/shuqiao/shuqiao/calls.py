"""`shuqiao call`: one call of a service, or all its pages, from the command line."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from shuqiao import profile, showing
from shuqiao.gateway import Gateway, Notes, Structure
from shuqiao.proofs import AnswerKeys, ClientCertificate, SigningKey
from shuqiao.showing import Exit


def call(
    service: Annotated[str, typer.Argument(help="服务代码")],
    parameters: Annotated[
        list[str] | None, typer.Argument(help="传入参数，写作 名=值，如 street_code=310105001、updated__ge=2023/01/01")
    ] = None,
    unit_key: Annotated[
        str, typer.Option(envvar="SHUQIAO_UNIT_KEY", help="单位的密钥；宜用环境变量，省略时提示输入")
    ] = "",
    method_key: Annotated[
        str, typer.Option(envvar="SHUQIAO_METHOD_KEY", help="授权的密钥；宜用环境变量，省略时提示输入")
    ] = "",
    path: Annotated[
        Path | None, typer.Option("--profile", help="配置文件；默认 .run/profile.json", envvar=profile.VARIABLE)
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="逐页取回全部行")] = False,
    page_size: Annotated[int | None, typer.Option(min=1, max=1000, help="每页行数，省略时为 100")] = None,
    order_by: Annotated[str | None, typer.Option(help="排序的信息项，前加 - 为降序，如 -updated")] = None,
    structure: Annotated[
        Structure, typer.Option(help="结构：LM 记录列表，KV 单条记录，SR 单一结果，MA 每项一列")
    ] = Structure.LM,
    operator: Annotated[str | None, typer.Option(help="经办人代号或工号，不用姓名；记入留痕")] = None,
    matter: Annotated[str | None, typer.Option(help="事项或案件编号；记入留痕")] = None,
    using_system: Annotated[str | None, typer.Option(help="使用的系统；记入留痕")] = None,
    traceparent: Annotated[str | None, typer.Option(help="所属的追踪（W3C Trace Context）")] = None,
    sign_with: Annotated[
        Path | None, typer.Option(envvar="SHUQIAO_SIGNING_KEY", help="签名私钥（PEM）；每次调用都签名")
    ] = None,
    answer_keys: Annotated[
        Path | None, typer.Option(envvar="SHUQIAO_ANSWER_KEYS", help="核对应答签名的公钥（shuqiao key answers 取得）")
    ] = None,
    certificate: Annotated[Path | None, typer.Option(envvar="SHUQIAO_CERTIFICATE", help="客户端证书（PEM）")] = None,
    certificate_key: Annotated[
        Path | None, typer.Option(envvar="SHUQIAO_CERTIFICATE_KEY", help="其私钥（PEM）；省略时在证书文件里")
    ] = None,
    ca: Annotated[Path | None, typer.Option(envvar="SHUQIAO_CA", help="签发网关证书的 CA（PEM）")] = None,
    as_json: Annotated[
        bool | None, typer.Option("--json/--table", help="输出 JSON 或表格；省略时终端上为表格，否则为 JSON")
    ] = None,
) -> None:
    """调用一个服务；密钥取自环境变量 SHUQIAO_UNIT_KEY 和 SHUQIAO_METHOD_KEY，或提示输入。

    退出码：0 成功；1 被拒绝（标准错误上有代码和说明）；2 用法有误；3 平台没有应答。
    """
    given = pairs(parameters or [])
    if everything and structure not in (Structure.LM, Structure.MA):
        showing.fail(f"--all 不能与 --structure {structure} 同用", Exit.USAGE)
    notes = Notes(operator=operator, using_system=using_system, matter=matter, traceparent=traceparent)
    if as_json is None:
        as_json = not sys.stdout.isatty()
    held = profile.load(path)
    unit_key, method_key = asked_key(unit_key, "unitKey"), asked_key(method_key, "methodKey")
    shown = ClientCertificate(certificate=certificate, key=certificate_key, ca=ca) if certificate or ca else None
    with Gateway(
        held.gateway,
        unit_key,
        sign_with=SigningKey.load(sign_with) if sign_with else None,
        answer_keys=AnswerKeys.load(answer_keys) if answer_keys else None,
        certificate=shown,
    ) as gateway:
        if everything:
            pages = gateway.pages(
                service,
                method_key,
                given,
                page_size=page_size,
                order_by=order_by,
                structure=structure,
                notes=notes,
            )
            _show_all((page.data for page in pages), structure, as_json=as_json)
            return
        answer = gateway.call(
            service, method_key, given, structure=structure, order_by=order_by, page_size=page_size, notes=notes
        )
    showing.err.print(f"trace_id {answer.trace_id}", highlight=False)
    if not answer.ok:
        showing.fail(f"{answer.code} {answer.memo}")
    if answer.as_of is not None:
        showing.err.print(f"数据截至 {answer.as_of:%Y/%m/%d %H:%M:%S}", highlight=False)
    if answer.next_cursor is not None:
        showing.err.print("后面还有，用 --all 取回全部", highlight=False)
    if as_json:
        print(showing.to_json(answer.data))
    else:
        showing.out.print(showing.table_of(answer.data))


def asked_key(given: str, name: str) -> str:
    """The key, asked for where somebody is there to be asked."""
    if given:
        return given
    if not sys.stdin.isatty():
        showing.fail(f"缺少 {name}：请设环境变量", Exit.USAGE)
    return str(typer.prompt(name, hide_input=True))


def pairs(written: list[str]) -> dict[str, str]:
    """Parameters as they are written on a command line."""
    found: dict[str, str] = {}
    for text in written:
        name, middle, value = text.partition("=")
        if not middle or not name:
            showing.fail("参数应写作 名=值", Exit.USAGE)
        if found.setdefault(name, value) != value:
            showing.fail(f"参数 {name} 有两个不同的值", Exit.USAGE)
    return found


def _show_all(pages: Iterator[Any], structure: Structure, *, as_json: bool) -> None:
    """Every page as one whole. JSON that breaks off has no end, and so cannot be taken for everything."""
    if structure is Structure.MA:
        columns: dict[str, list[Any]] = {}
        for page in pages:
            for item, values in page.items():
                columns.setdefault(item, []).extend(values)
        if as_json:
            print(showing.to_json(columns))
        else:
            showing.out.print(showing.table_of(columns))
        return
    rows = (row for page in pages for row in page)
    if not as_json:
        showing.out.print(showing.rows(rows))
        return
    first = next(rows, None)
    sys.stdout.write("[" + ("" if first is None else showing.to_json(first)))
    for row in rows:
        sys.stdout.write(",\n " + showing.to_json(row))
    print("]")
