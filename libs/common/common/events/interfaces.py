"""A provider's own interface as it is registered (Annex 3 §2.2, §4.2): how it is asked, and where its answer is read.

Nothing secret stands in it: a credential is named by reference, and read by the gateway from its folder of secrets.
"""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field, StringConstraints

from common.events.base import Part
from common.events.parts import ItemCode

MAX_DEADLINE: Final = 30.0
"""Seconds that a provider may take: well under those after which a call without an end counts as unknown."""
MAX_ROWS: Final = 10_000

Member = Annotated[str, StringConstraints(pattern=r"^[^\s.\x00-\x1f\x7f]{1,64}$")]
"""A name on the provider's side."""
MemberPath = Annotated[
    str, StringConstraints(pattern=r"^([^\s.\x00-\x1f\x7f]{1,64}(\.[^\s.\x00-\x1f\x7f]{1,64}){0,7})?$")
]
"""Names from the outside in, with dots between them; empty for the whole."""
ParameterName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,70}$")]
"""A parameter of the service by its name in the protocol: `item`, `item__op`."""
CredentialRef = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,63}$")]
XmlName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,99}$")]
PrintableAddress = Annotated[str, StringConstraints(pattern=r"^[!#-;=?-~]{1,500}$")]
"""A URL or URI: printable ASCII, no blanks, no quotes, no angle brackets."""


class InterfaceKind(StrEnum):
    REST = "rest"
    """JSON over HTTP."""
    SOAP = "soap"
    """SOAP 1.1 over HTTP, document style."""


class Method(StrEnum):
    GET = "GET"
    POST = "POST"


class SentAs(StrEnum):
    """Where the provider wants a parameter."""

    QUERY = "query"
    FORM = "form"
    JSON = "json"
    ELEMENT = "element"


class DateStyle(StrEnum):
    """How the provider writes dates."""

    ANNEX = "annex"
    """`YYYY/MM/DD`, `YYYY/MM/DD hh:mm:ss`, as Annex 3 §6."""
    ISO = "iso"
    """`YYYY-MM-DD`, `YYYY-MM-DDThh:mm:ss` (also with a blank), Beijing time without zone or with `+08:00`."""


class Sent(Part):
    """A parameter that is passed on: ours and theirs."""

    parameter: ParameterName
    name: Member
    place: SentAs


class Given(Part):
    """An item of an answer: the member of a record that holds it."""

    item: ItemCode
    member: Annotated[MemberPath, Field(min_length=1)]


class Soap(Part):
    """The operation that is called."""

    namespace: PrintableAddress
    operation: XmlName
    action: PrintableAddress


class Interface(Part):
    """How a provider's interface is called, and how its answer becomes items."""

    kind: InterfaceKind
    url: PrintableAddress
    method: Method = Method.POST
    sent: tuple[Sent, ...] = Field(default=(), max_length=100)
    records: MemberPath = ""
    """Where the list of records is; of SOAP, from the response element on."""
    given: tuple[Given, ...] = Field(min_length=1, max_length=200)
    dates: DateStyle = DateStyle.ANNEX
    deadline: float = Field(default=10.0, ge=0.1, le=MAX_DEADLINE)
    """Seconds for the whole call of the provider."""
    max_rows: int = Field(default=1000, ge=1, le=MAX_ROWS)
    """Records that an answer may have; one with more is refused, never cut."""
    credential: CredentialRef | None = None
    """Under which name the gateway keeps what it shows the provider."""
    credential_header: HeaderName = "Authorization"
    soap: Soap | None = None
