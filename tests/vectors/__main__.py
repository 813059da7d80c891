"""python -m tests.vectors --file FILE [--url GATEWAY --profile PROFILE]: exits 0, 1 if a case failed, 2 for a bad file.

3: the file is good, and the exchange could not be reached or did not take its fixture.
"""

import argparse
import secrets
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Final

from demo.playing import StepFailed
from demo.system import NotReady, System
from shuqiao import ShuqiaoError
from shuqiao import profile as profiles
from stack import StackError
from tests.vectors import document
from tests.vectors.calling import Gateway
from tests.vectors.document import Document
from tests.vectors.errors import BadFile, NotPlayed
from tests.vectors.progress import Progress
from tests.vectors.run import STOPS, Result, Run

PASSED, FAILED, BAD_FILE, NOT_PLAYED, STOPPED = 0, 1, 2, 3, 130
_ABOUT: Final = "播放接口协议的样例文件（见 tests/contract/vectors/schema.json）"


def _on_signal(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def in_own_system(found: Document, progress: Progress) -> Result:
    """Play in an empty exchange that is started for it and is gone afterwards.

    Its folder is left where it did not start: the logs say why.
    """
    folder = Path(tempfile.mkdtemp(prefix="shuqiao-vectors-"))
    try:
        with System.open(folder / "system", say=progress.step) as system:
            path = system.folder / "profile.json"
            run = Run(document=found, profile=system.profile, profile_path=path, suffix="", progress=progress)
            with run:
                result = run.play()
    except (NotReady, StackError):
        raise
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)
    return result


def in_running(found: Document, url: str | None, path: Path, progress: Progress) -> tuple[Result, list[str]]:
    """Play in a running exchange, under a suffix of its own; what could not be withdrawn comes with the result."""
    profile = profiles.load(path)
    if url is not None:
        Gateway(url)
        profile = replace(profile, gateway=url)
    suffix = f"-r{secrets.token_hex(3)}"
    run = Run(document=found, profile=profile, profile_path=path, suffix=suffix, progress=progress)
    with run:
        result = run.play()
    return result, run.left


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.vectors", description=_ABOUT)
    parser.add_argument("--file", required=True, help="the file of golden cases")
    parser.add_argument("--url", help="the gateway of a running exchange; without it an exchange is started")
    parser.add_argument("--profile", type=Path, help="the file with its addresses and an administrator's account")
    options = parser.parse_args(arguments)
    progress = Progress(sys.stdout)
    try:
        if not options.file:
            raise BadFile("没有给出样例文件；用法：make vectors FILE=路径 [URL=网关地址 PROFILE=配置文件]")
        found = document.read(Path(options.file))
        progress.step(
            f"{options.file}：{len(found.fixture.tables)} 个表、{len(found.fixture.services)} 个服务、"
            f"{len(found.fixture.grants)} 个授权、{len(found.cases)} 个样例"
        )
        if options.url and options.profile is None:
            raise NotPlayed("在运行中的系统上播放还需要 PROFILE=配置文件（make run 写在 .run/profile.json）")
        left: list[str] = []
        if options.profile is None:
            result = in_own_system(found, progress)
        else:
            result, left = in_running(found, options.url, options.profile, progress)
    except BadFile as error:
        sys.stderr.write(f"样例文件有误：{error}\n")
        return BAD_FILE
    except (NotPlayed, NotReady, StepFailed, ShuqiaoError, StackError, ValueError) as error:
        sys.stderr.write(f"未能播放：{error}\n")
        return NOT_PLAYED
    except KeyboardInterrupt:
        sys.stderr.write("已中断\n")
        return STOPPED
    progress.say(str(result))
    return FAILED if result.failed else NOT_PLAYED if left else PASSED


if __name__ == "__main__":
    for stop in STOPS:
        # Set even where the parent has told its children to ignore it: what was entered must be withdrawn.
        signal.signal(stop, _on_signal)
    sys.exit(main())
