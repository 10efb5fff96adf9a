"""Faults that the runner makes in its own programs for a while, and undoes by itself.

A request is a file in the data folder, which `nox -s traffic -- --fault` writes. It names when the
fault ends, so the shop recovers even if the process that asked for it is killed. Deleting the file
ends the fault at once. Nothing of this is in the services: the runner only stops its processes, as
an operator could.
"""

import asyncio
import time
from dataclasses import asdict, dataclass
from typing import Any, Literal

from functions.local.console import Console
from functions.local.data_folder import DataFolder
from functions.local.errors import DataFolderError
from functions.local.supervisor import Supervisor

FILE = "fault.json"

PROGRAMS = ("auth", "catalog", "purchase", "notifications", "storefront", "broker")

LONGEST_SECONDS = 600.0
KILL_EVERY_SECONDS = 5.0

_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Fault:
    kind: Literal["gone", "kill"]
    """`gone`: the program is stopped and not started again. `kill`: it is killed every five
    seconds, and the runner starts it again each time."""
    program: str
    until: float
    """When it ends, in seconds since 1970."""

    def __str__(self) -> str:
        return f"{self.program} is gone" if self.kind == "gone" else f"{self.program} is killed"


def begin(folder: DataFolder, fault: Fault) -> None:
    folder.write(FILE, asdict(fault))


def end(folder: DataFolder) -> None:
    folder.delete(FILE)


def requested(folder: DataFolder) -> Fault | None:
    """The fault that is asked for now; None where there is none, or where it is over or unknown."""
    try:
        content = folder.read(FILE)
    except DataFolderError:
        return None
    fault = None if content is None else _read(content)
    return None if fault is None or fault.until <= time.time() else fault


def _read(content: dict[str, Any]) -> Fault | None:
    kind, program, until = (content.get(name) for name in ("kind", "program", "until"))
    if kind not in {"gone", "kill"} or program not in PROGRAMS:
        return None
    if not isinstance(until, int | float) or not until <= time.time() + LONGEST_SECONDS + 1:
        return None
    return Fault(kind, program, float(until))


async def make_requested(folder: DataFolder, supervisor: Supervisor, console: Console) -> None:
    """Make the faults that are requested, until cancelled."""
    end(folder)  # of a run that was killed
    while True:
        await asyncio.sleep(_POLL_SECONDS)
        fault = requested(folder)
        if fault is not None and supervisor.runs(fault.program):
            await _make(fault, folder, supervisor, console)


async def _make(fault: Fault, folder: DataFolder, supervisor: Supervisor, console: Console) -> None:
    console.notice(f"A fault begins: {fault} for {fault.until - time.time():.0f} s.")
    next_kill = 0.0
    try:
        if fault.kind == "gone":
            supervisor.hold(fault.program)
        while requested(folder) == fault:
            if fault.kind == "kill" and time.monotonic() >= next_kill:
                supervisor.crash(fault.program)
                next_kill = time.monotonic() + KILL_EVERY_SECONDS
            await asyncio.sleep(_POLL_SECONDS)
    finally:
        supervisor.release(fault.program)
        end(folder)
        console.notice(f"The fault is over: {fault.program} runs again.")
