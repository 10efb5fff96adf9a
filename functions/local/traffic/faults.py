"""Faults of the traffic: which there are, and the time in which they are on.

The runner makes `broker-gone` and `kill=SERVICE` (`functions/local/faults.py`), and ends them by
itself. `slow-provider` is made by the buyers: they pay with those test tokens of the simulated
payment provider that are answered late, or whose answer is lost.
"""

import asyncio
import time

from functions.local import faults
from functions.local.errors import LocalError
from functions.local.faults import LONGEST_SECONDS, PROGRAMS, Fault
from functions.local.tour import Shop

SLOW_PROVIDER, BROKER_GONE, KILL = "slow-provider", "broker-gone", "kill="


class PlannedFault:
    """A fault that is on in the middle third of a run."""

    def __init__(self, name: str | None, shop: Shop) -> None:
        """Raises LocalError for an unknown fault, and for one that this shop cannot have."""
        self.name = name
        self.on = False
        self._shop = shop
        self._program = program_of(name)
        if self._program is not None and shop.folder is None:
            raise LocalError(
                f"--fault {name} stops programs, and only a shop that `dev` runs on this machine"
                " can have it. Without addresses the traffic uses that one, or starts its own."
            )

    @property
    def slows_provider(self) -> bool:
        return self.on and self.name == SLOW_PROVIDER

    async def run(self, seconds: float) -> None:
        """Make the fault in the middle third of a run of this length."""
        if self.name is None:
            return
        third = min(seconds / 3, LONGEST_SECONDS)
        await asyncio.sleep((seconds - third) / 2)
        self.on = True
        try:
            if self._program is not None and self._shop.folder is not None:
                until = time.time() + third
                gone = self.name == BROKER_GONE
                fault = Fault("gone" if gone else "kill", self._program, until)
                faults.begin(self._shop.folder, fault)
            await asyncio.sleep(third)
        finally:
            self.on = False
            if self._program is not None and self._shop.folder is not None:
                faults.end(self._shop.folder)


def program_of(name: str | None) -> str | None:
    """The program that a fault stops; None where it stops none. Raises LocalError."""
    if name in {None, SLOW_PROVIDER}:
        return None
    if name == BROKER_GONE:
        return "broker"
    assert name is not None  # noqa: S101 - the first case
    program = name.removeprefix(KILL)
    if not name.startswith(KILL) or program not in PROGRAMS:
        raise LocalError(
            f"There is no fault {name}. There are: {SLOW_PROVIDER}, {BROKER_GONE}, and {KILL}NAME"
            f" with one of {', '.join(PROGRAMS)}."
        )
    return program
