"""Unstructured files: handed in by their provider, fetched by those whom they are granted to (REQ-A8)."""

import hashlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final
from uuid import UUID

import httpx2
import typer

from shuqiao import profile, showing
from shuqiao.calls import asked_key, pairs
from shuqiao.errors import Away, BadArgument, Falsified, Refused
from shuqiao.gateway import NOTHING, Gateway, Notes, Structure
from shuqiao.options import ProfileFile
from shuqiao.session import Json, Session

SERVICE: Final = "ingest-files"
RESULT_WITHIN: Final = 120.0
FETCH_WITHIN: Final = 60.0
_PAUSE: Final = 0.5
_FINAL: Final = frozenset({"registered", "refused"})

app = typer.Typer(no_args_is_help=True, help="文档、图像、音视频等对象")


def upload(
    session: Session,
    entry: str,
    path: Path,
    *,
    note: str | None = None,
    values: Mapping[str, str] | None = None,
    within: float = RESULT_WITHIN,
) -> Json:
    """Hand in an object and wait for what becomes of it: the object, `registered` or `refused`.

    Raises:
        Refused: it is not allowed. Away: no result came in time; a scanner that is away holds objects.
    """
    wanted = {"entry": entry, "name": path.name, "size": path.stat().st_size, "note": note, "values": values or {}}
    begun = session.post(SERVICE, "/objects", wanted)
    with path.open("rb") as file:
        try:
            answer = httpx2.post(begun["url"], data=begun["fields"], files={"file": ("file", file)}, timeout=600.0)
        except httpx2.HTTPError as error:
            raise Away(f"对象存储没有应答（{type(error).__name__}）") from error
    if not answer.is_success:
        raise Refused(answer.status_code, {"code": "upload-refused", "title": "对象存储拒绝了这个文件"})
    object_id = begun["object"]["id"]
    session.post(SERVICE, f"/objects/{object_id}/completion")
    deadline = time.monotonic() + within
    while True:
        found = session.get(SERVICE, f"/objects/{object_id}")
        if found["state"] in _FINAL:
            return found
        if time.monotonic() > deadline:
            raise Away(f"对象 {object_id} 在{within:.0f}秒内没有结果")
        time.sleep(_PAUSE)


def download(
    gateway: Gateway,
    service: str,
    method_key: str,
    object_id: UUID,
    folder: Path,
    *,
    notes: Notes = NOTHING,
    http: httpx2.Client | None = None,
) -> Path:
    """Fetch one object and compare it with its digest; where it lies, under its id and never under a stranger's name.

    Raises:
        Refused: the call was refused, there is no such object, or no link is granted. Away, Falsified: as of a call;
            also where the content is not what its digest says, and then nothing is kept.
    """
    if not folder.is_dir():
        raise BadArgument(f"没有文件夹 {folder}")
    asked = {"object_id": str(object_id)}
    answer = gateway.call(service, method_key, asked, structure=Structure.KV, notes=notes)
    if not answer.ok:
        raise answer.refused()
    told = answer.data
    if not isinstance(told, dict) or not isinstance(told.get("object_link"), str):
        raise Refused(200, {"code": "no-link", "title": "没有这个对象，或未授权下载", "trace_id": answer.trace_id})
    path = folder / str(object_id)
    new = path.with_name(f".{path.name}.part")
    try:
        digest = _fetch(told["object_link"], new, http)
        if told.get("object_sha256") not in (None, digest):
            raise Falsified("对象内容与其摘要不符")
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
    return path


def _fetch(url: str, path: Path, http: httpx2.Client | None) -> str:
    """The digest of what was fetched."""
    made = hashlib.sha256()
    client = http or httpx2.Client(timeout=FETCH_WITHIN, trust_env=False)
    try:
        with client.stream("GET", url) as answer, path.open("wb") as file:
            if not answer.is_success:
                raise Refused(answer.status_code, {"code": "link-refused", "title": "下载地址已失效，请重新调用"})
            for piece in answer.iter_bytes():
                made.update(piece)
                file.write(piece)
    except httpx2.HTTPError as error:
        raise Away(f"对象存储没有应答（{type(error).__name__}）") from error
    finally:
        if http is None:
            client.close()
    return made.hexdigest()


@app.command("upload")
def upload_command(
    entry: Annotated[str, typer.Argument(help="目录条目代码")],
    file: Annotated[Path, typer.Argument(help="文件")],
    account: Annotated[str, typer.Option("--account", "-a", help="账号", envvar="SHUQIAO_ACCOUNT")],
    password: Annotated[str, typer.Option(help="密码", envvar="SHUQIAO_PASSWORD", prompt="密码", hide_input=True)],
    values: Annotated[list[str] | None, typer.Argument(help="条目的其他信息项，写作 代码=值")] = None,
    note: Annotated[str | None, typer.Option(help="说明")] = None,
    path: ProfileFile = None,
) -> None:
    """上传一个对象并等待登记结果；被拒绝时退出码为1。"""
    with Session(profile.load(path), account, password) as session, showing.err.status("上传"):
        found = upload(session, entry, file, note=note, values=pairs(values or []))
    if found["state"] != "registered":
        showing.fail(found["message"])
    print(f"{found['id']} {found['media_type']} sha256 {found['sha256']}")


@app.command("download")
def download_command(
    service: Annotated[str, typer.Argument(help="服务代码")],
    object_id: Annotated[UUID, typer.Argument(help="对象（object_id）")],
    folder: Annotated[Path, typer.Option("--output", help="存放的文件夹")] = Path(),
    unit_key: Annotated[str, typer.Option(envvar="SHUQIAO_UNIT_KEY", help="单位的密钥；宜用环境变量")] = "",
    method_key: Annotated[str, typer.Option(envvar="SHUQIAO_METHOD_KEY", help="授权的密钥；宜用环境变量")] = "",
    operator: Annotated[str | None, typer.Option(help="经办人代号或工号，不用姓名；记入留痕")] = None,
    path: ProfileFile = None,
) -> None:
    """下载一个对象并核对摘要；每次下载都是一次留痕的调用。"""
    held = profile.load(path)
    unit_key, method_key = asked_key(unit_key, "unitKey"), asked_key(method_key, "methodKey")
    with Gateway(held.gateway, unit_key) as gateway:
        print(download(gateway, service, method_key, object_id, folder, notes=Notes(operator=operator)))
