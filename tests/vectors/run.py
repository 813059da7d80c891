"""One run of a file against an exchange: enter the fixture, play the cases, withdraw what was entered."""

import contextlib
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from shuqiao import Profile
from tests.vectors import names, probing, tables
from tests.vectors.calling import Gateway, NoAnswer
from tests.vectors.cases import Case
from tests.vectors.catalogue import Catalogue
from tests.vectors.comparing import differences
from tests.vectors.document import Document
from tests.vectors.names import Names
from tests.vectors.people import People, noted
from tests.vectors.progress import Progress
from tests.vectors.sharing import Sharing

SHOWN: Final = 1000
"""Characters of an answer that are shown."""
STOPS: Final = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class Result:
    passed: int
    failed: int

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed"


@dataclass(slots=True, kw_only=True)
class Run:
    """A run against one exchange. Usable as a context manager: what was entered is withdrawn at its end."""

    document: Document
    profile: Profile
    profile_path: Path
    suffix: str
    """Of units and service codes; empty in a system of its own, where nothing is withdrawn."""
    progress: Progress
    people: People = field(init=False)
    names: Names = field(init=False)
    catalogue: Catalogue | None = None
    left: list[str] = field(default_factory=list)
    """What could not be withdrawn."""

    def __post_init__(self) -> None:
        self.people = People(profile=self.profile, tag=self.suffix)
        codes = names.services(self.document.fixture.services, self.suffix)
        self.names = Names(suffix=self.suffix, services=codes)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self.suffix:
            self.people.leave()
            return
        with _undisturbed():
            self._withdraw()

    def play(self) -> Result:
        """Enter the fixture and play every case; tells each that failed.

        Raises:
            BadFile, NotPlayed, StepFailed, ShuqiaoError: it did not come to that.
        """
        gateway = Gateway(self.profile.gateway)
        self._enter(gateway)
        passed = failed = 0
        for case in self.progress.each("播放样例", self.document.cases):
            wrong = list(self._wrong(case, gateway))
            failed += bool(wrong)
            passed += not wrong
            if wrong:
                self.progress.say("\n".join([f"✗ {case.name}", *(f"    {line}" for line in wrong)]))
        return Result(passed, failed)

    def _wrong(self, case: Case, gateway: Gateway) -> Iterator[str]:
        try:
            answer = gateway.play(case, self.names)
        except NoAnswer as error:
            yield str(error)
            return
        found = [self.names.hidden(line) for line in differences(case, answer)]
        if found:
            yield from found
            text = self.names.hidden(answer.text)
            cut = "" if len(text) <= SHOWN else f"……（共 {len(text)} 字符）"
            yield f"收到：{answer.status} {text[:SHOWN]}{cut}"

    def _enter(self, gateway: Gateway) -> None:
        people, suffix = self.people, self.suffix
        units = {unit: f"vec-{place}{suffix}" for place, unit in enumerate(self.document.units, 1)}
        provider, prober = f"vec-data{suffix}", f"vec-probe{suffix}"
        platform = people.admin.unit
        listed = [(provider, "接口样例提供单位"), (prober, "接口样例就绪探测")]
        listed += [(code, f"接口样例单位{place}") for place, code in enumerate(units.values(), 1)]
        for code, name in self.progress.each("登记单位和账号", listed):
            people.register(code, f"{name}{suffix}")
            if code != provider:
                people.open(code, f"{code}.shenqing", "administrator", "applicant")
        people.open(provider, f"{provider}.bianzhi", "compiler")
        people.open(provider, f"{provider}.shenhe", "reviewer", "provider-reviewer")
        people.open(provider, f"{provider}.fabu", "publisher")
        reviewer = people.open(platform, f"vec{suffix}.shenhe", "platform-reviewer")
        loader = tables.loader_url(self.profile_path)
        self.progress.step("数据由装载程序写入交换库" if loader else "没有装载程序的地址，数据以文件上传")
        self.catalogue = Catalogue(
            people=people, provider=provider, names=self.names, progress=self.progress, loader=loader
        )
        self.catalogue.enter(self.document, people.as_(reviewer))
        sharing = Sharing(
            people=people, catalogue=self.catalogue, reviewer=reviewer, names=self.names, progress=self.progress
        )
        sharing.accounts = {unit: f"{code}.shenqing" for unit, code in units.items()}
        sharing.prober = f"{prober}.shenqing"
        sharing.enter(self.document)
        sharing.settle(self.document)
        self.catalogue.settle(self.document)
        self.progress.step("等待网关得知全部变更")
        for late in probing.wait(self.document, gateway, self.catalogue, sharing):
            self.progress.say(f"! {probing.IN_FORCE_WITHIN:.0f}秒内没有生效：{late}")

    def _withdraw(self) -> None:
        """Withdraw entries with their services, then the units; the guest account is taken out of use."""
        people = self.people
        self.progress.step(f"撤销本次的单位和服务（{self.suffix}）")
        # A session that was broken off in the middle of a request is not used again.
        people.renew()
        if self.catalogue is not None:
            self.left += self.catalogue.withdraw()
        for code in people.units:
            with noted(f"单位 {code}", self.left):
                body = {"state": "withdrawn", "reason": "接口样例播放结束"}
                people.admin.put("registry", f"/units/{code}/state", body)
        for account in people.guests:
            with noted(f"账号 {account}", self.left):
                out_of_use = {"roles": [], "enabled": False}
                people.admin.put("registry", f"/units/{people.admin.unit}/accounts/{account}", out_of_use)
        with contextlib.suppress(Exception):
            people.leave()
        for what in self.left:
            self.progress.say(f"! 未能撤销{what}")


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """A second Ctrl-C does not keep from withdrawing."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in STOPS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
