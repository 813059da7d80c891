"""The registration of a provider's own interface: it fits its service, or is refused with what is wrong."""

import pytest
from pydantic import ValidationError

from catalog import errors
from catalog.domain import description, interfaces, pages, services
from catalog.domain.description import Described
from catalog.domain.services import ServiceContent, State
from common.events import Interface, SourceKind
from common.reach import NOWHERE, Reach
from tests.support.catalog_values import service, service_body
from tests.support.given_clock import PAST_TERM
from tests.support.items import integer, key, text

ITEMS = (key(text("code", 9)), text("name", 40), integer("count"), text("remark", 40))
URL = "http://10.1.1.1/people"


def interface(**more):
    values = {
        "kind": "rest",
        "url": URL,
        "sent": [{"parameter": "code", "name": "dm", "place": "form"}],
        "records": "data.list",
        "given": [{"item": item, "member": f"m.{item}"} for item in ("code", "name", "count")],
    }
    return values | more


def soap(**more):
    told = {"namespace": "urn:x", "operation": "find", "action": "urn:x#find"}
    sent = [{"parameter": "code", "name": "dm", "place": "element"}]
    return interface(**{"kind": "soap", "soap": told, "sent": sent} | more)


def content(told=None, **more):
    inputs = [{"item": "code", "operators": ["eq", "in"], "required": True}]
    values = {"source": "provider", "interface": told or interface(), "inputs": inputs, "orderings": ["name"]}
    return ServiceContent.model_validate(service_body(**values | more))


def refused(made, error=errors.InterfaceUnfit):
    with pytest.raises(error) as found:
        services.check(made, ITEMS)
    return found.value


@pytest.mark.parametrize("told", [interface(), soap(), interface(method="GET", sent=[])])
def test_what_fits_is_taken(told):
    services.check(content(told), ITEMS)


def test_source_and_registration_belong_together():
    refused(content(source="store"), errors.ServiceUnfit)
    refused(ServiceContent.model_validate(service_body(source="provider")), errors.ServiceUnfit)


def test_what_can_be_asked_by_has_to_come_back_so_that_it_can_be_checked():
    given = interface()["given"]
    assert refused(content(interface(given=given[1:]))).details == {"item": "code"}
    assert refused(content(orderings=["remark"])).details == {"item": "remark"}
    taking = [{"item": "remark", "operators": ["eq"], "required": False}]
    assert refused(content(inputs=taking, interface=interface(sent=[]))).details == {"item": "remark"}
    verify = {"mode": "verify", "inputs": [], "orderings": [], "identity": ["code"], "claims": ["remark"]}
    assert refused(content(**verify)).details == {"item": "remark"}
    services.check(content(**verify | {"claims": ["name"]}), ITEMS)


@pytest.mark.parametrize(
    "more",
    [
        {"sent": [{"parameter": "name", "name": "xm", "place": "form"}]},
        {"sent": [{"parameter": "code__ge", "name": "xm", "place": "form"}]},
        {"sent": [{"parameter": "code", "name": n, "place": "form"} for n in "ab"]},
        {"sent": [{"parameter": p, "name": "a", "place": "form"} for p in ("code", "code__in")]},
        {"sent": [{"parameter": "code", "name": "a", "place": "element"}]},
        {
            "sent": [
                {"parameter": "code", "name": "a", "place": "form"},
                {"parameter": "code__in", "name": "a", "place": "json"},
            ]
        },
        {"method": "GET"},
        {"given": [*interface()["given"], {"item": "other", "member": "x"}]},
        {"given": [*interface()["given"], {"item": "code", "member": "x"}]},
        {"soap": soap()["soap"]},
        {"credential_header": "Host"},
        {"credential_header": "transfer-encoding"},
        soap(soap=None),
        soap(method="GET"),
        soap(sent=[{"parameter": "code", "name": "a", "place": "form"}]),
        soap(sent=[{"parameter": "code", "name": "a><b", "place": "element"}]),
    ],
)
def test_what_does_not_fit_is_refused(more):
    refused(content(interface(**more)))


@pytest.mark.parametrize(
    "more",
    [
        {"url": "http://10.1.1.1/a b"},
        {"url": 'http://10.1.1.1/"'},
        {"url": ""},
        {"deadline": 31},
        {"deadline": 0},
        {"deadline": "nan"},
        {"max_rows": 10_001},
        {"given": []},
        {"records": "a..b"},
        {"records": ".".join("abcdefghi")},
        {"credential": "../other"},
        {"credential": "unit.main"},
        {"credential_header": "X: y"},
        {"method": "DELETE"},
        {"kind": "graphql"},
        {"given": [{"item": "code", "member": ""}]},
    ],
)
def test_what_is_no_registration_at_all_is_malformed(more):
    with pytest.raises(ValidationError):
        Interface.model_validate(interface(**more))


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "http://169.254.169.254/", "http://10.1.1.1@evil.example.org/"])
def test_where_no_provider_may_live_is_refused(url):
    """IN-G29."""
    reach = Reach.of(["10.0.0.0/8"], [])
    interfaces.check_address(Interface.model_validate(interface()), reach)
    interfaces.check_address(None, NOWHERE)
    with pytest.raises(errors.InterfaceUnfit):
        interfaces.check_address(Interface.model_validate(interface(url=url)), reach)


def registered():
    return service(content=content())


def test_the_event_tells_how_the_provider_is_asked():
    out = services.move(registered(), State.ACTIVE, by="mzj.fabu", at=PAST_TERM, reason=None)
    told = services.event(out, ITEMS)
    assert (told.source, told.interface) == (SourceKind.PROVIDER, Interface.model_validate(interface()))


def test_other_units_do_not_see_where_it_is():
    shown = services.for_others(registered())
    assert (shown.content.interface, shown.content.source) == (None, SourceKind.PROVIDER)


def test_the_description_says_that_the_provider_answers_and_nothing_of_how():
    found = Described(
        service=registered(), entry_name="街道镇名录", provider_name="区民政局", items=ITEMS, code_sets=()
    )
    page = pages.markdown(description.document(found))
    assert "提供单位自有接口" in page
    assert not [word for word in ("10.1.1.1", "X-Next-Cursor", "X-Data-As-Of", "cursor", "dm") if word in page]
