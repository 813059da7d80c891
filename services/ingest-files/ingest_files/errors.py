"""What the ingest of files refuses at its API; what is wrong with a file's content is in the file's report."""

from common.errors import Conflict, Forbidden, Invalid, NotFound


class EntryUnknown(NotFound):
    """No such published entry, or not one of the caller's unit."""

    code = "entry-unknown"

    def __init__(self, entry: str) -> None:
        super().__init__("没有这个已发布的目录条目，或不是本单位的条目", entry=entry)


class UnitNotActive(Forbidden):
    code = "unit-not-active"


class UploadUnknown(NotFound):
    code = "upload-unknown"

    def __init__(self) -> None:
        super().__init__("没有这次上传")


class UploadState(Conflict):
    code = "upload-state"


class FileTooLarge(Invalid):
    code = "file-too-large"
    status = 413


class NotUploaded(Conflict):
    """The upload was said to be complete, and the object store has no such object."""

    code = "not-uploaded"


class ObjectGone(NotFound):
    code = "object-gone"


class NotTheProvider(Forbidden):
    """Rows of a resource are pushed by its own unit, through the gateway."""

    code = "not-the-provider"


class ResourceChanged(Conflict):
    """The resource has another structure by now than whoever sent the rows was told."""

    code = "resource-changed"


class PushDiffers(Conflict):
    """Another push had this key; it stays as it is."""

    code = "push-differs"


class WayUnfit(Invalid):
    """The file cannot go to the resource in the way that was asked for."""

    code = "way-unfit"


class BatchUnknown(NotFound):
    code = "batch-unknown"

    def __init__(self) -> None:
        super().__init__("这个资源没有这个批次")
