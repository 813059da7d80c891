"""Entries and services of the catalogue as tests want them, as plain values and as bodies of requests."""

from typing import Any

from catalog.domain.services import Service, ServiceContent, State
from common.entry import EntryContent, ItemContent
from common.events import Basis, CatalogChanged, EntryState, ServiceChanged
from tests.support.given_clock import PAST_TERM

CODE = "307001-000001"
BASIS = Basis(
    edition="2021",
    document="长府规〔2021〕2号",
    rule="catalog-entry",
    article="10.1",
    layer="edition",
    past_term=True,
)


def text(code: str, *, length: int = 20, **more: Any) -> dict[str, Any]:
    return {"code": code, "name": f"{code}项", "type": "text", "length": length, **more}


def entry_body(**more: Any) -> dict[str, Any]:
    """What a compiler sends: an entry that may be shared and opened without condition."""
    values: dict[str, Any] = {
        "name": "街道镇名录",
        "classification": "307001",
        "abstract": "各街道、镇的代码和名称。",
        "source_system": "地名管理系统",
        "format": "spreadsheet",
        "update_frequency": "yearly",
        "data_grade": "general-1",
        "sharing_type": "unrestricted",
        "opening_type": "unrestricted",
        "items": [text("street_code", key_place=1, nullable=False), text("street_name", length=40)],
    }
    return values | more


REASONED = {
    "reason": "含个人信息，仅供履行法定职责的单位使用。",
    "legal_basis": "《社会救助暂行办法》（国务院令第649号）",
}


def content(**more: Any) -> EntryContent:
    return EntryContent.model_validate(entry_body(**more))


def item(code: str = "street_code", **more: Any) -> ItemContent:
    return ItemContent.model_validate(text(code, **more))


def service_body(**more: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "name": "街道镇查询",
        "inputs": [{"item": "street_code", "operators": ["eq"], "required": True}],
    }
    return values | more


def service(**more: Any) -> Service:
    values: dict[str, Any] = {
        "code": "streets",
        "entry": CODE,
        "provider": "mzj",
        "content": ServiceContent.model_validate(service_body()),
        "structure": 1,
        "state": State.REGISTERED,
        "registered_by": "mzj.bianzhi",
        "version": 0,
        "changed_at": PAST_TERM,
        "changed_by": "mzj.bianzhi",
        "reason": None,
    }
    return Service(**values | more)


def catalog_changed(code: str = CODE, *, version: int = 1, provider: str = "mzj", **more: Any) -> CatalogChanged:
    """What the catalogue tells of an entry; `content` and `state` may be given."""
    told: EntryContent = more.pop("content", None) or content()
    values: dict[str, Any] = {
        "version": version,
        "entry": code,
        "provider": provider,
        "items": told.described(),
        "edition_number": 1,
        "resource_version": f"{code}_v1",
        "state": EntryState.PUBLISHED,
        "compiled_by": "mzj.bianzhi",
        "reviewed_by": "mzj.shenhe",
        "published_by": "mzj.fabu",
        "separation": "two-person",
        "basis": BASIS,
        "changed_at": PAST_TERM,
    }
    return CatalogChanged(**told.model_dump(mode="json", exclude={"items"}) | values | more)


def service_changed(code: str = "streets", *, entry: str = CODE, version: int = 1, **more: Any) -> ServiceChanged:
    """What the catalogue tells of a service."""
    values: dict[str, Any] = {
        "version": version,
        "service": code,
        "name": "街道镇查询",
        "entry": entry,
        "provider": "mzj",
        "resource_version": f"{entry}_v1",
        "source": "store",
        "mode": "query",
        "inputs": (),
        "identity": (),
        "claims": (),
        "orderings": (),
        "page_limit": 1000,
        "items": content().described(),
        "state": "active",
        "changed_at": PAST_TERM,
        "changed_by": "mzj.fabu",
        "reason": None,
    }
    return ServiceChanged(**values | more)
