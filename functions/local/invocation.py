"""The commands of this project as the user typed the last one, for messages.

noxfile.py sets the variable: `python3 noxfile.py -s dev` without nox, `nox -s dev` with it.
"""

import os
from collections.abc import Mapping

VARIABLE = "BOOKSTORE_INVOKED_AS"


def command(task: str, environ: Mapping[str, str] = os.environ) -> str:
    """What to type for a task, such as `dev -- --fresh`."""
    return f"{environ.get(VARIABLE) or 'nox'} -s {task}"
