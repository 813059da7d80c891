"""Two ways of failing: what will pass by itself is tried again, what will not is refused. Health tells of the first."""

import asyncio

import asyncpg
import pytest
from aiokafka import errors as kafka
from pydantic import SecretStr, TypeAdapter, ValidationError
from sqlalchemy import exc

from common import bus, db, health
from common.errors import Conflict, Invalid, NotFound, Undecodable, Unwell
from common.health import Health


class Driver(Exception):  # noqa: N818  the driver's error, as SQLAlchemy hands it on
    def __init__(self, sqlstate):
        super().__init__(sqlstate)
        self.sqlstate = sqlstate


def wrapped(sqlstate, *, invalidated=False):
    return exc.DBAPIError("select 1", {}, Driver(sqlstate), connection_invalidated=invalidated)


PASSING = {
    "something we named": Unwell("registry"),
    "refused connection": ConnectionRefusedError(),
    "reset connection": ConnectionResetError(),
    "time over": TimeoutError(),
    "no connection in the pool": exc.TimeoutError(),
    "connection lost in use": wrapped(None, invalidated=True),
    "closed connection": exc.InterfaceError("select 1", {}, Exception()),
    "shut down": wrapped("57P01"),
    "starting up": wrapped("57P03"),
    "statement timeout": wrapped("57014"),
    "connection failure": wrapped("08006"),
    "too many connections": wrapped("53300"),
    "disk full": wrapped("53100"),
    "system error": wrapped("58030"),
    "serialization failure": wrapped("40001"),
    "deadlock": wrapped("40P01"),
    "lock not available": wrapped("55P03"),
    "idle too long": wrapped("25P03"),
    "driver: shut down": asyncpg.AdminShutdownError(),
    "driver: starting up": asyncpg.CannotConnectNowError(),
    "driver: connection gone": asyncpg.ConnectionDoesNotExistError(),
    "driver: closed": asyncpg.InterfaceError("connection is closed"),
    "driver: lock": asyncpg.LockNotAvailableError(),
    "broker away": kafka.KafkaConnectionError(),
    "broker slow": kafka.RequestTimedOutError(),
    "no leader": kafka.NotLeaderForPartitionError(),
}
LASTING = {
    "refusal": Conflict("no"),
    "undecodable": Undecodable("no"),
    "unique": wrapped("23505"),
    "not null": wrapped("23502"),
    "no such column": wrapped("42703"),
    "no right": wrapped("42501"),
    "out of range": wrapped("22003"),
    "no such text": wrapped("22021"),
    "without a state": wrapped(None),
    "driver: unique": asyncpg.UniqueViolationError(),
    "driver: syntax": asyncpg.PostgresSyntaxError(),
    "ours": ZeroDivisionError(),
    "value": ValueError(),
    "key": KeyError("x"),
}


@pytest.mark.parametrize("error", PASSING.values(), ids=PASSING)
def test_what_is_away_or_busy_is_unwell(error):
    assert bus.unwell(error)


@pytest.mark.parametrize("error", LASTING.values(), ids=LASTING)
def test_what_will_be_the_same_next_time_is_not(error):
    assert not bus.unwell(error)


def test_the_brokers_errors_are_the_buss_affair_and_not_the_databases():
    assert not db.is_unwell(kafka.KafkaConnectionError())


def broken() -> ValidationError:
    try:
        TypeAdapter(int).validate_python("canary")
    except ValidationError as error:
        return error
    raise AssertionError


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Conflict("canary"), "conflict"),
        (Conflict("canary", reason="late"), "conflict:late"),
        (Conflict("canary", reason=7), "conflict"),
        (NotFound("canary", unit="canary"), "not-found"),
        (Invalid("canary"), "invalid"),
        (Undecodable("canary", reason="schema"), "undecodable:schema"),
        (broken(), "undecodable:schema"),
        (ZeroDivisionError("canary"), "error:ZeroDivisionError"),
    ],
)
def test_a_reason_is_a_code_or_a_class_and_never_an_errors_text(error, reason):
    # The text of an error may hold the payload.
    assert bus.reason_of(error) == reason


def test_what_is_away_is_named_without_more():
    assert str(Unwell("registry")) == "registry is away"


# --- Health ---------------------------------------------------------------------------------------------------------


async def well() -> None:
    pass


async def away() -> None:
    raise ConnectionError("canary")


async def test_ready_is_what_is_needed_and_what_is_wanted_may_be_away():
    # A broker that is away makes nothing unready: writes go to the outbox.
    report = await Health(needed={"database": well}, wanted={"events": away}).report()
    assert (report.ready, report.needed, report.degraded) == (
        True,
        {"database": "ok"},
        {"events": "ConnectionError"},
    )
    report = await Health(needed={"database": away, "store": well}, wanted={"events": well}).report()
    assert (report.ready, report.needed) == (False, {"database": "ConnectionError", "store": "ok"})
    assert report.degraded == {}


async def test_a_check_that_hangs_is_named_in_time_and_holds_up_no_other(monkeypatch):
    monkeypatch.setattr(health, "_TIMEOUT", 0.05)

    async def hangs() -> None:
        await asyncio.Event().wait()

    report = await asyncio.wait_for(Health(needed={"a": hangs, "b": hangs, "c": well}).report(), 30)
    assert report.needed == {"a": "TimeoutError", "b": "TimeoutError", "c": "ok"}


async def test_probes_cost_nothing_for_a_second(monkeypatch):
    asked = []
    now = 100.0
    monkeypatch.setattr(health.time, "monotonic", lambda: now)

    async def check() -> None:
        asked.append(1)

    made = Health(needed={"database": check})
    for _ in range(5):
        await made.report()
    assert len(asked) == 1
    now += 1.5
    await made.report()
    assert len(asked) == 2


# --- Addresses ------------------------------------------------------------------------------------------------------


def test_an_address_is_put_in_the_form_of_whoever_needs_it_and_keeps_its_password():
    secret = SecretStr("postgresql://app:p%40ss@h:5432/d")
    assert db.async_url(secret) == "postgresql+asyncpg://app:p%40ss@h:5432/d"
    assert db.plain_url(db.async_url(secret)) == "postgresql://app:p%40ss@h:5432/d"
