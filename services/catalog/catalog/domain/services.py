"""Services of a resource (REQ-C0): what they take and give, and their way from registration to withdrawal."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from catalog import errors
from catalog.domain import interfaces
from catalog.domain.entries import says
from common.entry import Name
from common.events import Input, Interface, Item, ItemType, Mode, Operator, ServiceChanged, ServiceState, SourceKind
from common.events.parts import ItemCode

ORDERED: Final = frozenset({ItemType.DATE, ItemType.DATETIME, ItemType.INTEGER, ItemType.NUMERIC})
RANGES: Final = frozenset({Operator.GE, Operator.GT, Operator.LE, Operator.LT})


class State(StrEnum):
    REGISTERED = "registered"
    """Compiled, not yet let out; nothing outside the catalogue knows it."""
    ACTIVE = "active"
    STOPPED = "stopped"
    WITHDRAWN = "withdrawn"


MOVES: Final[dict[State, frozenset[State]]] = {
    State.REGISTERED: frozenset({State.ACTIVE, State.WITHDRAWN}),
    State.ACTIVE: frozenset({State.STOPPED, State.WITHDRAWN}),
    State.STOPPED: frozenset({State.ACTIVE, State.WITHDRAWN}),
    State.WITHDRAWN: frozenset(),
}


class ServiceContent(BaseModel):
    """What a service is, as it is registered."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: Name
    source: SourceKind = SourceKind.STORE
    mode: Mode = Mode.QUERY
    inputs: tuple[Input, ...] = Field(default=(), max_length=200)
    identity: tuple[ItemCode, ...] = Field(default=(), max_length=16, description="真伪验证：确定是哪一条的信息项")
    claims: tuple[ItemCode, ...] = Field(default=(), max_length=50, description="真伪验证：可被验证的信息项")
    orderings: tuple[ItemCode, ...] = Field(default=(), max_length=50)
    page_limit: int = Field(default=1000, ge=1, le=1000)
    interface: Interface | None = Field(default=None, description="数据源为提供单位自有接口时，该接口的登记")


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    code: str
    entry: str
    provider: str
    content: ServiceContent
    structure: int
    """Which structure of the resource it reads."""
    state: State
    registered_by: str
    version: int
    changed_at: datetime
    changed_by: str
    reason: str | None


def check(content: ServiceContent, items: Iterable[Item]) -> None:
    """Whether a service fits the items of its resource.

    Raises:
        ServiceUnfit: it names an item that is not there, or an operator that its type does not allow.
    """
    by_code = {item.code: item for item in items}
    _check_source(content)
    named = [i.item for i in content.inputs]
    for code in (*named, *content.identity, *content.claims, *content.orderings):
        if code not in by_code:
            raise errors.ServiceUnfit("资源没有这个信息项", item=code)
    for group in (named, content.identity, content.claims, content.orderings):
        if len(set(group)) != len(group):
            raise errors.ServiceUnfit("信息项重复")
    for found in content.inputs:
        _check_input(found, by_code[found.item])
    if content.mode is Mode.VERIFY:
        if not content.identity or not content.claims or content.inputs or content.orderings:
            raise errors.ServiceUnfit("验证服务须有且只有身份项和被验证项")
        if not set(content.identity).isdisjoint(content.claims):
            raise errors.ServiceUnfit("身份项不能同时是被验证项")
    elif content.identity or content.claims:
        raise errors.ServiceUnfit("查询服务没有身份项和被验证项")
    if content.interface is not None:
        asked = [
            *content.inputs,
            *(Input(item=code, operators=(Operator.EQ,), required=True) for code in content.identity),
        ]
        interfaces.check(content.interface, by_code, asked, (*content.claims, *content.orderings))


def _check_source(content: ServiceContent) -> None:
    if (content.source is SourceKind.PROVIDER) != (content.interface is not None):
        raise errors.ServiceUnfit("提供单位自有接口须登记，其他数据源没有接口", source=content.source.value)
    if content.source is SourceKind.WRITE and (content.mode is not Mode.QUERY or content.inputs or content.orderings):
        raise errors.ServiceUnfit("写入服务接收整行数据，没有验证方式、输入参数和排序")


def _check_input(found: Input, item: Item) -> None:
    if not found.operators or len(set(found.operators)) != len(found.operators):
        raise errors.ServiceUnfit("每个输入参数须有不重复的运算符", item=found.item)
    for operator in found.operators:
        if operator in RANGES and item.type not in ORDERED:
            raise errors.ServiceUnfit("区间条件只用于日期和数值", item=found.item)
        if operator is Operator.PREFIX and item.type is not ItemType.TEXT:
            raise errors.ServiceUnfit("前缀条件只用于文本", item=found.item)


def move(service: Service, to: State, *, by: str, at: datetime, reason: str | None) -> Service:
    """Let a service out, stop it, let it out again, or end it.

    Raises:
        ServiceState: that is no step from where it is.
        ReasonMissing: a service that was let out is stopped or ended without saying why.
    """
    if to not in MOVES[service.state]:
        raise errors.ServiceState("服务当前状态不允许此操作", state=service.state.value, to=to.value)
    if to is not State.ACTIVE and known_outside(service) and not says(reason):
        raise errors.ReasonMissing("停用或撤销服务须说明理由")
    return replace(service, state=to, version=service.version + 1, changed_by=by, changed_at=at, reason=reason)


def known_outside(service: Service) -> bool:
    """Whether the exchange has been told of it: what was never let out is nobody's business."""
    return service.version > 0


def follows_at_once(service: Service) -> bool:
    """Whether it goes over to a new structure when that is published, before there is data: it is what brings some."""
    return service.content.source is SourceKind.WRITE and service.state is not State.WITHDRAWN


def for_others(service: Service) -> Service:
    """The service as other units see it: where and how a provider is asked is none of their business."""
    return replace(service, content=service.content.model_copy(update={"interface": None}))


def event(service: Service, items: tuple[Item, ...]) -> ServiceChanged:
    """What the exchange is told of a service that is or was out."""
    content = service.content
    return ServiceChanged(
        version=service.version,
        service=service.code,
        name=content.name,
        entry=service.entry,
        provider=service.provider,
        resource_version=f"{service.entry}_v{service.structure}",
        source=content.source,
        mode=content.mode,
        inputs=content.inputs,
        identity=content.identity,
        claims=content.claims,
        orderings=content.orderings,
        page_limit=content.page_limit,
        items=items,
        state=ServiceState(service.state.value),
        changed_at=service.changed_at,
        changed_by=service.changed_by,
        reason=service.reason,
        interface=content.interface,
    )
