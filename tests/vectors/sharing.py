"""The callers' side of a run: applications, decisions with their terms, keys, and the states that the file says.

The decision is the platform's, after the provider was heard, as for any resource of 授权共享; what the file says of a
grant stands in the decision's terms. A key is issued last of all that makes a grant, and only then is it suspended or
revoked: whoever knows the key knows its terms.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from common.clock import now
from demo.playing import until
from shuqiao import Refused, Session
from tests.vectors.catalogue import Catalogue, told
from tests.vectors.document import Document
from tests.vectors.errors import BadFile
from tests.vectors.fixture import GrantPlan
from tests.vectors.names import Names
from tests.vectors.people import People
from tests.vectors.progress import Progress

NOT_YET: Final = ("entry-unknown", "not-applicable", "unit-not-active", "not-yours-to-decide")
"""Refusals that mean that an event has not arrived yet."""
PER_APPLICATION: Final = 50
"""Services of one application at most."""
ENDS_AFTER: Final = (1, 2, 4, 8, 16)
"""Seconds until a grant that is to be expired ends: one, or more where the decision itself took longer than that."""
EXPIRED: Final = "expired"


@dataclass(slots=True, kw_only=True)
class Sharing:
    """What the callers of a run were granted."""

    people: People
    catalogue: Catalogue
    reviewer: str
    """The platform's reviewer."""
    names: Names
    progress: Progress
    accounts: dict[str, str] = field(default_factory=dict)
    """Each unit's account, by the file's name of the unit."""
    prober: str = ""
    """The account of the unit that sees what is in force."""
    probe_unit_key: str = ""
    probe_keys: dict[str, str] = field(default_factory=dict)
    """The prober's method key by service code."""
    ends: list[datetime] = field(default_factory=list)
    """When the grants end that are to be expired."""

    def enter(self, document: Document) -> None:
        for unit in self.progress.each("发放单位密钥", list(document.units)):
            self.names.unit_keys[unit] = self._unit_key(self.accounts[unit])
        self.probe_unit_key = self._unit_key(self.prober)
        self._probe(document)
        for name, grant in self.progress.each("申请、审核、领取密钥", list(document.fixture.grants.items())):
            self._grant(name, grant, document)

    def settle(self, document: Document) -> None:
        """Suspend or revoke what the file says is; what is to be expired expires by itself."""
        for (unit, service), grant in document.fixture.grants.items():
            if grant.state in {"suspended", "revoked"}:
                held = self._held(self.accounts[unit], self.names.services[service])
                body = {"state": grant.state, "reason": "样例要求的状态"}
                self._provider().put("sharing", f"/grants/{held['id']}/state", body)

    def _provider(self) -> Session:
        return self.people.as_(f"{self.catalogue.provider}.shenhe")

    def _unit_key(self, account: str) -> str:
        session = self.people.as_(account)
        key: str = session.post("registry", f"/units/{session.unit}/keys")["unitKey"]
        return key

    def _probe(self, document: Document) -> None:
        for table in self.progress.each("授权就绪探测", list(document.fixture.tables.values())):
            services = [self.catalogue.probes[table.name]]
            services += [
                self.names.services[s.code] for s in document.fixture.services.values() if s.table == table.name
            ]
            items = [next((one.code for one in table.fields if one.key_place == 1), table.fields[0].code)]
            for first in range(0, len(services), PER_APPLICATION):
                some = services[first : first + PER_APPLICATION]
                number = self._apply(self.prober, self.catalogue.entries[table.name], some, items)
                self._decide(number, {})
            for service in services:
                self.probe_keys[service] = self._method_key(self.prober, service)

    def _grant(self, name: tuple[str, str], grant: GrantPlan, document: Document) -> None:
        unit, service = name
        code = self.names.services[service]
        table = document.fixture.table_of(service).name
        items = [item.code for item in grant.items]
        number = self._apply(self.accounts[unit], self.catalogue.entries[table], [code], items)
        try:
            if grant.state == EXPIRED:
                self.ends.append(self._decide_to_expire(number, terms(grant)))
            else:
                self._decide(number, terms(grant))
        except Refused as refused:
            if refused.status == 422:
                raise BadFile(f"单位 {unit} 对服务 {service} 的授权条件不被平台接受：{told(refused)}") from refused
            raise
        self.names.method_keys[name] = self._method_key(self.accounts[unit], code)

    def _apply(self, account: str, entry: str, services: Sequence[str], items: Sequence[str]) -> str:
        """Apply, and let the provider agree; the application's number."""
        session = self.people.as_(account)
        body = {
            "entry": entry,
            "services": list(services),
            "items": list(items),
            "use_mode": "interface",
            "using_system": None,
            "reason": "播放接口协议样例",
            "contact": "021-00000000",
            "commitment": True,
        }
        made = until(lambda: session.post("sharing", "/applications", body), "共享服务得知资源", passing=NOT_YET)
        number: str = session.post("sharing", f"/applications/{made['id']}/submission")["number"]
        opinion = {"agree": True, "reason": "样例"}
        until(
            lambda: self._provider().post("sharing", f"/applications/{number}/opinions", opinion),
            "共享服务得知提供单位",
            passing=NOT_YET,
        )
        return number

    def _decide(self, number: str, given: dict[str, Any]) -> None:
        body = {"approve": True, "terms": given, "reason": "样例"}
        reviewer = self.people.as_(self.reviewer)
        until(
            lambda: reviewer.post("sharing", f"/applications/{number}/decision", body),
            "共享服务得知审核单位",
            passing=NOT_YET,
        )

    def _decide_to_expire(self, number: str, given: dict[str, Any]) -> datetime:
        """Decide for a validity that is over in a moment: that one can begin expired, nobody could decide."""
        for seconds in ENDS_AFTER:
            end = now() + timedelta(seconds=seconds)
            try:
                self._decide(number, {**given, "valid_until": end.isoformat()})
            except Refused as refused:
                # Too late already, or terms that cannot be: the last attempt tells.
                if refused.code != "bad-terms" or seconds == ENDS_AFTER[-1]:
                    raise
            else:
                return end
        raise AssertionError

    def _held(self, account: str, service: str) -> Any:
        session = self.people.as_(account)
        grants = session.get("sharing", "/grants", limit=1000)
        return next(one for one in grants if one["service"] == service and one["unit"] == session.unit)

    def _method_key(self, account: str, service: str) -> str:
        grant = self._held(account, service)
        key: str = self.people.as_(account).post("sharing", f"/grants/{grant['id']}/keys")["methodKey"]
        return key


def terms(grant: GrantPlan) -> dict[str, Any]:
    """The terms of the decision that makes this grant."""
    return {
        "items": [item.model_dump(mode="json") for item in grant.items],
        "row_filter": [{"item": item, "values": list(values)} for item, values in grant.row_filter],
        "source_addresses": list(grant.source_addresses),
        "required_headers": list(grant.required_headers),
        "quota": {"per_second": None, "per_day": grant.daily_quota},
    }
