"""The package of an .xlsx: which parts there are, which sheets they are, and a clean package for the parser.

The parser gets a package of our own making: our list of sheets, the checked sheet parts, shared strings and styles,
stored without compression. What was checked is what is parsed, and nothing else.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from posixpath import normpath

from sheets import formats
from sheets.cells import SheetTitle, Visibility
from sheets.containers.archive import Package, read_directory, unpack, wrap
from sheets.errors import Reason, Unreadable, damaged
from sheets.kinds import Kind
from sheets.limits import Feature, Limits
from sheets.precheck import markup, sheet_xml
from sheets.precheck.surveys import SheetSurvey, Survey, check_area, check_extent, check_features, check_names, choose

WORKBOOK = "xl/workbook.xml"
_WORKBOOK_LINKS = "xl/_rels/workbook.xml.rels"
_STRINGS, _STYLES = "xl/sharedStrings.xml", "xl/styles.xml"
_SMALL_PART = 1024 * 1024
"""Bytes that the list of sheets or of links may have."""

_WORKSHEET, _MACRO_SHEETS = "/worksheet", ("/xlMacrosheet", "/xlIntlMacrosheet")
_FEATURE_PARTS = (
    (Feature.MACROS, re.compile(r"(?:.*/)?vba(?:Project|ProjectSignature|Data)[^/]*")),
    (Feature.MACRO_SHEETS, re.compile(r"xl/(?:macrosheets|intlmacrosheets|dialogsheets)/.*")),
    (Feature.EXTERNAL_LINKS, re.compile(r"xl/(?:externalLinks|queryTables)/.*|xl/connections\.xml")),
    (Feature.EMBEDDED_OBJECTS, re.compile(r"xl/(?:embeddings|activeX)/.*|.*/oleObject[^/]*")),
)
_DDE_LINK = re.compile(rb"ddeLink[\s/>]")
_EXTERNAL = re.compile(rb"""<(?:[^\s<>/]*:)?Relationship\s[^<>]*TargetMode\s*=\s*["']External["'][^<>]*>""")
_LINK_TYPE = re.compile(rb"""\sType\s*=\s*["'][^"']*/(\w+)["']""")
_HARMLESS_EXTERNALS = frozenset({b"hyperlink"})
_SST = re.compile(rb"<(?:[^\s<>/]*:)?sst(?=[\s/>])[^<>]*>")
_UNIQUE_COUNT = re.compile(rb"""\suniqueCount\s*=\s*["']([^"']*)["']""")
_LEAST_STRING = len("<si/>")
_CELL_FORMATS = re.compile(rb"<(?:[^\s<>/]*:)?cellXfs(?=[\s/>])")
_CELL_FORMAT = re.compile(rb"<(?:[^\s<>/]*:)?xf(?=[\s/>])[^<>]*>")
_FORMAT_NUMBER = re.compile(rb"""\snumFmtId\s*=\s*["']([0-9]{1,5})["']""")
_FORMAT_TEXT = re.compile(rb"<(?:[^\s<>/]*:)?numFmt(?=\s)[^<>]*>")
_FORMAT_CODE = re.compile(rb"""\sformatCode\s*=\s*(?:"([^"]*)"|'([^']*)')""")

_LINKS_NAMESPACE = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


@dataclass(frozen=True, slots=True)
class _Listed:
    """A sheet as the workbook lists it."""

    title: SheetTitle
    part: str
    is_macro: bool


def survey_xlsx(data: bytes, limits: Limits) -> Survey:
    """Check an .xlsx and make the clean package for the parser.

    Raises:
        Unreadable: broken or hostile structure, a refused feature, or more than the limits allow.
    """
    package = unpack(data, read_directory(data, limits), limits)
    parts = {name.casefold(): content for name, content in package.parts.items()}
    for content in parts.values():
        markup.guard(content)
    features = _features(package)
    listed, epoch_1904 = _sheets(parts)
    if any(sheet.is_macro for sheet in listed):
        features.add(Feature.MACRO_SHEETS)
    check_features(features, limits)
    titles = [sheet.title for sheet in listed]
    check_names(titles)
    chosen = choose(titles, limits)
    strings = parts.get(_STRINGS.casefold())
    if strings is not None:
        _check_strings(strings)
    styles = parts.get(_STYLES.casefold())
    moments = _moments(styles) if styles is not None else frozenset()
    padded = _padded(styles) if styles is not None else {}
    del package

    surveys = {place: SheetSurvey(title=title) for place, title in enumerate(titles)}
    contents: list[bytes] = []
    for place in chosen:
        part = _part(parts, listed[place].part)
        notes = sheet_xml.look_through(part, limits, moments, padded, epoch_1904=epoch_1904)
        if notes.has_dde:
            features.add(Feature.DDE)
        check_extent(notes.extent, limits)
        surveys[place] = SheetSurvey(title=titles[place], extent=notes.extent, overlay=notes.overlay)
        contents.append(sheet_xml.cleaned(part, notes))
    sheets = tuple(surveys.values())
    check_area(sheets, limits)
    return Survey(
        kind=Kind.XLSX,
        clean=_clean(contents, strings, styles, epoch_1904=epoch_1904),
        sheets=sheets,
        chosen=chosen,
        holds_only_chosen=True,
        features=check_features(features, limits),
    )


def _part(parts: Mapping[str, bytes], name: str) -> bytes:
    content = parts.get(name.casefold())
    if content is None:
        raise damaged("xlsx-part")
    return content


def _features(package: Package) -> set[Feature]:
    features = {feature for feature, parts in _FEATURE_PARTS for name in package.names if parts.fullmatch(name)}
    for name, content in package.parts.items():
        if name.endswith(".rels"):
            links = (_LINK_TYPE.search(link) for link in _EXTERNAL.findall(content))
            if any(link is None or link[1] not in _HARMLESS_EXTERNALS for link in links):
                features.add(Feature.EXTERNAL_LINKS)
        elif _DDE_LINK.search(content):
            features.add(Feature.DDE)
        elif name == "[Content_Types].xml" and b"macroEnabled" in content:
            features.add(Feature.MACROS)
    return features


def _sheets(parts: Mapping[str, bytes]) -> tuple[list[_Listed], bool]:
    """The sheets that the workbook lists, in its order, and whether its dates count from 1904."""
    targets: dict[str, tuple[str, str]] = {}
    found: list[tuple[str, str, Visibility]] = []
    epochs: list[bool] = []

    def link(name: str, attributes: Mapping[str, str]) -> None:
        if markup.local_name(name) == "Relationship":
            target = attributes.get("Target", "")
            path = target.lstrip("/") if target.startswith("/") else normpath(f"xl/{target}")
            targets[attributes.get("Id", "")] = (attributes.get("Type", ""), path)

    def sheet(name: str, attributes: Mapping[str, str]) -> None:
        if markup.local_name(name) == "workbookPr":
            epochs.append(attributes.get("date1904", "0") in {"1", "true", "on"})
        if markup.local_name(name) != "sheet":
            return
        identifier = next((attributes[key] for key in attributes if key.endswith(":id")), "")
        state = attributes.get("state", "visible")
        states = {"visible": Visibility.VISIBLE, "hidden": Visibility.HIDDEN, "veryHidden": Visibility.VERY_HIDDEN}
        if state not in states:
            raise damaged("xlsx-workbook")
        found.append((attributes.get("name", ""), identifier, states[state]))

    for part, handler in ((_WORKBOOK_LINKS, link), (WORKBOOK, sheet)):
        content = _part(parts, part)
        if len(content) > _SMALL_PART:
            raise damaged("xlsx-workbook")
        markup.walk(content, "xlsx-workbook", start=handler)
    listed: list[_Listed] = []
    for name, identifier, visibility in found:
        if identifier not in targets:
            raise damaged("xlsx-workbook")
        kind, path = targets[identifier]
        title = SheetTitle(name, visibility, kind.endswith(_WORKSHEET))
        listed.append(_Listed(title, path, kind.endswith(_MACRO_SHEETS)))
    return listed, any(epochs)


def _check_strings(xml: bytes) -> None:
    """The declared number of strings must have room in the part: the parser reserves memory by it (IN-X9)."""
    opening = _SST.search(xml)
    declared = _UNIQUE_COUNT.search(opening[0]) if opening else None
    if declared is None:
        return
    number = declared[1].strip()
    if not number.isdigit() or len(number) > 18:
        raise damaged("shared-strings")
    if int(number) * _LEAST_STRING > len(xml):
        raise Unreadable(Reason.SHARED_STRINGS, declared=int(number))


def _moments(xml: bytes) -> frozenset[int]:
    """The cell formats, by their place, that show a date or a time."""
    texts = {number: formats.of_text(code) for number, code in _format_texts(xml).items()}
    return frozenset(
        place
        for place, number in _cell_formats(xml).items()
        if (texts.get(number) or formats.of_number(number)) is formats.Shows.MOMENT
    )


def _padded(xml: bytes) -> dict[int, int]:
    """The cell formats, by their place, that show zeros before a number, and how many digits they show."""
    digits = {number: formats.digits_of(code) for number, code in _format_texts(xml).items()}
    return {place: digits[number] for place, number in _cell_formats(xml).items() if digits.get(number)}


def _format_texts(xml: bytes) -> dict[int, str]:
    texts: dict[int, str] = {}
    for tag in _FORMAT_TEXT.findall(xml):
        number, code = _FORMAT_NUMBER.search(tag), _FORMAT_CODE.search(tag)
        if number and code:
            texts[int(number[1])] = _unescaped(code[1] or code[2] or b"")
    return texts


def _cell_formats(xml: bytes) -> dict[int, int]:
    """The number format of each cell format that names one, by its place."""
    begin = _CELL_FORMATS.search(xml)
    end = xml.find(b"cellXfs", begin.end()) if begin else -1
    numbers = map(_FORMAT_NUMBER.search, _CELL_FORMAT.findall(xml, begin.end(), end) if begin and end >= 0 else ())
    return {place: int(number[1]) for place, number in enumerate(numbers) if number}


def _unescaped(code: bytes) -> str:
    text = code.decode("utf-8", "replace")
    for entity, character in (("&quot;", '"'), ("&apos;", "'"), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        text = text.replace(entity, character)
    return text


def _clean(sheets: list[bytes], strings: bytes | None, styles: bytes | None, *, epoch_1904: bool) -> bytes:
    """A package of these parts and nothing else; its sheets are named by their place."""
    names = [f"sheet{number}" for number in range(1, len(sheets) + 1)]
    listed = "".join(f'<sheet name="{name}" sheetId="{number}" r:id="{name}"/>' for number, name in enumerate(names, 1))
    links = "".join(_link(name, "worksheet", f"worksheets/{name}.xml") for name in names)
    workbook = (
        f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><workbookPr date1904="{int(epoch_1904)}"/>'
        f"<sheets>{listed}</sheets></workbook>"
    )
    parts = [
        ("_rels/.rels", _links(_link("workbook", "officeDocument", WORKBOOK)).encode()),
        (_WORKBOOK_LINKS, _links(links).encode()),
        (WORKBOOK, workbook.encode()),
        *((name, part) for name, part in ((_STRINGS, strings), (_STYLES, styles)) if part is not None),
        *((f"xl/worksheets/{name}.xml", sheet) for name, sheet in zip(names, sheets, strict=True)),
    ]
    return wrap(parts)


def _link(identifier: str, kind: str, target: str) -> str:
    return f'<Relationship Id="{identifier}" Type="{_OFFICE}/{kind}" Target="{target}"/>'


def _links(links: str) -> str:
    return f'<Relationships xmlns="{_LINKS_NAMESPACE}">{links}</Relationships>'
