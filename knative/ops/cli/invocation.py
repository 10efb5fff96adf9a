"""The shop's commands, written as the current one was invoked.

`noxfile.py` sets `BOOKSTORE_INVOKED_AS` where it was started without nox.
"""

import os
from collections.abc import Mapping

VARIABLE = "BOOKSTORE_INVOKED_AS"


def command(task: str, environ: Mapping[str, str] = os.environ) -> str:
    """What to type for a task, such as `platform -- --check`."""
    return f"{environ.get(VARIABLE) or 'nox'} -s {task}"
