"""The commands of the shop as the person who reads them typed the last one.

`python3 noxfile.py -s dev` without nox, `nox -s dev` with it: noxfile.py says which it was.
"""

import os
from collections.abc import Mapping

VARIABLE = "BOOKSTORE_INVOKED_AS"


def command(task: str, environ: Mapping[str, str] = os.environ) -> str:
    """What to type for a task, such as `dev -- --fresh`."""
    return f"{environ.get(VARIABLE) or 'nox'} -s {task}"
