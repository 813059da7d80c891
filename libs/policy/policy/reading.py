"""From the file of a document to its values: the only way in which an edition comes to be, shipped or entered."""

import re
from dataclasses import dataclass

from policy.articles import Article, parse_article
from policy.errors import Flaw
from policy.model import (
    Body,
    BodyCode,
    Deadline,
    Edition,
    EditionId,
    Holder,
    Involvement,
    Parameter,
    ParameterValue,
    Repeal,
    Repealed,
    Rule,
)
from policy.numbers import FormKind
from policy.shapes import Kind, Need, shape_of
from policy.tables import SourceFile, Table, read_table
from policy.vocabulary import DeadlineUnit, Layer, Part, Role, RuleId, Statement

MAX_COUNT = 999
"""Of any deadline and any number in a rule that is not about rows."""

MAX_PARAMETER = 1_000_000

_CODE = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_MAX_CODE = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class _Document:
    """What every rule of a file takes from its head."""

    id: EditionId
    layer: Layer
    number: str
    bodies: tuple[Body, ...]


def read_edition(source: SourceFile) -> Edition:
    """One document from its file; how it stands among others is checked where they meet (`policy.book`).

    Raises:
        FileRefused: names the file, the key and what is wrong.
    """
    root = read_table(source)
    layer = root.word("layer", Layer)
    edition_id = EditionId(_code(root, "id"))
    document = root.table("document")
    number = document.text("number")
    bodies = _bodies(root)
    edition = Edition(
        id=edition_id,
        layer=layer,
        file=source.name,
        number=number,
        title=document.text("title"),
        issuer=document.text("issuer"),
        adopted=document.day("adopted") if document.has("adopted") else None,
        printed=document.day("printed") if document.has("printed") else None,
        in_force_from=document.day("in_force_from"),
        term_ends=document.day("term_ends") if document.has("term_ends") else None,
        repeal=_repeal(document),
        # House rules repeal no regulation; with the key unasked, it is refused as unknown.
        repeals=_repeals(document) if layer is not Layer.HOUSE else (),
        bodies=bodies,
        holders=_holders(root, bodies) if layer is Layer.EDITION else (),
        rules=_rules(root, _Document(id=edition_id, layer=layer, number=number, bodies=bodies)),
    )
    _check_days(document, edition)
    document.close()
    root.close()
    return edition


def _code(table: Table, key: str) -> str:
    code = table.text(key)
    if not _CODE.fullmatch(code) or len(code) > _MAX_CODE:
        table.refuse(key, Flaw.BAD_VALUE, "须为小写字母、数字和连字符组成的代码")
    return code


def _place(table: Table, key: str = "article") -> Article:
    text = table.text(key)
    try:
        return parse_article(text)
    except ValueError:
        table.refuse(key, Flaw.BAD_VALUE, f"“{text}”不是条款位置，应如 17、17.1、26(3)、A3")


def _repeal(document: Table) -> Repeal | None:
    if not document.has("repeal"):
        return None
    table = document.table("repeal")
    repeal = Repeal(on=table.day("on"), by=table.text("by"), article=_place(table))
    table.close()
    return repeal


def _repeals(document: Table) -> tuple[Repealed, ...]:
    if not document.has("repeals"):
        return ()
    repeals = []
    for table in document.tables("repeals"):
        repeals.append(Repealed(number=table.text("number"), article=_place(table)))
        table.close()
    return tuple(repeals)


def _check_days(document: Table, edition: Edition) -> None:
    if edition.adopted and edition.printed and edition.printed < edition.adopted:
        document.refuse("printed", Flaw.CONTRADICTION, "印发日期早于通过日期")
    if edition.term_ends and edition.term_ends < edition.in_force_from:
        document.refuse("term_ends", Flaw.CONTRADICTION, "有效期届满日早于施行日期")
    if edition.repeal and edition.repeal.on <= edition.in_force_from:
        document.refuse("repeal.on", Flaw.CONTRADICTION, "废止日期不晚于施行日期")


def _bodies(root: Table) -> tuple[Body, ...]:
    bodies: dict[str, Body] = {}
    for section, is_party in (("bodies", False), ("parties", True)):
        if not root.has(section):
            continue
        table = root.table(section)
        for code in table.keys():  # noqa: SIM118  a Table is asked for its keys, it is no mapping
            if not _CODE.fullmatch(code) or len(code) > _MAX_CODE:
                table.refuse(code, Flaw.BAD_VALUE, "须为小写字母、数字和连字符组成的代码")
            if code in bodies:
                table.refuse(code, Flaw.DUPLICATE, "代码已在 bodies 中使用")
            bodies[code] = Body(code=BodyCode(code), name=table.text(code), is_party=is_party)
    return tuple(bodies.values())


def _body(table: Table, key: str, code: str, bodies: tuple[Body, ...]) -> Body:
    for body in bodies:
        if body.code == code:
            return body
    return table.refuse(key, Flaw.BAD_VALUE, f"“{code}”未在 bodies 或 parties 中列出")


def _holders(root: Table, bodies: tuple[Body, ...]) -> tuple[Holder, ...]:
    roles = root.table("roles")
    holders = []
    for role in Role:
        if not roles.has(role):
            continue
        named: set[str] = set()
        for entry in roles.tables(role):
            body = _body(entry, "body", entry.text("body"), bodies)
            if body.code in named:
                entry.refuse("body", Flaw.DUPLICATE, "同一单位出现两次")
            named.add(body.code)
            holders.append(Holder(role=role, body=body, article=_place(entry)))
            entry.close()
    roles.close()
    return tuple(holders)


def _rules(root: Table, document: _Document) -> tuple[Rule, ...]:
    table = root.table("rules")
    rules = tuple(_rule(table.table(rule_id), rule_id, document) for rule_id in RuleId if table.has(rule_id))
    table.close()
    if not rules:
        table.refuse("", Flaw.MISSING_KEY, "没有任何规则")
    return rules


def _rule(table: Table, rule_id: RuleId, document: _Document) -> Rule:
    rule = Rule(
        id=rule_id,
        layer=document.layer,
        edition=document.id,
        document=document.number,
        article=_place(table),
        name=table.text("name"),
        quote=table.text("quote"),
        involved=_involved(table, rule_id, document.bodies),
        deadline=_deadline(table, rule_id),
        requires=table.words("requires", Statement) if table.has("requires") else (),
        requires_one_of=table.words("requires_one_of", Statement) if table.has("requires_one_of") else (),
        parameters=_parameters(table, rule_id),
    )
    stated = bool(rule.requires or rule.requires_one_of)
    need = shape_of(rule_id).statements
    if need is Need.MUST and not stated:
        table.refuse("requires", Flaw.MISSING_KEY, "此规则须列明应有的理由、依据或文件")
    if need is Need.NO and stated:
        table.refuse("requires", Flaw.UNKNOWN_KEY, "此规则不要求任何理由、依据或文件")
    table.close()
    return rule


def _involved(table: Table, rule_id: RuleId, bodies: tuple[Body, ...]) -> tuple[Involvement, ...]:
    parts = table.table("bodies") if table.has("bodies") else None
    involved = []
    if parts is not None:
        for part in Part:
            if parts.has(part):
                codes = parts.texts(part)
                involved += [Involvement(part=part, body=_body(parts, part, code, bodies)) for code in codes]
        parts.close()
    named = {involvement.part for involvement in involved}
    for part in Part:
        if part in shape_of(rule_id).parts and part not in named:
            table.refuse(f"bodies.{part}", Flaw.MISSING_KEY, "此规则须指明单位")
    return tuple(involved)


def _deadline(table: Table, rule_id: RuleId) -> Deadline | None:
    need = shape_of(rule_id).deadline
    if not table.has("deadline"):
        if need is Need.MUST:
            table.refuse("deadline", Flaw.MISSING_KEY, "此规则须有期限")
        return None
    if need is Need.NO:
        table.refuse("deadline", Flaw.UNKNOWN_KEY, "此规则不设期限")
    stated = table.table("deadline")
    deadline = Deadline(
        count=stated.number("count", MAX_COUNT),
        unit=stated.word("unit", DeadlineUnit),
        runs_from=stated.text("runs_from"),
    )
    stated.close()
    return deadline


def _parameters(table: Table, rule_id: RuleId) -> tuple[Parameter, ...]:
    shape = shape_of(rule_id)
    needed = [name for name in shape.parameters if name not in shape.optional]
    if not table.has("parameters"):
        if needed:
            table.refuse(f"parameters.{needed[0]}", Flaw.MISSING_KEY, "缺少此项")
        return ()
    stated = table.table("parameters")
    parameters = tuple(
        Parameter(name=name, value=_value(stated, name, kind))
        for name, kind in shape.parameters.items()
        if stated.has(name) or name in needed
    )
    stated.close()
    return parameters


def _value(table: Table, name: str, kind: Kind) -> ParameterValue:
    match kind:
        case Kind.TEXT:
            return table.text(name)
        case Kind.TEXTS:
            return table.texts(name)
        case Kind.NUMBER:
            return table.number(name, MAX_PARAMETER)
        case Kind.NUMBERS:
            return table.numbers(name, MAX_PARAMETER)
        case Kind.FLAG:
            return table.flag(name)
        case Kind.FORM:
            return table.word(name, FormKind)
