"""What can be applied for, and as what (Annex 2, REQ-S1; IN-C8)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.events import ServiceState, SharingType
from sharing import errors
from sharing.domain.applications import Offered, check_request
from tests.support.sharing_values import ENTRY, offered, request, resource


def checked(asked, *, unit="jyj", of=None, known=None):
    return check_request(asked, unit, resource() if of is None else of, offered() if known is None else known)


def refused(asked, **more):
    with pytest.raises(errors.NotApplicable) as found:
        checked(asked, **more)
    return found.value


def test_items_without_condition_are_applied_for_as_such():
    assert checked(request()) is SharingType.UNRESTRICTED


def test_one_item_that_needs_authority_makes_the_application_need_it():
    assert checked(request(items=("street_code", "ZJHM"))) is SharingType.AUTHORIZED


def test_an_item_that_is_not_shared_is_refused_and_named():
    assert refused(request(items=("street_code", "secret"))).details == {"items": ["secret"]}


def test_what_is_not_there_and_what_is_not_published_have_one_answer():
    absent = refused(request(), of=resource(published=False))
    with pytest.raises(errors.NotApplicable) as unknown:
        check_request(request(), "jyj", None, offered())

    assert (absent.message, absent.details) == (unknown.value.message, unknown.value.details)


def test_a_unit_does_not_apply_for_its_own_data():
    refused(request(), unit="mzj")


WRITING = {"push": Offered(service="push", entry=ENTRY, state=ServiceState.ACTIVE, writes=True)}


def test_a_unit_applies_to_write_its_own_resource_whatever_the_items():
    asked = request(services=("push",), items=("street_code", "secret"))
    assert checked(asked, unit="mzj", known=WRITING) is SharingType.NOT_SHARED


def test_nobody_applies_to_write_anothers():
    refused(request(services=("push",)), unit="jyj", known=WRITING)


@pytest.mark.parametrize("unit", ["jyj", "mzj"])
def test_writing_and_reading_are_not_applied_for_together(unit):
    refused(request(services=("push", "streets")), unit=unit, known=offered() | WRITING)


def test_a_write_service_that_is_withdrawn_is_not_applied_for():
    gone = {"push": Offered(service="push", entry=ENTRY, state=ServiceState.WITHDRAWN, writes=True)}
    refused(request(services=("push",)), unit="mzj", known=gone)


def test_without_the_commitment_to_security_there_is_no_application():
    with pytest.raises(errors.CommitmentMissing):
        checked(request(commitment=False))


@pytest.mark.parametrize(
    "asked",
    [{"items": ()}, {"services": ()}, {"items": ("street_code", "street_code")}, {"services": ("streets", "streets")}],
)
def test_nothing_and_the_same_twice_cannot_be_asked_for(asked):
    refused(request(**asked))


def test_items_and_services_that_the_resource_has_not_are_named():
    assert refused(request(items=("street_code", "other"))).details == {"unknown": ["other"]}
    assert refused(request(services=("streets", "other"))).details == {"unknown": ["other"]}
    # Codes keep their case.
    assert refused(request(items=("STREET_CODE",))).details == {"unknown": ["STREET_CODE"]}


def test_a_service_of_another_resource_cannot_be_had_with_this_one():
    refused(request(), known=offered("streets", entry="307002-000001"))


def test_a_service_that_was_ended_cannot_be_had_and_one_that_is_stopped_can():
    refused(request(), known=offered("streets", state=ServiceState.WITHDRAWN))
    assert checked(request(), known=offered("streets", state=ServiceState.STOPPED))


@given(st.sets(st.sampled_from(["street_code", "street_name", "ZJHM", "secret"]), min_size=1))
def test_the_strictest_item_counts(items):
    types = {resource().items[item] for item in items}
    if SharingType.NOT_SHARED in types:
        refused(request(items=tuple(items)))
    else:
        strictest = SharingType.AUTHORIZED if SharingType.AUTHORIZED in types else SharingType.UNRESTRICTED
        assert checked(request(items=tuple(items))) is strictest
