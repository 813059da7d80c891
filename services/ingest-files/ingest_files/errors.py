"""What the ingest of files refuses at its API; what is wrong with a file's content is in the file's report."""

from common.errors import Conflict, Forbidden, Invalid, NotFound, Refusal


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


class BadMapping(Invalid):
    """A correction that names what the entry does not have."""

    code = "bad-mapping"


class NotUploaded(Conflict):
    """The upload was said to be complete, and the object store has no such object."""

    code = "not-uploaded"


class ObjectGone(NotFound):
    code = "object-gone"


class NoReport(Conflict):
    """There is nothing of the file that a report could show."""

    code = "no-report"


class NotTheProvider(Forbidden):
    """Rows of a resource are pushed by its own unit, through the gateway."""

    code = "not-the-provider"


class ResourceChanged(Conflict):
    """The resource has another structure by now than whoever sent the rows was told."""

    code = "resource-changed"


class PushDiffers(Conflict):
    """Another push had this key; it stays as it is."""

    code = "push-differs"


class TooMany(Refusal):
    """A unit brings more than it may; the same later may work (IN-X23)."""

    status = 429


class TooManyWaiting(TooMany):
    code = "too-many-waiting"


class TooManyFiles(TooMany):
    code = "too-many-files"


class TooManyBytes(TooMany):
    code = "too-many-bytes"


class TransferUnknown(NotFound):
    """No upload in parts of this id that is still open."""

    code = "transfer-unknown"

    def __init__(self) -> None:
        super().__init__("没有这个分段上传，或其已结束、已过期")


class PartUnknown(Invalid):
    code = "part-unknown"


class PartsMissing(Conflict):
    """The file was said to be complete, and parts of it are missing or of another size."""

    code = "parts-missing"


class PlaceUnknown(Invalid):
    """What was laid down lies in no unit's folder of a resource."""

    code = "place-unknown"


class NoObjects(Invalid):
    """The entry's format or items are not those of objects."""

    code = "no-objects"


class ContentUnfit(Invalid):
    code = "content-unfit"


class Infected(Invalid):
    """The scanner found something in it."""

    code = "infected"


class ObjectUnknown(NotFound):
    code = "object-unknown"

    def __init__(self) -> None:
        super().__init__("没有这个对象")


class WayUnfit(Invalid):
    """The file cannot go to the resource in the way that was asked for."""

    code = "way-unfit"


class BatchUnknown(NotFound):
    code = "batch-unknown"

    def __init__(self) -> None:
        super().__init__("这个资源没有这个批次")
