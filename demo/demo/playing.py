"""Plays steps one after another, shows each as it happens, and writes what was seen to a file."""

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from policy import DecisionBasis
from shuqiao import ShuqiaoError

Evidence = dict[str, Any]
WITHIN: Final = 30.0
_PAUSE: Final = 0.1


class StepFailed(Exception):  # noqa: N818  what a step says
    """A step did not hold; the text says what was expected and what was seen."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a story: a stable name, what people read, and what it does; it returns its evidence."""

    name: str
    title: str
    play: Callable[[], Evidence]


@dataclass(frozen=True, slots=True)
class Played:
    name: str
    ok: bool
    seconds: float
    evidence: Evidence = field(default_factory=dict)


def expect(holds: bool, text: str, seen: object = None) -> None:
    """Raises StepFailed unless it holds."""
    if not holds:
        raise StepFailed(text if seen is None else f"{text}；实际：{seen}")


def until(ask: Callable[[], Any], text: str, *, within: float = WITHIN, passing: tuple[str, ...] = ()) -> Any:
    """Ask until the answer is there (truthy); refusals with one of the `passing` codes mean "not yet".

    Raises:
        StepFailed: not within the deadline.
    """
    deadline = time.monotonic() + within
    last: object = None
    while time.monotonic() < deadline:
        try:
            if answer := ask():
                return answer
        except ShuqiaoError as error:
            if getattr(error, "code", None) not in passing:
                raise
            last = error
        time.sleep(_PAUSE)
    raise StepFailed(f"{within:.0f}秒内未等到：{text}" + (f"（{last}）" if last else ""))


def play(steps: Iterable[Step], console: Console) -> list[Played]:
    """Play the steps; the first that does not hold ends the story, and those behind it count as not held."""
    done: list[Played] = []
    failed = False
    for number, step in enumerate(steps, 1):
        if failed:
            done.append(Played(step.name, ok=False, seconds=0.0, evidence={"not_played": True}))
            continue
        began = time.monotonic()
        try:
            with console.status(f"{number}. {step.title}"):
                evidence = step.play()
            done.append(Played(step.name, ok=True, seconds=round(time.monotonic() - began, 2), evidence=evidence))
            console.print(f"[green]✓[/] {number}. {step.title}  [dim]{done[-1].seconds:.1f}s[/]")
            for name, value in evidence.items():
                console.print(f"    {name}：{_short(value)}", style="dim", markup=False, highlight=False)
        except Exception as error:  # noqa: BLE001  whatever went wrong, the step did not hold, and says why
            failed = True
            seconds = round(time.monotonic() - began, 2)
            why = str(error) if isinstance(error, (StepFailed, ShuqiaoError)) else f"{type(error).__name__}: {error}"
            done.append(Played(step.name, ok=False, seconds=seconds, evidence={"error": why}))
            console.print(f"[red]✗ {number}. {step.title}（{step.name}）[/]  {seconds:.1f}s")
            console.print(f"    {why}", style="red", markup=False, highlight=False)
    return done


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 160 else text[:157] + "…"


def write(done: list[Played], path: Path) -> None:
    """Write `{"steps": [{"name", "ok", "seconds", "evidence"}]}`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {"steps": [asdict(one) for one in done]}
    path.write_text(json.dumps(document, ensure_ascii=False, indent=1, default=str) + "\n")


def cited(basis: dict[str, Any]) -> str:
    """The rule of a decision as people cite it, with the edition and whether its term had passed."""
    past = "（已过有效期，沿用）" if basis["past_term"] else ""
    return f"{DecisionBasis.of(basis).citation}，{basis['edition']}版{past}"
