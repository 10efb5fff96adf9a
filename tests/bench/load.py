"""Put load on an address, by wrk where it is installed, and say what came of it."""
# ruff: noqa: S603 - the programs are wrk and this one's own modules

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
CONNECTIONS = 16


@dataclass(frozen=True)
class Load:
    """What one burst of requests saw."""

    requests: int
    failures: int
    seconds: float
    p50_ms: float
    p99_ms: float

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds if self.seconds else 0.0


def tool() -> str:
    return "wrk" if shutil.which("wrk") else "asyncio client"


def put_load(
    url: str,
    *,
    seconds: float,
    purchase: bool = False,
    headers: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Load:
    """Sixteen connections, one request at a time on each."""
    program = shutil.which("wrk")
    env = {**os.environ, **(environment or {})}
    if program is None:
        command = [sys.executable, "-m", "tests.bench.client", url]
        command += ["--connections", str(CONNECTIONS), "--seconds", str(seconds)]
        command += ["--purchase"] if purchase else []
        output = subprocess.run(
            command, cwd=HERE.parents[1], env=env, capture_output=True, text=True, check=True
        ).stdout
        return Load(**json.loads(output))
    command = [program, "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", "--latency"]
    command += ["-s", str(HERE / "purchase.lua")] if purchase else []
    for name, value in (headers or {}).items():
        command += ["-H", f"{name}: {value}"]
    done = subprocess.run([*command, url], env=env, capture_output=True, text=True, check=True)
    return parse_wrk(done.stdout)


_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


def parse_wrk(output: str) -> Load:
    """Read wrk's report; a broken connection and a status of refusal are failures alike."""
    total = re.search(r"(\d+) requests in ([\d.]+)(us|ms|s|m),", output)
    if total is None:
        raise ValueError(f"this is no report of wrk:\n{output}")
    failures = 0
    if refused := re.search(r"Non-2xx or 3xx responses: (\d+)", output):
        failures += int(refused[1])
    if broken := re.search(r"Socket errors: (.+)", output):
        failures += sum(map(int, re.findall(r"\d+", broken[1])))
    return Load(
        requests=int(total[1]),
        failures=failures,
        seconds=float(total[2]) * _UNITS[total[3]] / 1000,
        p50_ms=_percentile(output, 50),
        p99_ms=_percentile(output, 99),
    )


def _percentile(output: str, percent: int) -> float:
    found = re.search(rf"^\s+{percent}%\s+([\d.]+)(us|ms|s|m)$", output, re.MULTILINE)
    return float(found[1]) * _UNITS[found[2]] if found else 0.0
