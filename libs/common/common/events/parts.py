"""The values that several events share: items, key hashes, the basis of a decision."""

from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, Field, StringConstraints

from common.events.base import Part

UnitCode = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{1,31}$")]
EntryCode = Annotated[str, StringConstraints(pattern=r"^[123][0-9]{5,15}-[0-9]{6}$")]
ServiceCode = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,64}$")]
ItemCode = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,62}$")]
ResourceVersion = Annotated[str, StringConstraints(pattern=r"^[123][0-9]{5,15}-[0-9]{6}_v[1-9][0-9]{0,5}$")]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class ItemType(StrEnum):
    TEXT = "text"
    INTEGER = "integer"
    NUMERIC = "numeric"
    DATE = "date"
    DATETIME = "datetime"


class Check(StrEnum):
    """A check digit rule: GB 32100 (统一社会信用代码), GB 11643 (公民身份号码)."""

    USCC = "uscc"
    IDCARD = "idcard"


class SharingType(StrEnum):
    """2019§14, 2021§14: 无条件共享, 授权共享, 非共享."""

    UNRESTRICTED = "unrestricted"
    AUTHORIZED = "authorized"
    NOT_SHARED = "not-shared"


class OpeningType(StrEnum):
    """2021§14: 无条件开放, 有条件开放, 非开放."""

    UNRESTRICTED = "unrestricted"
    CONDITIONAL = "conditional"
    NOT_OPEN = "not-open"


class CodeSetRef(Part):
    id: str
    version: int


class RuleName(StrEnum):
    """Rules that a resource declares beside its items (`quality.model.Rule` says what each means)."""

    NOT_NULL = "not_null"
    LENGTH = "length"
    RANGE = "range"
    PATTERN = "pattern"
    CODE_SET = "code_set"
    CHECK_DIGIT = "check_digit"
    UNIQUE = "unique"
    CROSS_ITEM = "cross_item"
    REFERENCE = "reference"
    FRESHNESS = "freshness"
    DRIFT = "drift"


class Severity(StrEnum):
    """What a broken rule means: the row is not taken, or it is told and taken."""

    ERROR = "error"
    WARNING = "warning"


class Comparison(StrEnum):
    EQ = "eq"
    NE = "ne"
    LT = "lt"
    LE = "le"
    GT = "gt"
    GE = "ge"


class QualityRule(Part):
    """A rule of a resource; which fields it has depends on its name."""

    name: RuleName
    items: tuple[ItemCode, ...] = ()
    severity: Severity = Severity.ERROR
    advice: str | None = None
    min_length: int | None = None
    max_length: int | None = None
    minimum: str | None = None
    maximum: str | None = None
    pattern: str | None = None
    code_set: CodeSetRef | None = None
    check: Check | None = None
    comparison: Comparison | None = None
    when: ItemCode | None = None
    values: tuple[str, ...] = ()
    total: ItemCode | None = None
    tolerance: float | None = None
    resource: EntryCode | None = None
    target_items: tuple[ItemCode, ...] = ()
    days: int | None = None
    rows_drop: float | None = None
    rows_growth: float | None = None
    null_change: float | None = None
    distinct_change: float | None = None


class QualityThresholds(Part):
    """How many rows with errors are left out before a file is refused; nothing stated tolerates none."""

    bad_rows: int | None = None
    bad_share: float | None = None


class Item(Part):
    """An information item (信息项) of a resource version, in the catalogue's order."""

    code: ItemCode
    name: str
    type: ItemType
    length: int | None = None
    precision: int | None = None
    scale: int | None = None
    nullable: bool = True
    key_place: int | None = None
    """Place in the resource's key, from 1; None outside of it."""
    unique: bool = False
    code_set: CodeSetRef | None = None
    check: Check | None = None
    sharing_type: SharingType
    standard: str | None = None
    """The standard field of Annex 3 §3 that this item is, by its code."""


class KeyHash(Part):
    """What is kept of a caller's key: its keyed hash, never the key."""

    id: str
    hash: Digest
    algorithm: str
    pepper: str
    issued_at: AwareDatetime


class SigningKey(Part):
    """A key by which a unit signs its requests (RFC 9421): the public half of an Ed25519 key."""

    id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43}$")]
    """The thumbprint of the key (RFC 7638), which a signature names as `keyid`."""
    public: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43}$")]
    """The 32 bytes of the public key, base64url without padding."""


class CertificateMark(StrEnum):
    """By what a client certificate is known."""

    SUBJECT = "subject"
    """Its subject as RFC 4514 writes it (`CN=mzj-1,O=...`), which a renewed certificate keeps."""
    FINGERPRINT = "fingerprint"
    """The SHA-256 of the certificate, in hexadecimal."""


class BoundCertificate(Part):
    """A client certificate that a unit's systems show at the ingress."""

    id: str
    mark: CertificateMark
    value: Annotated[str, StringConstraints(min_length=1, max_length=500)]


class Basis(Part):
    """Under which rule a decision was made: edition, document, article, and whether the edition's term had passed."""

    edition: str
    document: str
    rule: str
    article: str
    layer: str
    past_term: bool


class StoredFile(Part):
    """A file as it lies in the object store: pinned by version, known by digest."""

    bucket: str
    key: str
    version: str
    sha256: Digest
    size: int = Field(ge=0)
    name: str
    """The provider's name of the file, in a form that is safe to show."""
