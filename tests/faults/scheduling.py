"""Which tests of a run with several processes go to one of them.

A shop takes longer to start than most tests take on it. So all that run on one shop go to one
process, whatever their files, and each kind of shop is started once a run. Next file:
`conftest.py`.
"""

import re

from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

_ON_A_SHOP = re.compile(r"tests/faults/.*\[(sqlite|mariadb|mysql)\b")


class ByShop(LoadFileScheduling):  # type: ignore[misc]
    """By file, as `--dist loadfile` says, but tests/faults by the shop in their parameters."""

    def _split_scope(self, nodeid: str) -> str:
        on = _ON_A_SHOP.match(nodeid)
        return f"tests/faults[{on[1]}]" if on else str(super()._split_scope(nodeid))
