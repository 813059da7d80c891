"""The whole exchange on this machine: python -m demo run | play | down | clean."""

import argparse
import contextlib
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Final

from rich.console import Console
from rich.table import Table

from common import clock
from demo import accounts, playing
from demo.accounts import ADMINISTRATOR, Demonstration
from demo.playing import Played
from demo.story import Story
from demo.system import NotReady, System
from shuqiao import Gateway, Profile, ShuqiaoError
from shuqiao import profile as profiles
from shuqiao.roles import ROLE_NAMES
from stack import StackError

STOP_WITHIN: Final = 120.0
CALLABLE_WITHIN: Final = 60.0
_out = Console(soft_wrap=True)


class Told(Exception):  # noqa: N818  a signal
    """The process was told to stop."""


def _on_signal(_number: int, _frame: FrameType | None) -> None:
    raise Told


def _alive(pid_file: Path) -> int | None:
    """The process that runs the exchange of this folder, if it lives."""
    try:
        pid = int(pid_file.read_text())
        os.kill(pid, 0)
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ValueError, ProcessLookupError, PermissionError):
        return None
    return pid if b"demo" in command else None


@contextlib.contextmanager
def _registered(folder: Path) -> Iterator[None]:
    """Leave our process id where `down` finds it."""
    pid_file = folder / "run.pid"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if (pid := _alive(pid_file)) is not None:
        sys.exit(f"数桥已在运行（进程 {pid}）；用 make down 停止它")
    pid_file.write_text(str(os.getpid()))
    try:
        yield
    finally:
        pid_file.unlink(missing_ok=True)


def run(folder: Path) -> int:
    """Start everything, play the demonstration where there is none yet, and stay until told to stop."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _on_signal)
    began = time.monotonic()
    with _registered(folder):
        try:
            with System.open(folder, say=lambda text: _out.print(f"… {text}", highlight=False)) as system:
                _demonstrate(system)
                _tell(system, time.monotonic() - began)
                sys.stdout.write(f"READY {system.profile.gateway}\n")
                sys.stdout.flush()
                while True:
                    signal.pause()
        except Told:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_IGN)
            _out.print("已停止", highlight=False)
            return 0
        except (StackError, NotReady, ShuqiaoError) as error:
            _out.print(str(error), style="red", markup=False)
            return 1


def _demonstrate(system: System) -> None:
    """Demonstration data that can be called: made by the story the first time, found again later."""
    system.enter_units()
    held = system.held
    if held.service is None:
        _out.print("… 播放演示：三个单位的一次完整共享", highlight=False)
        story = Story(system.profile, held, "" if not held.keys.get("began") else _tag())
        held.keys["began"] = "1"
        system.save()
        done = playing.play(story.steps(), _out)
        story.close(keep_key=True)
        if not all(step.ok for step in done):
            raise NotReady("演示未能完成，见上")
        held.keys |= {
            "unitKey": story.unit_key,
            "unit_key_id": story.unit_key_id,
            "methodKey": story.method_keys["streets"],
        }
        held.service = story.streets_service
        system.save()
    _await_callable(system.profile, held)


def _await_callable(profile: Profile, held: Demonstration) -> None:
    assert held.service is not None
    deadline = time.monotonic() + CALLABLE_WITHIN
    seen = ""
    while time.monotonic() < deadline:
        with contextlib.suppress(ShuqiaoError), Gateway(profile.gateway, held.keys["unitKey"]) as gateway:
            answer = gateway.call(held.service, held.keys["methodKey"], {"area_code": "310105"})
            if answer.ok and len(answer.data) == 10:
                return
            seen = f"{answer.code} {answer.memo}"
        time.sleep(0.2)
    raise NotReady(f"演示数据不能调用：{seen}")


def _tell(system: System, seconds: float) -> None:
    services = Table("服务", "接口页面", title="接口")
    for service, url in system.profile.services.items():
        services.add_row(service, f"{url}/docs")
    services.add_row("gateway", f"{system.profile.gateway}/{system.held.service}（POST，附件3）")
    _out.print(services)
    people = Table("账号", "单位", "角色", title="账号")
    people.add_row(ADMINISTRATOR, accounts.PLATFORM, ROLE_NAMES["administrator"])
    for plan in accounts.ACCOUNTS:
        people.add_row(plan.name, plan.unit, "、".join(ROLE_NAMES[role] for role in plan.roles))
    _out.print(people)
    _out.print(f"密码和演示密钥：{system.folder / 'demonstration.json'}", highlight=False)
    _out.print(f"命令行配置：{system.folder / 'profile.json'}；日志：{system.log('registry').parent}", highlight=False)
    _out.print(f"停止：Ctrl-C，或在别处执行 make down。用时 {seconds:.0f} 秒。", highlight=False)


def _tag() -> str:
    return datetime.now(clock.SHANGHAI).strftime("%m%d%H%M%S")


def play(folder: Path, output: Path, against: Path | None) -> int:
    """Play the story against what runs; where nothing runs, start it and stop it after."""
    if against is not None:
        return _play(profiles.load(against / "profile.json"), accounts.load(against / "demonstration.json"), output)
    if _alive(folder / "run.pid") is not None:
        return _play(profiles.load(folder / "profile.json"), accounts.load(folder / "demonstration.json"), output)
    _out.print("没有正在运行的数桥，先启动，演示后停止", highlight=False)
    with (
        _registered(folder),
        System.open(folder, say=lambda text: _out.print(f"… {text}", highlight=False)) as system,
    ):
        system.enter_units()
        return _play(system.profile, system.held, output)


def _play(profile: Profile, held: Demonstration, output: Path) -> int:
    story = Story(profile, held, _tag())
    done: list[Played] = []
    try:
        done = playing.play(story.steps(), _out)
    finally:
        with contextlib.suppress(ShuqiaoError):
            story.close()
        playing.write(done, output)
    held_all = bool(done) and all(step.ok for step in done)
    passed = sum(step.ok for step in done)
    _out.print(f"{passed}/{len(done)} 步成立；记录在 {output}", style="green" if held_all else "red", highlight=False)
    return 0 if held_all else 1


def down(folder: Path) -> int:
    """Tell a running exchange to stop, and wait until it has."""
    pid = _alive(folder / "run.pid")
    if pid is None:
        _out.print("没有正在运行的数桥")
        return 0
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_WITHIN
    while _alive(folder / "run.pid") is not None:
        if time.monotonic() > deadline:
            _out.print(f"进程 {pid} 未能按时停止", style="red")
            return 1
        time.sleep(0.1)
    _out.print("已停止")
    return 0


def clean(folder: Path) -> int:
    """Wipe the data, secrets and logs of an exchange that does not run."""
    if _alive(folder / "run.pid") is not None:
        _out.print("数桥正在运行；先执行 make down", style="red")
        return 1
    shutil.rmtree(folder, ignore_errors=True)
    _out.print(f"已清除 {folder}", highlight=False)
    return 0


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--dir", type=Path, default=Path(".run"), help="where data, secrets and logs lie (.run)")
    sub = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    sub.add_parser("run", help="start everything and stay up")
    player = sub.add_parser("play", help="play the story against what runs, or start and stop it around")
    player.add_argument("--output", type=Path, default=Path("build/demo.json"))
    player.add_argument("--against", type=Path, help="a folder with profile.json and demonstration.json of an exchange")
    sub.add_parser("down", help="stop what runs")
    sub.add_parser("clean", help="wipe data, secrets and logs")
    options = parser.parse_args(arguments)
    folder: Path = options.dir
    match options.command:
        case "run":
            return run(folder)
        case "play":
            try:
                return play(folder, options.output, options.against)
            except (StackError, NotReady, ShuqiaoError) as error:
                _out.print(str(error), style="red", markup=False)
                return 1
        case "down":
            return down(folder)
        case _:
            return clean(folder)


if __name__ == "__main__":
    sys.exit(main())
