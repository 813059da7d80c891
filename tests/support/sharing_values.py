"""Applications and grants as tests want them, as plain values and as bodies of requests."""

from typing import Any
from uuid import uuid4

from common.events import Basis, GrantedItem, GrantState, ItemMode, KeyHash, ServiceState, SharingType, UseMode
from sharing.domain.applications import Application, Offered, Opinion, Request, Resource, State
from sharing.domain.grants import Grant, Terms
from tests.support.given_clock import PAST_TERM

ENTRY = "307001-000001"
NUMBER = "CNZYSQ260001"
BASIS = Basis(
    edition="2021",
    document="长府规〔2021〕2号",
    rule="share-approval",
    article="17.1",
    layer="edition",
    past_term=True,
)
LAW = {"reason": "超出申请事项所需", "legal_basis": "《社会救助暂行办法》第六十一条"}


def request(**more: Any) -> Request:
    values: dict[str, Any] = {
        "entry": ENTRY,
        "services": ("streets",),
        "items": ("street_code", "street_name"),
        "use_mode": UseMode.INTERFACE,
        "using_system": "教育资助管理系统（示例）",
        "reason": "核对学区所属街道",
        "contact": "021-00000000",
        "commitment": True,
    }
    return Request(**values | more)


def application_body(**more: Any) -> dict[str, Any]:
    """What an applicant sends."""
    values: dict[str, Any] = {
        "entry": ENTRY,
        "services": ["streets"],
        "items": ["street_code", "street_name"],
        "use_mode": "interface",
        "using_system": "教育资助管理系统（示例）",
        "reason": "核对学区所属街道",
        "contact": "021-00000000",
        "commitment": True,
    }
    return values | more


def application(**more: Any) -> Application:
    """A draft of 区教育局 for data of 区民政局."""
    values: dict[str, Any] = {
        "id": uuid4(),
        "number": None,
        "unit": "jyj",
        "applicant": "jyj.shenqing",
        "provider": "mzj",
        "request": request(),
        "state": State.DRAFT,
    }
    return Application(**values | more)


def resource(**more: Any) -> Resource:
    values: dict[str, Any] = {
        "entry": ENTRY,
        "provider": "mzj",
        "published": True,
        "items": {
            "street_code": SharingType.UNRESTRICTED,
            "street_name": SharingType.UNRESTRICTED,
            "ZJHM": SharingType.AUTHORIZED,
            "secret": SharingType.NOT_SHARED,
        },
    }
    return Resource(**values | more)


def offered(*services: str, entry: str = ENTRY, state: ServiceState = ServiceState.ACTIVE) -> dict[str, Offered]:
    return {service: Offered(service=service, entry=entry, state=state) for service in services or ("streets",)}


def opinion(**more: Any) -> Opinion:
    values: dict[str, Any] = {
        "unit": "mzj",
        "by": "mzj.shenhe",
        "at": PAST_TERM,
        "agree": True,
        "reason": None,
        "legal_basis": None,
    }
    return Opinion(**values | more)


def granted(*codes: str, mode: ItemMode = ItemMode.CLEAR) -> tuple[GrantedItem, ...]:
    return tuple(GrantedItem(code=code, mode=mode) for code in codes)


def grant(**more: Any) -> Grant:
    values: dict[str, Any] = {
        "id": uuid4(),
        "unit": "jyj",
        "service": "streets",
        "entry": ENTRY,
        "application": NUMBER,
        "basis": BASIS,
        "items": granted("street_code", "street_name"),
        "terms": Terms(),
        "valid_from": PAST_TERM,
        "state": GrantState.ACTIVE,
        "keys": (),
        "version": 1,
        "changed_at": PAST_TERM,
        "changed_by": "dsjzx.shenhe",
        "reason": None,
    }
    return Grant(**values | more)


def key(**more: Any) -> KeyHash:
    values: dict[str, Any] = {
        "id": str(uuid4()),
        "hash": "0" * 64,
        "algorithm": "hmac-sha256",
        "pepper": "p1",
        "issued_at": PAST_TERM,
    }
    return KeyHash(**values | more)
