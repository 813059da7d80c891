"""Unstructured files as objects of a resource (REQ-A8): documents, images, audio, video, each a row with its metadata.

An entry whose format says so has objects in place of tables that come as files. Each object is one row of the
resource: what the platform knows of it stands in items of reserved codes, whatever else the entry declares is the
provider's to say. So lists, filters, grants, masks and records are those of any resource; the link alone is made when
one object is asked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from common.entry import Format
from common.events import BatchIngested, BatchRejected, Item, ItemType, RuleCount, StoredFile
from ingest_files import errors

FORMATS: Final = frozenset({Format.FILE.value, Format.IMAGE.value, Format.STREAM.value})
"""Formats of entries that have objects."""
ID, NAME, MEDIA, SIZE, SHA256 = "object_id", "object_name", "media_type", "object_size", "object_sha256"
NOTE, LINK = "object_note", "object_link"
TYPES: Final[dict[str, ItemType]] = {
    ID: ItemType.TEXT,
    NAME: ItemType.TEXT,
    MEDIA: ItemType.TEXT,
    SIZE: ItemType.INTEGER,
    SHA256: ItemType.TEXT,
    NOTE: ItemType.TEXT,
    LINK: ItemType.TEXT,
}
"""Items that the platform fills; `object_id` is the key, `object_link` stays empty in the store."""
UNKNOWN: Final = "application/octet-stream"
EXPIRES: Final = timedelta(hours=1)
"""How long an object may be posted with what was handed out for it."""
APPEND: Final = "append"
_PROGRAMS: Final = ("application/vnd.microsoft.portable-executable", "application/x-executable", "application/x-elf")
_PROGRAM_STARTS: Final = (b"MZ", b"\x7fELF", b"#!", b"\xca\xfe\xba\xbe", b"\xcf\xfa\xed\xfe")
_SHOWN: Final = ("image/", "audio/", "video/", "application/pdf")
_ACTIVE: Final = frozenset({"image/svg+xml"})


class State(StrEnum):
    AWAITED = "awaited"
    RECEIVED = "received"
    """Posted and pinned; not yet scanned, or held while the scanner is away."""
    REGISTERED = "registered"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Object:
    """One object on its way into its resource. The key is ours; the name is the provider's, as data."""

    id: UUID
    entry: str
    provider: str
    name: str
    note: str | None
    values: dict[str, str | None]
    bucket: str
    object_key: str
    state: State
    uploaded_by: str
    created_at: datetime
    object_version: str | None = None
    size: int | None = None
    sha256: str | None = None
    media_type: str | None = None
    resource_version: str | None = None
    received_at: datetime | None = None
    reason: str | None = None
    message: str | None = None
    done_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What the content of an object is."""

    size: int
    sha256: str
    media_type: str


def check_entry(entry: str, fmt: str | None, items: tuple[Item, ...]) -> None:
    """Whether an entry has objects.

    Raises:
        NoObjects: its format or its items say otherwise.
    """
    by_code = {item.code: item for item in items}
    if fmt not in FORMATS:
        raise errors.NoObjects("目录条目的资源格式不是文件、图像或流媒体", entry=entry)
    wrong = [code for code, kind in TYPES.items() if code not in by_code or by_code[code].type is not kind]
    if wrong or by_code[ID].key_place is None:
        raise errors.NoObjects(f"目录条目缺少对象的信息项，或其类型不符：{'、'.join(wrong) or ID}", entry=entry)


def check_content(fmt: str | None, media_type: str, head: bytes) -> None:
    """Whether content of this kind may be an object of an entry of this format.

    Raises:
        ContentUnfit: it is a program, or none of what the format names.
    """
    if media_type in _PROGRAMS or head.startswith(_PROGRAM_STARTS):
        raise errors.ContentUnfit("文件内容是可执行程序")
    family = media_type.partition("/")[0]
    if fmt == Format.IMAGE.value and family != "image":
        raise errors.ContentUnfit("资源格式是图像，文件内容不是图像")
    if fmt == Format.STREAM.value and family not in {"audio", "video"}:
        raise errors.ContentUnfit("资源格式是流媒体，文件内容不是音频或视频")


def shown_as(media_type: str | None) -> str:
    """The type under which a browser is given an object: none that could run something there."""
    if media_type is None or media_type in _ACTIVE or not media_type.startswith(_SHOWN):
        return UNKNOWN
    return media_type


def members(one: Object, found: Found, items: tuple[Item, ...]) -> dict[str, str | None]:
    """The row of an object, by item, as the rules read it.

    Raises:
        ContentUnfit: the provider says something of an item that is none, or is the platform's to say.
    """
    strange = [code for code in one.values if code in TYPES or code not in {item.code for item in items}]
    if strange:
        raise errors.ContentUnfit(f"不是可填写的信息项：{'、'.join(strange)[:200]}")
    known: Mapping[str, str | None] = {
        ID: str(one.id),
        NAME: one.name,
        MEDIA: found.media_type,
        SIZE: str(found.size),
        SHA256: found.sha256,
        NOTE: one.note,
        LINK: None,
    }
    return {item.code: known.get(item.code, one.values.get(item.code)) for item in items}


def receive(one: Object, *, version: str, size: int, at: datetime) -> Object:
    """The object is there, pinned by its version. Raises UploadState if it was received before."""
    if one.state is not State.AWAITED:
        raise errors.UploadState("文件已提交，不能重复提交", state=one.state.value)
    return replace(one, state=State.RECEIVED, object_version=version, size=size, received_at=at)


def register(
    one: Object, found: Found, *, resource_version: str, committed_at: datetime, at: datetime
) -> tuple[Object, BatchIngested]:
    """Its row is in the store."""
    done = replace(
        one,
        state=State.REGISTERED,
        sha256=found.sha256,
        media_type=found.media_type,
        size=found.size,
        resource_version=resource_version,
        done_at=at,
    )
    told = BatchIngested(
        batch=one.id,
        entry=one.entry,
        resource_version=resource_version,
        provider=one.provider,
        file=_stored(done),
        rows=1,
        mode=APPEND,
        uploaded_by=one.uploaded_by,
        committed_at=committed_at,
    )
    return done, told


def refuse(
    one: Object, *, sha256: str, reason: str, message: str, rules: Mapping[str, int], at: datetime
) -> tuple[Object, BatchRejected]:
    """It is refused; its content stays as evidence and gets no link."""
    done = replace(one, state=State.REFUSED, sha256=sha256, reason=reason, message=message, done_at=at)
    told = BatchRejected(
        upload=one.id,
        entry=one.entry,
        provider=one.provider,
        file=_stored(done),
        reason=reason,
        findings=tuple(RuleCount(rule=rule, count=count) for rule, count in sorted(rules.items())),
        uploaded_by=one.uploaded_by,
        rejected_at=at,
    )
    return done, told


def _stored(one: Object) -> StoredFile:
    assert one.object_version is not None
    assert one.sha256 is not None
    assert one.size is not None
    return StoredFile(
        bucket=one.bucket,
        key=one.object_key,
        version=one.object_version,
        sha256=one.sha256,
        size=one.size,
        name=f"{one.entry}-{one.id}",
    )
