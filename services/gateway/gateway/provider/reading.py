"""An answer's bytes as a tree of texts: JSON with every digit kept, XML without document types, both bounded."""

import json
from collections.abc import Mapping
from typing import Any, Final
from xml.parsers import expat

from gateway.domain.provided import Number, Tree
from gateway.errors import Fault, ProviderFault
from gateway.provider.forming import ENVELOPE

MAX_DEPTH: Final = 32
MAX_ELEMENTS: Final = 500_000
_SCHEMA_INSTANCE: Final = "http://www.w3.org/2001/XMLSchema-instance"
_BETWEEN: Final = "\n"
"""Between an element's namespace and its name; neither can hold it."""


def of_json(body: bytes) -> Tree:
    """The value that a JSON text is.

    Raises:
        ProviderFault: it is no JSON in UTF-8, is nested too deeply, or an object has a name twice.
    """
    try:
        found: Tree = json.loads(
            body.decode("utf-8-sig"),
            object_pairs_hook=_object,
            parse_int=Number,
            parse_float=Number,
            parse_constant=_no_constant,
        )
    except (ValueError, RecursionError):
        raise ProviderFault(Fault.MALFORMED) from None
    return found


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice")
    return found


def _no_constant(_name: str) -> None:
    raise ValueError("NaN and the infinities are no JSON")


class _Element:
    """An element that is being read."""

    __slots__ = ("children", "name", "nil", "texts")

    def __init__(self, name: str, *, nil: bool) -> None:
        self.name = name
        self.nil = nil
        self.texts: list[str] = []
        self.children: dict[str, Any] = {}

    def add(self, name: str, value: Any) -> None:
        """Another of the same name makes it a list."""
        if name not in self.children:
            self.children[name] = value
        elif isinstance(self.children[name], list):
            self.children[name].append(value)
        else:
            self.children[name] = [self.children[name], value]

    def value(self) -> Tree:
        text = "".join(self.texts)
        if self.children:
            if text.strip():
                raise ProviderFault(Fault.MALFORMED)
            return self.children
        return None if self.nil or not text else text


class _Parser:
    """Builds the tree while expat reads; a document type ends the reading before an entity could be declared."""

    def __init__(self) -> None:
        self._open: list[_Element] = []
        self._count = 0
        self.root = ""
        self.found: Tree = None
        parser = expat.ParserCreate(namespace_separator=_BETWEEN)
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = self._refuse
        parser.ProcessingInstructionHandler = self._refuse
        self.parser = parser

    def _refuse(self, *_what: object) -> None:
        raise ProviderFault(Fault.MALFORMED)

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        self._count += 1
        if len(self._open) >= MAX_DEPTH or self._count > MAX_ELEMENTS:
            raise ProviderFault(Fault.MALFORMED)
        nil = attributes.get(f"{_SCHEMA_INSTANCE}{_BETWEEN}nil") in {"true", "1"}
        if len(self._open) == 0:
            self.root = name
        # Below the envelope names are told by their local part: providers differ in their use of namespaces.
        soap = name.startswith(ENVELOPE + _BETWEEN)
        self._open.append(_Element(name if soap else name.rpartition(_BETWEEN)[2], nil=nil))

    def _end(self, _name: str) -> None:
        ended = self._open.pop()
        if self._open:
            self._open[-1].add(ended.name, ended.value())
        else:
            self.found = ended.value()

    def _text(self, text: str) -> None:
        self._open[-1].texts.append(text)


def of_soap(body: bytes, operation: str) -> Tree:
    """What the response element of a SOAP 1.1 envelope holds.

    Raises:
        ProviderFault: it is no such envelope, or a fault: `refused` where the sender is blamed, else `status`.
    """
    made = _Parser()
    try:
        made.parser.Parse(body, True)
    except (expat.ExpatError, ValueError, LookupError):
        raise ProviderFault(Fault.MALFORMED) from None
    inside = made.found.get(_soap("Body")) if isinstance(made.found, Mapping) else None
    if made.root != _soap("Envelope") or not isinstance(inside, Mapping) or len(inside) != 1:
        raise ProviderFault(Fault.MALFORMED)
    ((name, response),) = inside.items()
    if name == _soap("Fault"):
        code = response.get("faultcode") if isinstance(response, Mapping) else None
        blamed = isinstance(code, str) and code.rpartition(":")[2].partition(".")[0] == "Client"
        raise ProviderFault(Fault.REFUSED if blamed else Fault.STATUS)
    if not name.startswith(operation):
        raise ProviderFault(Fault.MEMBER)
    found: Tree = response
    return found


def _soap(name: str) -> str:
    return f"{ENVELOPE}{_BETWEEN}{name}"
