"""The provider's side of a run: code sets, entries, rows and services, as a department brings them into the catalogue.

Beside the file's services each table has a probe service, with which the run sees when the gateway knows the table, its
rows and its code sets; no case ever calls it.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from demo.playing import until
from shuqiao import Refused, Session
from tests.vectors import tables
from tests.vectors.document import Document
from tests.vectors.errors import BadFile
from tests.vectors.fixture import REQUIRED, Field, ServicePlan, Table
from tests.vectors.names import Names
from tests.vectors.people import People, noted
from tests.vectors.progress import Progress

NOT_YET: Final = ("unit-not-active",)
"""Refusals that mean that an event has not arrived yet."""
_REASON: Final = "接口样例按授权共享登记，以便逐项核对授权条件。"
_BASIS: Final = "《长宁区公共数据管理办法》（示例）"
CLASSIFICATION: Final = "307001"


@dataclass(slots=True, kw_only=True)
class Catalogue:
    """What the provider of a run has in the catalogue."""

    people: People
    provider: str
    names: Names
    progress: Progress
    loader: str | None
    """The loader's address; without it the rows are uploaded."""
    entries: dict[str, str] = field(default_factory=dict)
    """Code of the entry by table."""
    published: list[str] = field(default_factory=list)
    probes: dict[str, str] = field(default_factory=dict)
    """Code of the probe service by table."""

    def _as(self, post: str) -> Session:
        return self.people.as_(f"{self.provider}.{post}")

    def enter(self, document: Document, keeper: Session) -> None:
        """Everything but the states of services, which come last: a service is granted while it is in use.

        `keeper` publishes code sets: the platform's reviewer.
        """
        fixture = document.fixture
        sets = self._code_sets(document, keeper)
        for place, table in enumerate(self.progress.each("编制、审核、发布条目", list(fixture.tables.values())), 1):
            self._entry(place, table, sets)
        for table in self.progress.each("装载数据", list(fixture.tables.values())):
            self._rows(table)
        taken = set(self.names.services.values())
        for place, table in enumerate(fixture.tables.values(), 1):
            code = next(c for c in (f"probe-{place}-{n}{self.names.suffix}" for n in range(1000)) if c not in taken)
            self.probes[table.name] = code
            inputs = [_input(one.code, ("eq",)) for one in table.fields if one.code_set]
            self._service(code, table.name, {"name": f"就绪探测{place}", "inputs": inputs})
        for service in self.progress.each("登记并启用服务", list(fixture.services.values())):
            self._service(self.names.services[service.code], service.table, _content(service))

    def settle(self, document: Document) -> None:
        """Stop or withdraw the services that the file says are."""
        for service in document.fixture.services.values():
            if service.state != "active":
                body = {"state": service.state, "reason": "样例要求的状态"}
                self._as("fabu").put("catalog", f"/services/{self.names.services[service.code]}/state", body)

    def withdraw(self) -> list[str]:
        """Withdraw the entries and with them the services; what could not be withdrawn is returned."""
        left: list[str] = []
        for code in self.published:
            with noted(f"条目 {code}", left):
                self._as("fabu").post("catalog", f"/entries/{code}/withdrawal", {"reason": "接口样例播放结束"})
        return left

    def _code_sets(self, document: Document, keeper: Session) -> dict[tuple[str, ...], dict[str, Any]]:
        """A code set by its codes. It is named after them: a further run finds it and publishes nothing."""
        wanted = {one.code_set for table in document.fixture.tables.values() for one in table.fields if one.code_set}
        known = {one["id"]: one for one in keeper.get("catalog", "/code-sets")} if wanted else {}
        found: dict[tuple[str, ...], dict[str, Any]] = {}
        for codes in sorted(wanted):
            name = "vectors-" + hashlib.sha256("\n".join(codes).encode()).hexdigest()[:24]
            held = known.get(name)
            if held is None or tuple(one["code"] for one in held["codes"]) != codes:
                body = {
                    "id": name,
                    "name": "接口样例代码",
                    "source": "接口样例",
                    "codes": [{"code": code, "name": code} for code in codes],
                }
                held = accepted("代码集", lambda body=body: keeper.post("catalog", "/code-sets", body))
            found[codes] = {"id": name, "version": held["edition"]}
        return found

    def _entry(self, place: int, table: Table, sets: Mapping[tuple[str, ...], dict[str, Any]]) -> None:
        content = {
            "name": self._entry_name(place),
            "classification": CLASSIFICATION,
            "abstract": "接口协议样例的数据。",
            "source_system": "接口样例",
            "format": "database",
            "update_frequency": "irregular",
            "data_grade": "general-1",
            "sharing_type": "authorized",
            "opening_type": "conditional",
            "reason": _REASON,
            "legal_basis": _BASIS,
            "items": [_item(one, sets) for one in table.fields],
        }
        compiler = self._as("bianzhi")
        what = f"表 {table.name}"
        made = accepted(
            what,
            lambda: until(lambda: compiler.post("catalog", "/entries", content), "目录服务得知单位", passing=NOT_YET),
        )
        code = self.entries[table.name] = made["code"]
        compiler.post("catalog", f"/entries/{code}/submission")
        self._as("shenhe").post("catalog", f"/entries/{code}/review", {"approve": True})
        self.published.append(code)
        self._as("fabu").post("catalog", f"/entries/{code}/publication")

    def _entry_name(self, place: int) -> str:
        return f"接口样例{place}{self.people.tag}"

    def _rows(self, table: Table) -> None:
        # A table without rows has had no batch: the age of its data is not known.
        if not table.rows:
            return
        entry = self.entries[table.name]
        if self.loader is not None:
            tables.load(self.loader, f"{entry}_v1", table)
        else:
            place = list(self.entries).index(table.name) + 1
            tables.upload(self._as("fabu"), entry, self._entry_name(place), table)

    def _service(self, code: str, table: str, content: dict[str, Any]) -> None:
        body = {"code": code, "entry": self.entries[table], "content": content}
        accepted(f"服务 {code}", lambda: self._as("bianzhi").post("catalog", "/services", body))
        self._as("fabu").put("catalog", f"/services/{code}/state", {"state": "active"})


def told(refused: Refused) -> str:
    """A refusal with the places that it names."""
    more = [str(refused.problem[name]) for name in ("errors", "details") if name in refused.problem]
    return " ".join([str(refused), *more])


def accepted(what: str, ask: Any) -> Any:
    """What comes of asking; contents that the exchange does not take are the file's fault."""
    try:
        return ask()
    except Refused as refused:
        if refused.status == 422:
            raise BadFile(f"{what} 的内容不被平台接受：{told(refused)}") from refused
        raise


def _item(field: Field, sets: Mapping[tuple[str, ...], dict[str, Any]]) -> dict[str, Any]:
    return {
        "code": field.code,
        "name": field.name,
        "type": field.type.value,
        "length": field.length,
        "precision": field.precision,
        "scale": field.scale,
        "nullable": field.key_place is None,
        "key_place": field.key_place,
        "code_set": sets[field.code_set] if field.code_set else None,
        "check": field.check,
    }


def _input(item: str, operators: tuple[str, ...]) -> dict[str, Any]:
    named = [operator for operator in operators if operator != REQUIRED]
    return {"item": item, "operators": named or ["eq"], "required": REQUIRED in operators}


def _content(service: ServicePlan) -> dict[str, Any]:
    return {
        "name": f"接口样例 {service.code}",
        "mode": "verify" if service.verify else "query",
        "inputs": [_input(item, operators) for item, operators in service.inputs.items()],
        "identity": list(service.identity),
        "claims": list(service.claims),
        "orderings": list(service.orderings),
    }
