"""The command in a process that kills itself at one of the statements for its databases.

`BOOKSTORE_KILL_AT` is the number of that statement, from 1; with `BOOKSTORE_KILL_WHEN=sent` it is
on its way by then, with `ready` it is not. With `never` the process lives: it writes `waiting`
before that statement, and goes on after a line of its input. At its end, a process that was not
killed writes how many statements there were.
"""

import asyncio
import itertools
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import aiosqlite

from functions.adoption import __main__
from functions.kit.mysql.connection import Connection

KILL_AT = int(os.environ["BOOKSTORE_KILL_AT"])
WHEN = os.environ["BOOKSTORE_KILL_WHEN"]

_numbers = itertools.count(1)


def _counted(send: Callable[..., Any]) -> Callable[..., Any]:
    """A function that sends one statement, and kills the process at the chosen one."""

    def counted(*arguments: Any, **named: Any) -> Any:
        if next(_numbers) != KILL_AT:
            return send(*arguments, **named)
        if WHEN == "never":
            print("waiting", flush=True)
            sys.stdin.readline()
            return send(*arguments, **named)
        if WHEN == "sent":
            sent = send(*arguments, **named)
            if asyncio.iscoroutine(sent):  # SQLite's runs in a thread, as far as it comes
                return _killed_meanwhile(asyncio.ensure_future(sent))
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("still alive")

    return counted


async def _killed_meanwhile(_: "asyncio.Future[Any]") -> None:
    await asyncio.sleep(0)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    Connection._begin = _counted(Connection._begin)  # type: ignore[method-assign]
    aiosqlite.Connection._execute = _counted(aiosqlite.Connection._execute)  # type: ignore[method-assign]
    code = __main__.main()
    print(f"statements: {next(_numbers) - 1}")
    sys.exit(code)
