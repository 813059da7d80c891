"""A push: rows that a provider's own system sends in a call (Annex 3 §2.2); read, judged, and ended with one result."""

import json
from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from common.events import BatchIngested, BatchRejected, ItemType, RuleCount, StoredFile
from exchange.ways import Way
from ingest_files.domain import judgement
from ingest_files.domain.asked import Open
from ingest_files.domain.judgement import QUALITY, UNREADABLE, Bad, Finding, Good
from ingest_files.domain.turns import Turn
from quality.cells import Cell
from quality.model import CodeSets, ItemLike, RuleSet, Severity
from quality.surroundings import Surroundings

MAX_ROWS: Final = 2000
"""Rows of a push at most, as of a file of the annex."""
AGAIN_WITHIN: Final = timedelta(minutes=10)
"""In which the same rows without a key are taken for the same push, if nothing came between."""
FORGOTTEN: Final = timedelta(minutes=15)
"""After which a push that nobody tried again is ended; longer than any load may take."""
NOT_FINISHED: Final = "not-finished"
STRUCTURE: Final = "structure"


class State(StrEnum):
    RECEIVED = "received"
    """Begun; whether its rows are in the store is known there."""
    LOADED = "loaded"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """One push on its way. Its id is the batch's; what was sent lies in the object store as evidence."""

    id: UUID
    call: UUID
    """The call of the gateway that brought it first."""
    service: str
    entry: str
    provider: str
    key: str | None
    """The caller's own name of it (`Idempotency-Key`)."""
    way: Way
    sha256: str
    size: int
    bucket: str
    object_key: str
    object_version: str | None
    resource_version: str
    state: State
    rows: int | None
    reason: str | None
    tried_at: datetime
    done_at: datetime | None
    committed_at: datetime | None

    def is_same(self, way: Way, sha256: str) -> bool:
        """Whether the same was sent."""
        return self.way is way and self.sha256 == sha256


class _Number(str):
    """A JSON number as its literal text, so that no digit is lost."""

    __slots__ = ()


Given = list[tuple[str, Any]]
"""The members of one row, in order; a name may come twice, which is a finding."""


def read(text: bytes) -> list[Given] | Bad:
    """The rows of a JSON array of objects, or why it is none."""
    try:
        found = json.loads(
            text.decode(),
            object_pairs_hook=_Members,
            parse_int=_Number,
            parse_float=_Number,
            parse_constant=_no_constant,
        )
    except (ValueError, RecursionError):
        return Bad(f"{UNREADABLE}:json", "rows 不是 JSON", (_whole(UNREADABLE, "rows 应为 JSON 数组"),))
    if not isinstance(found, list) or isinstance(found, _Members):
        return Bad(f"{UNREADABLE}:rows", "rows 不是数组", (_whole(UNREADABLE, "rows 应为 JSON 数组，每行一个对象"),))
    if len(found) > MAX_ROWS:
        message = f"共{len(found)}行，一次最多{MAX_ROWS}行，请分次推送"
        return Bad("too-many-rows", message, (_whole("too-many-rows", message),))
    if not found:
        return Bad("no-rows", "没有数据行", (_whole("no-rows", "至少要有一行"),))
    strangers = [number for number, row in enumerate(found, 1) if not isinstance(row, _Members)]
    if strangers:
        told = tuple(_at(number, None, STRUCTURE, "每行应为一个对象，以信息项代码为名") for number in strangers)
        return Bad(QUALITY, f"数据检查发现{len(told)}处问题，未写入任何数据", told)
    return found


class _Members(list[tuple[str, Any]]):
    """An object, told from an array."""

    __slots__ = ()


def _no_constant(_name: str) -> None:
    raise ValueError("NaN and the infinities are no JSON")


def judge(
    given: list[Given], rule_set: RuleSet, code_sets: CodeSets, around: Surroundings | None = None
) -> judgement.Judged:
    """The rows as values, by the very rules of files; or everything that is wrong with them, never a value."""
    items = rule_set.items
    places = {item.code: place for place, item in enumerate(items, 1)}
    by_code = {item.code: item for item in items}
    findings: list[Finding] = []
    spoiled: set[tuple[int, str | None]] = set()
    rows: list[tuple[int, list[Cell]]] = []
    for number, members in enumerate(given, 1):
        cells: dict[int, Cell] = {}
        wrong: list[Finding] = []
        for place, (name, value) in enumerate(members, 1):
            item = by_code.get(name)
            if item is None:
                wrong.append(_at(number, None, STRUCTURE, f"第{place}个成员不是目录中的信息项，请删除或更正代码"))
            elif places[name] in cells:
                wrong.append(_at(number, name, STRUCTURE, f"信息项“{item.name}”出现了两次"))
            else:
                fault = _misfit(item, value)
                if fault is not None:
                    wrong.append(_at(number, name, "type", fault))
                cells[places[name]] = None if fault is not None else _cell(value)
        missing = [item for item in items if places[item.code] not in cells]
        wrong += [_at(number, one.code, STRUCTURE, f"缺少信息项“{one.name}”；没有值时写 null") for one in missing]
        spoiled |= {(number, finding.item) for finding in wrong}
        findings += wrong
        rows.append((number, [cells.get(place) for place in places.values()]))

    def ended(checked: Good | Bad) -> Good | Bad:
        # A cell that was left out because it could not be read is not missing beside that.
        more = [found for found in checked.findings if (found.row, found.item) not in spoiled]
        told = [*findings, *(replace(found, column=None) for found in more)]
        if isinstance(checked, Good) and not findings_refuse(told):
            return replace(checked, findings=tuple(told))
        order = {item.code: place for place, item in enumerate(items)}
        told.sort(key=lambda one: (one.row or 0, order.get(one.item or "", -1), one.rule))
        return Bad(QUALITY, f"数据检查发现{len(told)}处问题，未写入任何数据", tuple(told))

    judged = judgement.check(rule_set, [Turn(places, rows)], code_sets, around)
    return judged.then(ended) if isinstance(judged, Open) else ended(judged)


def findings_refuse(findings: list[Finding]) -> bool:
    """Whether one of them is an error: a push is taken whole or not at all."""
    return any(finding.severity is Severity.ERROR for finding in findings)


def clash(message: str) -> Bad:
    """The rows are right by themselves and do not go with those that are there."""
    return Bad(QUALITY, message, (_whole("unique", f"{message}：与已有的数据冲突"),))


def _misfit(item: ItemLike, value: object) -> str | None:
    """Why a JSON value can be no value of the item whatever it says; None if it can."""
    if isinstance(value, _Number):
        if item.type in {ItemType.INTEGER, ItemType.NUMERIC}:
            return None
        return "应为字符串，不能是 JSON 数值" if item.type is ItemType.TEXT else "日期和时间应写作字符串"
    if isinstance(value, str):
        return None if _encodable(value) else "不是 Unicode 文本"
    return None if value is None else "应为字符串、数值或 null"


def _encodable(text: str) -> bool:
    # JSON's escapes can write half a character.
    return not any("\ud800" <= char <= "\udfff" for char in text)


def _cell(value: object) -> Cell:
    assert value is None or isinstance(value, str)
    return None if value is None else str(value)


def _whole(rule: str, message: str) -> Finding:
    return Finding(row=None, column=None, item=None, rule=rule, message=message)


def _at(row: int, item: str | None, rule: str, message: str) -> Finding:
    return Finding(row=row, column=None, item=item, rule=rule, message=message)


def _evidence(push: Push) -> StoredFile:
    assert push.object_version is not None
    return StoredFile(
        bucket=push.bucket,
        key=push.object_key,
        version=push.object_version,
        sha256=push.sha256,
        size=push.size,
        name=f"{push.service}-{push.id}.json",
    )


def _sender(push: Push) -> str:
    """Who sent it, for the trail: a call, whose record says the rest."""
    return f"call:{push.call}"


def load(push: Push, *, rows: int, committed_at: datetime, at: datetime) -> tuple[Push, BatchIngested]:
    """Its rows are in the store."""
    done = replace(push, state=State.LOADED, rows=rows, committed_at=committed_at, done_at=at)
    told = BatchIngested(
        batch=push.id,
        entry=push.entry,
        resource_version=push.resource_version,
        provider=push.provider,
        file=_evidence(push),
        rows=rows,
        mode=push.way.value,
        uploaded_by=_sender(push),
        committed_at=committed_at,
    )
    return done, told


def reject(push: Push, bad: Bad, *, at: datetime) -> tuple[Push, BatchRejected | None]:
    """It is refused whole. Of one whose rows never reached the object store there is nothing to tell."""
    done = replace(push, state=State.REJECTED, reason=bad.reason, done_at=at)
    if push.object_version is None:
        return done, None
    counts = Counter(finding.rule for finding in bad.findings)
    told = BatchRejected(
        upload=push.id,
        entry=push.entry,
        provider=push.provider,
        file=_evidence(push),
        reason=bad.reason,
        findings=tuple(RuleCount(rule=rule, count=count) for rule, count in sorted(counts.items())),
        uploaded_by=_sender(push),
        rejected_at=at,
    )
    return done, told


def way_unfit(message: str) -> Bad:
    """The rows cannot be taken in this way, whatever they are."""
    return Bad("mode", message, (_whole("mode", message),))


def not_finished() -> Bad:
    return Bad(NOT_FINISHED, "推送未完成，没有写入数据")
