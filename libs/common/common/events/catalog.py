"""Events of the catalogue: entries, services of resources, code sets."""

from enum import StrEnum
from typing import ClassVar

from pydantic import AwareDatetime, Field

from common.events.base import Part, StateEvent
from common.events.interfaces import Interface
from common.events.parts import (
    Basis,
    EntryCode,
    Item,
    ItemCode,
    OpeningType,
    QualityRule,
    QualityThresholds,
    ResourceVersion,
    ServiceCode,
    SharingType,
    UnitCode,
)


class EntryState(StrEnum):
    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"


class CatalogChanged(StateEvent):
    """A published entry of the resource catalogue (2019§9, 2021§10), whole."""

    topic: ClassVar[str] = "catalog-changed"
    owner: ClassVar[str] = "catalog"

    entry: EntryCode
    name: str
    provider: UnitCode
    classification: str
    abstract: str
    source_system: str
    format: str
    update_frequency: str
    data_grade: str
    sharing_type: SharingType
    opening_type: OpeningType
    reason: str | None
    legal_basis: str | None
    items: tuple[Item, ...]
    edition_number: int
    """The number of this published edition of the entry, from 1."""
    resource_version: ResourceVersion
    """Changes only where the structure of the data changes; one table of the exchange store each."""
    state: EntryState
    compiled_by: str
    reviewed_by: str
    published_by: str
    separation: str
    """How the publisher was kept apart from the compiler (REQ-U2): `two-person` or `platform-review`."""
    basis: Basis
    changed_at: AwareDatetime
    rules: tuple[QualityRule, ...] = ()
    """Rules that the rows are held to beside what the items declare."""
    thresholds: QualityThresholds | None = None

    @property
    def key(self) -> str:
        return self.entry


class SourceKind(StrEnum):
    """Where the answer of a service comes from."""

    STORE = "store"
    PROVIDER = "provider"
    WRITE = "write"


class Mode(StrEnum):
    """Access modes of Annex 3 §4.1: a query (exact or filtered), or truth verification."""

    QUERY = "query"
    VERIFY = "verify"


class Operator(StrEnum):
    EQ = "eq"
    IN = "in"
    GE = "ge"
    GT = "gt"
    LE = "le"
    LT = "lt"
    PREFIX = "prefix"


class Input(Part):
    """A parameter that a service takes: an item with the operators allowed on it."""

    item: ItemCode
    operators: tuple[Operator, ...]
    required: bool


class ServiceState(StrEnum):
    ACTIVE = "active"
    STOPPED = "stopped"
    WITHDRAWN = "withdrawn"


class ServiceChanged(StateEvent):
    """A service of a resource, with all that a call of it needs."""

    topic: ClassVar[str] = "service-changed"
    owner: ClassVar[str] = "catalog"

    service: ServiceCode
    name: str
    entry: EntryCode
    provider: UnitCode
    resource_version: ResourceVersion
    source: SourceKind
    mode: Mode
    inputs: tuple[Input, ...]
    identity: tuple[ItemCode, ...]
    claims: tuple[ItemCode, ...]
    orderings: tuple[ItemCode, ...]
    page_limit: int = Field(ge=1, le=1000)
    items: tuple[Item, ...]
    state: ServiceState
    changed_at: AwareDatetime
    changed_by: str
    reason: str | None
    interface: Interface | None = None
    """How the provider is called, where it is the source."""

    @property
    def key(self) -> str:
        return self.service


class CodeName(Part):
    code: str
    name: str


class CodeSetChanged(StateEvent):
    """A part of one version of a code set; a version never changes once it is published."""

    topic: ClassVar[str] = "code-set-changed"
    owner: ClassVar[str] = "catalog"

    code_set: str
    edition: int
    """The code set's own version; items name it."""
    name: str
    source: str
    part: int = Field(ge=1)
    parts: int = Field(ge=1)
    codes: tuple[CodeName, ...]
    changed_at: AwareDatetime

    @property
    def key(self) -> str:
        return f"{self.code_set}@{self.edition}/{self.part}"
