"""The registration of a provider's own interface: whether it fits its service, and whether its address may be called.

What cannot be checked is not promised: every item that a call can ask by has to come back in the answer, so that the
gateway sees for itself that the provider did what it was asked.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from catalog.errors import InterfaceUnfit
from common.events import Input, Interface, InterfaceKind, Item, Method, Operator, SentAs
from common.reach import Reach, Unreachable

_FORBIDDEN_HEADERS: Final = frozenset(
    {
        "host",
        "connection",
        "content-length",
        "content-type",
        "content-encoding",
        "transfer-encoding",
        "te",
        "trailer",
        "upgrade",
        "expect",
        "accept",
        "accept-encoding",
        "user-agent",
        "soapaction",
        "traceparent",
    }
)
"""Headers that are the gateway's own: a credential in them would change the request itself."""


def check(interface: Interface, items: Mapping[str, Item], inputs: Sequence[Input], others: Iterable[str]) -> None:
    """Whether a registration fits the items and inputs of its service; `others` are items that it uses besides.

    Raises:
        InterfaceUnfit: it cannot be called or read as it says.
    """
    _check_form(interface)
    names = {_name(one.item, operator): one for one in inputs for operator in one.operators}
    for sent in interface.sent:
        if sent.parameter not in names:
            raise InterfaceUnfit("传给提供单位的参数不是本服务的传入参数", parameter=sent.parameter)
    if len({sent.parameter for sent in interface.sent}) != len(interface.sent):
        raise InterfaceUnfit("参数重复")
    if len({(sent.place, sent.name) for sent in interface.sent}) != len(interface.sent):
        raise InterfaceUnfit("提供单位的参数名重复")
    given = [one.item for one in interface.given]
    if len(set(given)) != len(given):
        raise InterfaceUnfit("信息项重复")
    for code in given:
        if code not in items:
            raise InterfaceUnfit("资源没有这个信息项", item=code)
    needed = [one.item for one in inputs] + list(others)
    needed += [code for code, item in items.items() if item.key_place is not None or not item.nullable]
    for code in needed:
        if code not in given:
            raise InterfaceUnfit("主键、非空项和可作条件、排序、验证的信息项须在应答中", item=code)


def check_address(interface: Interface | None, reach: Reach) -> None:
    """Whether the gateway may be sent there, if it is sent anywhere.

    Raises:
        InterfaceUnfit: the address is none, or lies where no provider may live.
    """
    if interface is None:
        return
    try:
        reach.target(interface.url)
    except Unreachable as refused:
        raise InterfaceUnfit(str(refused)) from None


def _check_form(interface: Interface) -> None:
    places = {sent.place for sent in interface.sent}
    if interface.kind is InterfaceKind.SOAP:
        if interface.soap is None or interface.method is not Method.POST:
            raise InterfaceUnfit("SOAP 接口须给出命名空间和操作，以 POST 调用")
        if not places <= {SentAs.ELEMENT, SentAs.QUERY}:
            raise InterfaceUnfit("SOAP 接口的参数是元素或查询串")
        if any(not (sent.name.isascii() and sent.name.replace("-", "_").isidentifier()) for sent in interface.sent):
            raise InterfaceUnfit("SOAP 接口的参数名须可作元素名")
    elif interface.soap is not None or SentAs.ELEMENT in places:
        raise InterfaceUnfit("REST 接口没有 SOAP 的操作和元素")
    if {SentAs.FORM, SentAs.JSON} <= places:
        raise InterfaceUnfit("参数不能同时在表单和 JSON 中")
    if interface.method is Method.GET and not places <= {SentAs.QUERY}:
        raise InterfaceUnfit("GET 接口的参数只在查询串中")
    if interface.credential_header.lower() in _FORBIDDEN_HEADERS:
        raise InterfaceUnfit("凭据不能放在这个请求头中", header=interface.credential_header)


def _name(item: str, operator: Operator) -> str:
    return item if operator is Operator.EQ else f"{item}__{operator.value}"
