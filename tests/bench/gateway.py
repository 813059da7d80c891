"""The gateway's comparisons with every duty of a call on: many grants, one, ten thousand; pages, claims, depth."""

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console

from demo.system import System
from exchange.layout import Resource
from tests.bench import scenes
from tests.bench.district import ITEMS, Teller
from tests.bench.load import Measured, wrk
from tests.bench.scenes import Scene
from tests.bench.telling import rounds_told, show, spread_of
from tests.bench.world import await_rest, competitor

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "7"))
SECONDS = 5


def run(system: System, folder: Path, console: Console) -> dict[str, Any]:
    """Measure all scenes."""
    teller = Teller(system)
    console.print("… 准备：5个资源，20个服务，200个授权")
    few = asyncio.run(scenes.district(teller))
    verified = asyncio.run(teller.verification("verify"))
    scenes.await_callable(system, few)
    found: dict[str, Any] = {}
    with competitor(system, "floor", few.resources[0].qualified_view, scenes.queries(few)) as floor:
        for scene in (
            scenes.spread(few),
            scenes.one(few),
            scenes.batch(few),
            scenes.verification(verified),
            scenes.depth(system, few),
        ):
            found[scene.name] = compared(system, floor, scene, folder, console)
        found["gateway.during-load"] = during_load(system, teller, scenes.spread(few), folder, console)
        console.print("… 准备：1000个服务，10000个授权")
        many = asyncio.run(teller.services("many", *scenes.MANY))
        scenes.await_callable(system, many)
        started = restarted(system)
        found["gateway.grants"] = compared(system, floor, scenes.grants(few, many), folder, console)
        found["gateway.grants"] |= started | {"worker_rss_mib": memory("gateway serve")}
    return found


def compared(system: System, floor: str, scene: Scene, folder: Path, console: Console) -> dict[str, Any]:
    """Rounds of both in turn."""
    rounds: list[dict[str, Any]] = []
    urls = {"ours": system.profile.gateway, "floor": system.profile.gateway if scene.other_is_ours else floor}
    for number in range(ROUNDS):
        console.print(f"… {scene.name} 第{number + 1}轮，共{ROUNDS}轮")
        one: dict[str, Measured] = {}
        for name in ("ours", "floor") if number % 2 == 0 else ("floor", "ours"):
            await_rest(system)
            calls = scene.ours if name == "ours" else scene.other
            one[name] = wrk(urls[name], calls, seconds=SECONDS, seed=number + 1, folder=folder)
        rounds.append(one)
    told = spread_of(
        {
            "ratio_floor": [one["ours"].rate / one["floor"].rate for one in rounds],
            "p99_ratio_floor": [one["ours"].p99_ms / one["floor"].p99_ms for one in rounds],
        }
    )
    told["rounds"] = rounds_told(rounds)
    show(console, scene.name, told)
    return told


def during_load(system: System, teller: Teller, scene: Scene, folder: Path, console: Console) -> dict[str, Any]:
    """The 99th of a hundred calls while a million rows are loaded into another resource, against that at rest."""
    resource = Resource(provider="mzj", version="307009-900099_v1", items=ITEMS)
    rounds: list[dict[str, Any]] = []
    for number in range(max(3, ROUNDS // 2)):
        await_rest(system)
        rest = wrk(system.profile.gateway, scene.ours, seconds=SECONDS, seed=number + 1, folder=folder)
        with scenes.loading(lambda: asyncio.run(teller.load(resource, scenes.BULK_ROWS))):
            loaded = wrk(system.profile.gateway, scene.ours, seconds=SECONDS, seed=number + 1, folder=folder)
        rounds.append({"ours": loaded, "floor": rest})
    told = spread_of({"p99_ratio_rest": [one["ours"].p99_ms / one["floor"].p99_ms for one in rounds]})
    told["rounds"] = rounds_told(rounds)
    show(console, "gateway.during-load", told)
    return told


def restarted(system: System) -> dict[str, Any]:
    """How long a worker takes from its start until it is ready, with all grants."""
    system.control.stop("gateway")
    began = time.monotonic()
    system.control.start("gateway")
    system.wait_ready(["gateway"])
    return {"ready_seconds": round(time.monotonic() - began, 2)}


def memory(command: str) -> float:
    """Resident memory of our worker in MiB."""
    for process in psutil.process_iter(["cmdline"]):
        if command in " ".join(process.info["cmdline"] or []):
            return float(round(process.memory_info().rss / 2**20, 1))
    return 0.0
