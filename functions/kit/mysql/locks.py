"""Advisory locks: named locks, each held by one connection at a time.

MySQL's GET_LOCK belongs to a connection, so each lock has its own connection, outside the pool:
otherwise a pool of one connection could not run the block's statements. Lock names are shared by
all databases of a server, so they begin with the database's name.
"""

import hashlib
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from functions.kit.mysql.errors import ConnectionLost, DatabaseError, LockNotAcquired
from functions.kit.mysql.literals import literal

if TYPE_CHECKING:
    from functions.kit.mysql.pool import Pool

_LONGEST = 64
_WAIT_TIMEOUT = 86_400
"""Seconds after which the server closes the idle connection; longer than any migration."""


def lock_name(database: str | None, name: str) -> str:
    """The lock's name on the server: with the database's name, and within MySQL's limit."""
    full = f"{database or ''}.{name}"
    if len(full) <= _LONGEST:
        return full
    return hashlib.sha256(full.encode()).hexdigest()


@asynccontextmanager
async def advisory_lock(pool: "Pool", name: str, wait: float) -> AsyncIterator[None]:
    """Hold a lock. Raises `LockNotAcquired` after `wait` seconds, rounded up.

    Raises `ConnectionLost` at the end of the block if the connection, and so the lock, was lost.
    """
    full = literal(lock_name(pool.options.database, name))
    connection = await pool.connect()
    try:
        seconds = max(0, math.ceil(wait))
        await connection.run(f"SET SESSION wait_timeout = {_WAIT_TIMEOUT}")
        answer = await connection.run_within(
            seconds + pool.options.connect_timeout, f"SELECT GET_LOCK({full}, {seconds}) AS held"
        )
        if answer.rows[0]["held"] != 1:
            raise LockNotAcquired(f"the lock {name!r} was held by another for {seconds} s")
        yield
        try:
            answer = await connection.run(f"SELECT RELEASE_LOCK({full}) AS held")
        except DatabaseError as error:
            raise ConnectionLost(f"the connection that held the lock {name!r} was lost") from error
        if answer.rows[0]["held"] != 1:
            raise ConnectionLost(f"the lock {name!r} was lost while it was held")
    finally:
        pool.discard(connection)
