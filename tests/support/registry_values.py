"""Units of the register as tests want them: short to write, complete where nothing is said."""

from typing import Any
from uuid import UUID, uuid4

from common.events import UnitChanged, UnitState
from registry.domain import Unit, UnitKey, UnitKind
from tests.support.given_clock import PAST_TERM


def unit(code: str = "mzj", **more: Any) -> Unit:
    values: dict[str, Any] = {
        "code": code,
        "name": f"单位{code}",
        "kind": UnitKind.DEPARTMENT,
        "body": None,
        "state": UnitState.ACTIVE,
        "leader": None,
        "dedicated": None,
        "catalog_keepers": 0,
        "keys": (),
        "version": 1,
        "changed_at": PAST_TERM,
        "changed_by": "setup",
        "reason": None,
    }
    return Unit(**values | more)


def key(key_id: UUID | None = None, **more: Any) -> UnitKey:
    values: dict[str, Any] = {
        "id": key_id or uuid4(),
        "hash": "0" * 64,
        "algorithm": "hmac-sha256",
        "pepper": "p1",
        "last": "abcd",
        "issued_at": PAST_TERM,
        "issued_by": "mzj.admin",
    }
    return UnitKey(**values | more)


def unit_changed(code: str, *, version: int = 1, **more: Any) -> UnitChanged:
    """What the register tells of a unit."""
    values: dict[str, Any] = {
        "version": version,
        "unit": code,
        "name": f"单位{code}",
        "kind": "department",
        "state": UnitState.ACTIVE,
        "leader": None,
        "dedicated": None,
        "body": None,
        "catalog_keepers": 3,
        "keys": (),
        "changed_at": PAST_TERM,
        "changed_by": "setup",
        "reason": None,
    }
    return UnitChanged(**values | more)
