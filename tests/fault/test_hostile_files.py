"""IN-X1 to X24 through the running service: each hostile file ends as stated, its memory stays, the next file is fine.

The service is a process of its own, its files come over HTTP, and what it holds in memory is read from the kernel.
"""

import contextlib
import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import httpx2
import pytest
from minio import Minio

from common import clock
from common.events import CodeName, CodeSetChanged
from common.roles import Role
from demo.system import System
from shuqiao import Refused, Session, files
from tests.fault.conftest import Faulty
from tests.support import people_files as people
from tests.support import planted_errors as planted
from tests.support import tokens
from tests.support.databases import held_lock, query, value
from tests.support.hostile_uploads import LIST, Hostile
from tests.support.people_files import FILE
from tests.support.told_entries import Told, tell, told
from tests.support.waiting import until

pytestmark = pytest.mark.slow

MIB = 1024 * 1024
MEMORY_STAYS = 20 * MIB
ENTRY = "307001-900001"


@dataclass(slots=True)
class Service:
    """The ingest as a process, a register of people that goes to it, and its provider."""

    system: System
    session: Session
    register: Told
    pid: int
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    @property
    def memory(self) -> int:
        """Bytes of the process that are resident now."""
        (line,) = [one for one in Path(f"/proc/{self.pid}/status").read_text().splitlines() if one.startswith("VmRSS:")]
        return int(line.split()[1]) * 1024

    def begun(self, name: str, size: int) -> dict[str, Any]:
        return self.session.post("ingest-files", "/uploads", {"entry": self.register.code, "name": name, "size": size})

    def posted(self, data: bytes, name: str = FILE) -> str:
        """A file that lies in the object store and is said to be complete; its upload."""
        begun = self.begun(name, len(data))
        files.post(begun["url"], begun["fields"], data)
        with contextlib.suppress(Refused):
            self.session.post("ingest-files", f"/uploads/{begun['upload']['id']}/completion")
        return begun["upload"]["id"]

    def sent(self, data: bytes, name: str = FILE) -> dict[str, Any]:
        """A file that went all its way; how it ended."""
        return files.result(self.session, self.posted(data, name))

    def good(self) -> None:
        """A file as it should be, unlike all before, is loaded."""
        first = 3 * next(self._numbers)
        lines = people.some(3, first)
        ended = self.sent(people.xls(lines))
        assert (ended["state"], ended["rows"], ended["message"]) == ("loaded", 3, None)
        assert [row[0] for row in self.register.rows("XM")] == [line[2] for line in lines[1:]]

    def results(self, upload: str) -> int:
        """How often the end of an upload was told."""
        told = "select count(*) from outbox where topic in ('batch-ingested', 'batch-rejected')"
        return value(self.system, "ingest_files", f"{told} and convert_from(payload, 'UTF8') like $1", f"%{upload}%")


@pytest.fixture(scope="module")
def provider(faulty: Faulty) -> Iterator[Session]:
    with Session(faulty.system.profile, "mzj.fabu", faulty.system.held.passwords["mzj.fabu"]) as session:
        yield session


@pytest.fixture(scope="module")
def service(faulty: Faulty, provider: Session) -> Service:
    """The service after some files: what it keeps once and for all is there."""
    system = faulty.system
    (one,) = [found for found in system.control.status() if found.name == "ingest-files"]
    assert one.pid is not None
    register = told(system, ENTRY, people.NAME, people.ITEMS)
    made = Service(system, provider, register, one.pid)
    for _ in range(3):
        made.good()
    made.sent(people.xls(people.many(1999)))
    made.good()
    made.sent(people.xls(people.many(2001)))
    return made


@pytest.fixture(autouse=True)
def unhurt(request: pytest.FixtureRequest) -> Iterator[None]:
    """Around each file: the same process and memory afterwards, no child of it left, and the next file fine."""
    service: Service = request.getfixturevalue("service")
    before = service.memory
    yield
    service.good()
    assert abs(service.memory - before) <= MEMORY_STAYS
    (one,) = [found for found in service.system.control.status() if found.name == "ingest-files"]
    assert one.pid == service.pid, "it never ended"
    until(lambda: not _children(service.pid), what="no child left")


def _children(pid: int) -> str:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text()


def places(ended: dict[str, Any]) -> list[tuple[int | None, int | None, str]]:
    return [(one["row"], one["column"], one["rule"]) for one in ended["all_findings"]]


@pytest.mark.parametrize("file", LIST, ids=[one.id for one in LIST])
def test_each_file_ends_as_stated(service: Service, file: Hostile) -> None:
    before = service.register.rows()
    ended = service.sent(file.make(), file.name)
    assert service.results(ended["id"]) == 1
    if file.loaded is not None:
        assert (ended["state"], ended["rows"], ended["message"]) == ("loaded", file.loaded, None)
        seen = service.register.rows(*(file.seen or ("XM",)))
        assert len(seen) == file.loaded
        assert not file.seen or seen[0] == file.values
    else:
        assert (ended["state"], ended["reason"], ended["rows"]) == ("rejected", file.reason, None)
        assert file.says in ended["message"]
        assert sorted(map(str, places(ended))) == sorted(map(str, file.found or ()))
        assert all(one["message"] for one in ended["all_findings"])
        assert service.register.rows() == before, "all or nothing"
    # The key is the platform's own, whatever the file is called (IN-X3).
    (row,) = query(service.system, "ingest_files", "select object_key from upload where id = $1", ended["id"])
    assert row["object_key"] == f"mzj/{ENTRY}/{ended['id']}"


def test_x2_a_file_without_a_byte_is_refused_at_the_door_and_by_the_object_store(service: Service) -> None:
    with pytest.raises(Refused) as refused:
        service.begun(FILE, 0)
    assert refused.value.status == 422
    begun = service.begun(FILE, 1)
    with pytest.raises(Refused):
        files.post(begun["url"], begun["fields"], b"")
    with pytest.raises(Refused) as refused:
        service.session.post("ingest-files", f"/uploads/{begun['upload']['id']}/completion")
    assert refused.value.code == "not-uploaded"


def test_x21_the_same_file_again_is_a_duplicate_and_the_same_name_with_new_content_is_not(service: Service) -> None:
    first, second = (people.xls(people.some(2, n)) for n in (700, 710))
    assert service.sent(first)["state"] == "loaded"
    again = service.sent(first)
    assert (again["state"], again["reason"]) == ("rejected", "duplicate-file")
    assert "重复" in again["message"]
    assert service.sent(second)["state"] == "loaded"


def test_x21_and_x22_files_of_a_resource_wait_for_one_another_and_each_is_the_version_that_was_registered(
    service: Service,
) -> None:
    """While the first is being loaded the second is registered, and its object then replaced by another file."""
    first, second, other = (people.xls(people.some(2, n)) for n in (720, 730, 740))
    lock = f"select from exchange.resource where version = '{service.register.resource.version}' for update"
    waits = (
        "select count(*) from pg_stat_activity"
        " where application_name = 'ingest-files loader' and wait_event_type = 'Lock'"
    )
    with held_lock(service.system, "exchange", lock):
        one = service.posted(first)
        until(lambda: value(service.system, "exchange", waits) == 1, what="the first is being loaded")
        two = service.posted(second)
        (row,) = query(service.system, "ingest_files", "select bucket, object_key from upload where id = $1", two)
        store = administrator(service.system)
        put = store.put_object(
            bucket_name=row["bucket"], object_name=row["object_key"], data=io.BytesIO(other), length=len(other)
        )
        (row,) = query(service.system, "ingest_files", "select object_version, state from upload where id = $1", two)
        assert row["state"] == "received"
        assert row["object_version"] != put.version_id
        assert value(service.system, "exchange", waits) == 1
    assert files.result(service.session, one)["state"] == "loaded"
    ended = files.result(service.session, two)
    assert (ended["state"], ended["sha256"]) == ("loaded", hashlib.sha256(second).hexdigest())
    assert [row[0] for row in service.register.rows("XM")] == ["居民730", "居民731"]
    order = "select batch::text as batch from exchange.batch where batch::text = any($1::text[]) order by number"
    assert [row["batch"] for row in query(service.system, "exchange", order, [one, two])] == [one, two]


def administrator(system: System) -> Minio:
    s3 = system.endpoints.s3
    return Minio(s3.endpoint, access_key=s3.access_key, secret_key=s3.secret_key, secure=s3.secure, region=s3.region)


def test_x23_a_thousand_uploads_of_one_unit_stop_at_its_bound_and_others_notice_nothing(service: Service) -> None:
    told(service.system, "307001-900002", "教育名册", people.ITEMS, provider="jyj")
    token = tokens.mint(
        service.system,  # type: ignore[arg-type]  of the installation its signing key is all that is asked for
        account="jyj.somebody",
        unit="jyj",
        roles=frozenset({Role.COMPILER}),
        audience="ingest-files",
    )
    url = service.system.ports.url("ingest-files") + "/uploads"
    headers = {"Authorization": f"Bearer {token}"}
    body = {"entry": "307001-900002", "name": "教育名册-20230630.xls", "size": 1}
    codes: list[str] = []
    with httpx2.Client(headers=headers, timeout=20) as http:
        for number in range(1000):
            answer = http.post(url, json=body)
            codes.append("begun" if answer.status_code == 201 else answer.json()["code"])
            if answer.status_code != 201:
                assert "等待处理" in answer.text
            if number % 250 == 0:
                service.good()
    assert codes == ["begun"] * 200 + ["too-many-waiting"] * 800


PAYLOADS = ("<script>alert(1)</script>", "{{7*7}}", "${jndi:ldap://x/y}")


@pytest.mark.parametrize("payload", PAYLOADS)
def test_x24_what_would_run_elsewhere_is_text_in_every_report(service: Service, payload: str) -> None:
    lines = people.one(XM=payload * 3)
    lines[0].append(payload)
    ended = service.sent(people.xls(lines))
    assert (ended["state"], ended["reason"]) == ("rejected", "structure-mismatch")
    assert ended["difference"]["extra"] == [{"column": 10, "title": payload}]
    ended = service.sent(people.xls(people.one(XM=payload * 3)))
    assert (ended["state"], places(ended)) == ("rejected", [(2, 3, "length")])
    headers = {"Authorization": f"Bearer {service.session._token('ingest-files')}"}
    page = httpx2.get(
        f"{service.system.ports.url('ingest-files')}/uploads/{ended['id']}/summary", headers=headers, timeout=20
    )
    assert page.status_code == 200
    assert "<script>alert" not in page.text
    assert "sandbox" in page.headers["content-security-policy"]


def test_of_500_planted_errors_in_2000_rows_each_is_told_and_nothing_else(faulty: Faulty, service: Service) -> None:
    """One upload, its findings read page by page: exactly those that were planted, and nothing is loaded."""
    system = faulty.system
    for (name, edition), codes in planted.CODES.items():
        named = tuple(CodeName(code=code, name=code) for code in sorted(codes))
        values = {"code_set": name, "edition": edition, "name": name, "source": "示例", "codes": named}
        tell(system, "catalog", CodeSetChanged(version=1, part=1, parts=1, changed_at=clock.now(), **values))
    entry = told(system, "307001-900003", "企业名册", planted.ITEMS, rules=planted.declared())
    rows, expected = planted.planted()
    header = ("序号", *(item.name for item in planted.ITEMS))
    lines = [header, *([number, *map(_cell, row.values())] for number, row in enumerate(rows, 1))]
    name, data = "企业名册-20230630.xls", people.xls(lines)
    begun = service.session.post("ingest-files", "/uploads", {"entry": entry.code, "name": name, "size": len(data)})
    files.post(begun["url"], begun["fields"], data)
    service.session.post("ingest-files", f"/uploads/{begun['upload']['id']}/completion")
    ended = files.result(service.session, begun["upload"]["id"])
    assert (ended["state"], ended["reason"], ended["findings"]) == ("rejected", "quality", planted.PLANTED)
    found: list[dict[str, Any]] = []
    path = f"/uploads/{ended['id']}/findings"
    while page := service.session.get("ingest-files", path, after=len(found), limit=100):
        assert len(page) <= 100
        found += page
    assert sorted((one["row"], one["column"], one["item"], one["rule"]) for one in found) == sorted(expected)
    assert entry.rows() == []
    assert service.results(ended["id"]) == 1


def _cell(value: Any) -> Any:
    return value.code if isinstance(value, planted.BrokenCell) else value
