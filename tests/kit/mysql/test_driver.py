"""The driver works for each user of the system; every test runs it in a new process."""

import json
import subprocess
import sys

import pytest

from tests.servers.mysql import Server
from tests.support.processes import ROOT
from tests.support.users import as_user, has_name

UNNAMED = 10001

WHO_ASKS = """
import json, sys

asked = []

def look(frame, event, callee):
    if event == "c_call" and callee.__name__ in ("getlogin", "getpwnam", "getpwuid"):
        while frame is not None:
            asked.append(frame.f_globals["__name__"])
            frame = frame.f_back

sys.setprofile(look)
import functions.kit.mysql.connection
sys.setprofile(None)
print(json.dumps([name for name in asked if name.startswith("aiomysql")]))
"""

CONNECT = """
import asyncio, sys
from functions.kit.mysql import MySQLEngine

async def main():
    engine = MySQLEngine(sys.argv[1])
    await engine.ping()
    await engine.close()

asyncio.run(main())
"""


def test_aiomysql_does_not_ask_the_system_who_runs_it() -> None:
    """What it does with the answer fails on Python 3.13 alone; the question shows on any."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", WHO_ASKS], cwd=ROOT, env={}, capture_output=True, check=True
    )

    assert json.loads(done.stdout) == []


def test_the_import_leaves_getuser_as_it_was() -> None:
    """`getpass.getuser` is the same function before and after the driver is imported."""
    script = "import getpass; was = getpass.getuser; import functions.kit.mysql.connection; "
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", script + "assert getpass.getuser is was"], cwd=ROOT, check=False
    )

    assert done.returncode == 0


def test_a_user_without_a_name_connects(server: Server, url: str) -> None:
    """A process whose user id has no account, as in many containers, can connect."""
    user = as_user(UNNAMED)
    if user is None or has_name(UNNAMED):
        pytest.skip("only root may run a process as a user that the system has no name for")
    done = subprocess.run(  # noqa: S603
        [*user, sys.executable, "-c", CONNECT, url], cwd=ROOT, env={}, check=False
    )

    assert done.returncode == 0
