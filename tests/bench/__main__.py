"""python -m tests.bench: measures, prints, and writes build/bench.json. Ratios above 1 mean that ours is better."""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console

from demo.system import System
from tests.bench import call, gateway, ingest
from tests.bench.load import CONNECTIONS, CannotBench, wrk_path
from tests.bench.world import opened

Run = Callable[[System, Path, Console], dict[str, Any]]
COMPARISONS: dict[str, Run] = {"call": call.run, "gateway": gateway.run, "ingest": ingest.run}
"""What can be measured, by the name that `--only` takes."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("build/bench.json"))
    parser.add_argument("--only", choices=COMPARISONS, help="one of the comparisons instead of all")
    options = parser.parse_args()
    console = Console()
    found: dict[str, Any] = {}
    try:
        wrk_path()
        for name, run in COMPARISONS.items():
            if options.only not in {None, name}:
                continue
            with tempfile.TemporaryDirectory(prefix="shuqiao-bench-") as folder:
                console.print(f"… {name}：启动，{CONNECTIONS}个连接")
                with opened(Path(folder)) as system:
                    found |= run(system, Path(folder), console)
            options.output.parent.mkdir(parents=True, exist_ok=True)
            options.output.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n")
    except CannotBench as error:
        console.print(str(error), style="red", markup=False)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
