"""The request to a provider's interface, as it is registered: of the caller only the mapped values go along."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from urllib.parse import urlencode
from xml.sax.saxutils import escape, quoteattr

import orjson

from common.events import Interface, InterfaceKind, SentAs
from gateway.domain.access import Bindable
from gateway.domain.provided import written
from quality.cells import Value

ENVELOPE: Final = "http://schemas.xmlsoap.org/soap/envelope/"
Headers = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request ready to be sent."""

    method: str
    url: str
    headers: Headers
    body: bytes | None


def form(interface: Interface, values: Mapping[str, Bindable], *, credential: str | None, traceparent: str) -> Asked:
    """The request for these values by our parameters' names; those that the provider does not take stay here."""
    sent = [(one.place, one.name, values[one.parameter]) for one in interface.sent if one.parameter in values]

    def of(place: SentAs) -> list[tuple[str, Bindable]]:
        return [(name, value) for at, name, value in sent if at is place]

    def texts(place: SentAs) -> list[tuple[str, str]]:
        return [(name, _text(interface, value)) for name, value in of(place)]

    query = urlencode(texts(SentAs.QUERY))
    url = interface.url + (("&" if "?" in interface.url else "?") + query if query else "")
    headers: Headers = [("Accept-Encoding", "gzip"), ("User-Agent", "shuqiao"), ("traceparent", traceparent)]
    if credential is not None:
        headers.append((interface.credential_header, credential))
    body: bytes | None = None
    if interface.kind is InterfaceKind.SOAP:
        assert interface.soap is not None
        headers += [
            ("Accept", "text/xml"),
            ("Content-Type", "text/xml; charset=utf-8"),
            ("SOAPAction", f'"{interface.soap.action}"'),
        ]
        body = _envelope(interface.soap.namespace, interface.soap.operation, texts(SentAs.ELEMENT))
    else:
        headers.append(("Accept", "application/json"))
        if any(one.place is SentAs.JSON for one in interface.sent):
            headers.append(("Content-Type", "application/json"))
            body = orjson.dumps({name: _json(interface, value) for name, value in of(SentAs.JSON)})
        elif interface.method == "POST":
            headers.append(("Content-Type", "application/x-www-form-urlencoded"))
            body = urlencode(texts(SentAs.FORM)).encode("ascii")
    return Asked(interface.method.value, url, headers, body)


def _text(interface: Interface, value: Bindable) -> str:
    values: Sequence[Value] = value if isinstance(value, list) else [value]
    return ",".join(written(one, interface.dates) for one in values)


def _json(interface: Interface, value: Bindable) -> object:
    if isinstance(value, list):
        return [_json(interface, one) for one in value]
    text = written(value, interface.dates)
    # Numbers as their literal text: no digit is lost.
    return text if isinstance(value, str | date) else orjson.Fragment(text)


def _envelope(namespace: str, operation: str, values: Sequence[tuple[str, str]]) -> bytes:
    inside = "".join(f"<q:{name}>{escape(text)}</q:{name}>" for name, text in values)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="{ENVELOPE}"><s:Body>'
        f"<q:{operation} xmlns:q={quoteattr(namespace)}>{inside}</q:{operation}></s:Body></s:Envelope>"
    ).encode()
