"""FAULT-21: a consumer told to stop in a handler that outlasts the grace: the record comes again, once in effect."""

from demo.accounts import ADMINISTRATOR
from shuqiao import Session
from tests.fault.conftest import Faulty
from tests.fault.test_killed_before_offset import WAITING_FOR_LOCK
from tests.support.databases import held_lock, query, value
from tests.support.waiting import until


def test_a_handler_that_was_cut_short_has_its_effect_after_the_restart(faulty: Faulty) -> None:
    system = faulty.system
    with Session(system.profile, ADMINISTRATOR, system.held.passwords[ADMINISTRATOR]) as admin:
        unit = admin.get("registry", "/units/qfb")
        with held_lock(system, "catalog", "lock table inbox in exclusive mode"):
            contacts = {"leader": unit["leader"], "dedicated": unit["dedicated"]}
            told = admin.put("registry", "/units/qfb/contacts", contacts)["version"]
            until(lambda: value(system, "catalog", WAITING_FOR_LOCK, "catalog") > 0, what="the handler at work")
            system.control.stop("catalog")
            conditions = {one.name: one for one in system.control.status()}
            assert conditions["catalog"].exit_code in {0, -15, 143}, "it left in order, not by force"
    known = "select version from unit where code = 'qfb'"
    assert value(system, "catalog", known) == told - 1
    system.control.start("catalog")
    until(lambda: value(system, "catalog", known) == told, within=40, what="the effect after the restart")
    twice = "select event_id from inbox group by consumer, event_id having count(*) > 1"
    assert query(system, "catalog", twice) == []
    system.wait_ready(["catalog"])
