"""What a unit may do with a service (REQ-S4): terms, state, keys. One grant per unit and service."""

import ipaddress
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from common.events import (
    Basis,
    GrantChanged,
    GrantedItem,
    GrantState,
    Item,
    ItemMode,
    ItemType,
    KeyHash,
    MaskRule,
    Quota,
    RowCondition,
)
from sharing import errors
from sharing.domain.applications import says

LIVE_KEYS: Final = 2
"""Keys of a grant that are valid at once: the old and the new one while a system is changed over."""
EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
"""A validity outside of these years is a slip."""
HEADERS: Final = ("X-Operator", "X-Using-System", "X-Matter")
MASKS_BY_STANDARD: Final[Mapping[str, MaskRule]] = {
    "XM": MaskRule.NAME,
    "person_name": MaskRule.NAME,
    "ZJHM": MaskRule.ID_NUMBER,
    "person_cert_CODE": MaskRule.ID_NUMBER,
    "telephone": MaskRule.PHONE,
    "CSDXZ": MaskRule.ADDRESS,
    "HJDXZ": MaskRule.ADDRESS,
    "JZDXZ": MaskRule.ADDRESS,
    "address": MaskRule.ADDRESS,
    "business_address": MaskRule.ADDRESS,
}
"""The mask of a standard field of Annex 3 §3 where a grant names none."""

MOVES: Final[dict[GrantState, frozenset[GrantState]]] = {
    GrantState.ACTIVE: frozenset({GrantState.SUSPENDED, GrantState.REVOKED, GrantState.WITHDRAWN}),
    GrantState.SUSPENDED: frozenset({GrantState.ACTIVE, GrantState.REVOKED, GrantState.WITHDRAWN}),
    GrantState.REVOKED: frozenset(),
    GrantState.WITHDRAWN: frozenset(),
}


class Terms(BaseModel):
    """The terms on which items are granted; what is left out is not restricted, items are granted clear."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    items: tuple[GrantedItem, ...] = Field(default=(), max_length=200, description="省略的信息项按明文授权")
    row_filter: tuple[RowCondition, ...] = Field(default=(), max_length=20)
    source_addresses: tuple[str, ...] = Field(default=(), max_length=100, description="CIDR")
    required_headers: tuple[str, ...] = Field(default=(), max_length=3)
    demand_signature: bool = False
    demand_certificate: bool = False
    valid_from: AwareDatetime | None = None
    valid_until: AwareDatetime | None = None
    quota: Quota = Quota()


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    id: UUID
    unit: str
    service: str
    entry: str
    application: str
    basis: Basis
    items: tuple[GrantedItem, ...]
    terms: Terms
    valid_from: datetime
    state: GrantState
    keys: tuple[KeyHash, ...]
    version: int
    changed_at: datetime
    changed_by: str
    reason: str | None


def granted_items(asked: tuple[str, ...], terms: Terms, items: Mapping[str, Item]) -> tuple[GrantedItem, ...]:
    """The items asked for, in the catalogue's order, each as the terms say.

    Raises:
        BadTerms: the terms name an item that was not asked for, or a masked one that cannot be masked.
    """
    by_code = {item.code: item for item in terms.items}
    if len(by_code) != len(terms.items) or not set(by_code) <= set(asked):
        raise errors.BadTerms("授权条件中的信息项重复，或不在申请范围内")
    found = []
    for code, item in items.items():
        if code not in asked:
            continue
        given = by_code.get(code, GrantedItem(code=code, mode=ItemMode.CLEAR))
        found.append(_masked(given, item) if given.mode is ItemMode.MASKED else replace_mask(given))
    return tuple(found)


def replace_mask(given: GrantedItem) -> GrantedItem:
    """Only a masked item has a mask rule."""
    if given.mask is not None:
        raise errors.BadTerms("只有脱敏授权的信息项可以指定脱敏规则", item=given.code)
    return given


def _masked(given: GrantedItem, item: Item) -> GrantedItem:
    rule = given.mask or MASKS_BY_STANDARD.get(item.standard or item.code)
    if rule is None or item.type is not ItemType.TEXT:
        raise errors.BadTerms("该信息项须指定脱敏规则，且须为文本", item=given.code)
    return GrantedItem(code=given.code, mode=ItemMode.MASKED, mask=rule)


def check_terms(terms: Terms, items: Mapping[str, Item], at: datetime) -> None:
    """Whether the terms make sense by themselves.

    Raises:
        BadTerms: an address, a header, an item of a row filter or the validity cannot be.
    """
    # What came in is not repeated: an address by its place, the headers by those that there are.
    for place, address in enumerate(terms.source_addresses, 1):
        try:
            ipaddress.ip_network(address)
        except ValueError:
            raise errors.BadTerms("来源地址须为 CIDR 网段", place=place) from None
    if not set(terms.required_headers) <= set(HEADERS):
        raise errors.BadTerms("要求的请求头只能是规定的几个", known=list(HEADERS))
    for condition in terms.row_filter:
        if condition.item not in items:
            raise errors.BadTerms("行过滤的信息项不存在", item=condition.item)
        if any(unicodedata.category(char) == "Cc" for value in condition.values for char in value):
            raise errors.BadTerms("行过滤的值不能含控制字符", item=condition.item)
    for moment in filter(None, (terms.valid_from, terms.valid_until)):
        if not EARLIEST <= moment < LATEST:
            raise errors.BadTerms("授权起止时间须在2000年至2099年之间")
    begin = max(terms.valid_from or at, at)
    if terms.valid_until is not None and terms.valid_until <= begin:
        raise errors.BadTerms("授权截止时间须晚于开始时间和当前时间")


def renew(
    held: Grant | None,
    *,
    new_id: UUID,
    unit: str,
    service: str,
    entry: str,
    application: str,
    basis: Basis,
    items: tuple[GrantedItem, ...],
    terms: Terms | None,
    by: str,
    at: datetime,
) -> Grant:
    """The grant after an approval: a new one, or the held one with the newly approved terms in place of its own.

    Items that were granted before and are not asked for again stay granted while the grant is alive. `terms` is None
    where nobody decided on terms (无条件共享): items that stay granted then stay under the terms that they were
    granted on, and the new ones come under them too.
    """
    alive = held is not None and held.state in {GrantState.ACTIVE, GrantState.SUSPENDED}
    kept: tuple[GrantedItem, ...] = ()
    if held is not None and alive and not _expired(held, at):
        again = {item.code for item in items}
        kept = tuple(item for item in held.items if item.code not in again)
    if terms is None:
        terms = held.terms if held is not None and kept else Terms()
    return Grant(
        id=held.id if held else new_id,
        unit=unit,
        service=service,
        entry=entry,
        application=application,
        basis=basis,
        items=(*kept, *items),
        terms=terms,
        valid_from=terms.valid_from or at,
        state=held.state if held is not None and alive else GrantState.ACTIVE,
        keys=held.keys if held is not None and alive else (),
        version=held.version + 1 if held else 1,
        changed_at=at,
        changed_by=by,
        reason=None,
    )


def _expired(grant: Grant, at: datetime) -> bool:
    return grant.terms.valid_until is not None and grant.terms.valid_until <= at


def move(grant: Grant, to: GrantState, *, by: str, at: datetime, reason: str | None) -> Grant:
    """Suspend, resume, revoke or give up a grant; a revoked one is renewed only by a new application.

    One that ended keeps its keys on record: the gateway answers them 203, as the protocol says, where a key that it
    does not know is 202. They open nothing any more, and a renewal begins without them.

    Raises:
        GrantState: that is no step from where it is.
        ReasonMissing: suspended or revoked without saying why.
    """
    if to not in MOVES[grant.state]:
        raise errors.GrantState("授权当前状态不允许此操作", state=grant.state.value, to=to.value)
    if to in {GrantState.SUSPENDED, GrantState.REVOKED} and not says(reason):
        raise errors.ReasonMissing("暂停或撤销授权须说明理由")
    return replace(
        grant,
        state=to,
        version=grant.version + 1,
        changed_at=at,
        changed_by=by,
        reason=reason,
    )


def add_key(grant: Grant, key: KeyHash, *, by: str) -> Grant:
    """A further live key.

    Raises:
        GrantState: the grant has ended.
        TooManyKeys: two are live already.
    """
    if grant.state in {GrantState.REVOKED, GrantState.WITHDRAWN}:
        raise errors.GrantState("授权已终止，不能领取密钥", state=grant.state.value)
    if len(grant.keys) >= LIVE_KEYS:
        raise errors.TooManyKeys(f"最多同时有{LIVE_KEYS}个有效密钥，请先撤销一个", live=len(grant.keys))
    return replace(
        grant,
        keys=(*grant.keys, key),
        version=grant.version + 1,
        changed_at=key.issued_at,
        changed_by=by,
        reason=None,
    )


def drop_key(grant: Grant, key_id: str, *, by: str, at: datetime) -> Grant:
    """The grant without one of its keys.

    Raises:
        KeyUnknown: it has no such live key.
    """
    kept = tuple(key for key in grant.keys if key.id != key_id)
    if len(kept) == len(grant.keys):
        raise errors.KeyUnknown("没有这个有效密钥")
    return replace(grant, keys=kept, version=grant.version + 1, changed_at=at, changed_by=by, reason=None)


def event(grant: Grant) -> GrantChanged:
    """What the exchange is told of a grant: hashes of keys, no more."""
    terms = grant.terms
    return GrantChanged(
        version=grant.version,
        grant=grant.id,
        unit=grant.unit,
        service=grant.service,
        entry=grant.entry,
        application=grant.application,
        basis=grant.basis,
        items=grant.items,
        row_filter=terms.row_filter,
        source_addresses=terms.source_addresses,
        required_headers=terms.required_headers,
        demand_signature=terms.demand_signature,
        demand_certificate=terms.demand_certificate,
        valid_from=grant.valid_from,
        valid_until=terms.valid_until,
        quota=terms.quota,
        state=grant.state,
        keys=grant.keys,
        changed_at=grant.changed_at,
        changed_by=grant.changed_by,
        reason=grant.reason,
    )
