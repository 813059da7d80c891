"""Uploads a file: posts it to where the exchange says, then asks for the result until there is one."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import httpx2

from shuqiao import transfers
from shuqiao.errors import Away, Refused
from shuqiao.session import Json, Session

SERVICE: Final = "ingest-files"
RESULT_WITHIN: Final = 120.0
_PAUSE: Final = 0.2
_FINAL: Final = frozenset({"loaded", "rejected"})


def upload(
    session: Session,
    entry: str,
    path: Path,
    *,
    name: str | None = None,
    mode: str = "replace",
    mark: str | None = None,
    progress: Callable[[str], None] = lambda _: None,
    sent: transfers.Sent = lambda _done, _of: None,
    large: int = transfers.LARGE,
) -> Json:
    """Upload a file for an entry and wait for its result; the upload with its state, and its findings if refused.

    `mode` is one of the ways that the resource allows: replace, append, upsert, delete; `mark` is the title of the
    column that says which rows of an upsert are to be deleted. A file of `large` bytes or more goes in parts; one that
    was broken off is gone on with when it is sent again.

    Raises:
        Refused: the upload is not allowed, or the object store refuses the file.
        Away: no result came in time.
    """
    if path.stat().st_size >= large:
        progress("上传")
        upload_id = transfers.send(session, entry, path, name=name, mode=mode, mark=mark, sent=sent)
        progress("检查与导入")
        return result(session, upload_id)
    data = path.read_bytes()
    wanted = {"entry": entry, "name": name or path.name, "size": len(data), "way": mode, "mark": mark}
    begun = session.post(SERVICE, "/uploads", wanted)
    progress("上传")
    post(begun["url"], begun["fields"], data)
    upload_id = begun["upload"]["id"]
    sent(len(data), len(data))
    try:
        session.post(SERVICE, f"/uploads/{upload_id}/completion")
    except Refused as refused:
        # The exchange finds what was posted by itself, too.
        if refused.code != "upload-state":
            raise
    progress("检查与导入")
    return result(session, upload_id)


def post(url: str, fields: dict[str, str], data: bytes) -> None:
    """Post a file to where the exchange says. Raises Refused, Away."""
    try:
        answer = httpx2.post(url, data=fields, files={"file": ("file", data)}, timeout=60.0)
    except httpx2.HTTPError as error:
        raise Away(f"对象存储没有应答（{type(error).__name__}）") from error
    if not answer.is_success:
        raise Refused(answer.status_code, {"code": "upload-refused", "title": "对象存储拒绝了这个文件"})


def result(session: Session, upload_id: str, within: float = RESULT_WITHIN) -> Json:
    """The result of an upload, waited for; with every finding under `all_findings` if it was refused."""
    deadline = time.monotonic() + within
    while True:
        found = session.get(SERVICE, f"/uploads/{upload_id}")
        if found["state"] in _FINAL:
            return {**found, "all_findings": list(findings(session, upload_id)) if found["findings"] else []}
        if time.monotonic() > deadline:
            raise Away(f"上传 {upload_id} 在{within:.0f}秒内没有结果")
        time.sleep(_PAUSE)


def findings(session: Session, upload_id: str) -> list[dict[str, Any]]:
    """Everything that was found in a file."""
    found: list[dict[str, Any]] = []
    while True:
        page = session.get(SERVICE, f"/uploads/{upload_id}/findings", after=len(found), limit=1000)
        found += page
        if len(page) < 1000:
            return found
