"""What a caller may do, by its roles and its unit."""

import pytest

from common.errors import Forbidden
from common.roles import ROLE_NAMES, Caller, Role

COMPILER = Caller(account="a", unit="mzj", roles=frozenset({Role.COMPILER, Role.APPLICANT}))


def test_one_of_the_roles_asked_for_is_enough():
    assert COMPILER.may(Role.REVIEWER, Role.COMPILER)
    assert not COMPILER.may(Role.REVIEWER)
    assert not COMPILER.may()
    COMPILER.need(Role.REVIEWER, Role.APPLICANT)


def test_a_missing_role_is_named_in_chinese_and_by_its_code():
    with pytest.raises(Forbidden) as refused:
        COMPILER.need(Role.REVIEWER, Role.PUBLISHER)
    assert "审核人、发布人" in refused.value.message
    assert refused.value.details == {"roles": ["reviewer", "publisher"]}
    assert refused.value.status == 403


def test_another_units_affairs_are_refused():
    COMPILER.need_unit("mzj")
    with pytest.raises(Forbidden):
        COMPILER.need_unit("jyj")


def test_every_role_has_a_name_for_people():
    assert ROLE_NAMES.keys() == set(Role)
    assert len(set(ROLE_NAMES.values())) == len(Role)
