"""What `python -m functions.SERVICE.rebuild` does: a projection anew from its owner's snapshot.

For when what is kept is not to be trusted: a hand in the database, a handler that had a bug. It is
the same way that a reader goes by itself when the owner was restored from a backup
(`catch_up.py`), so it may run beside the service, and be ended at any point.
"""

import asyncio
import logging
import os
import sys
from collections.abc import Callable, Mapping

import httpx

from functions.kit.catch_up import CatchUp, CatchUpFailed
from functions.kit.clock import utc_now
from functions.kit.database import connect
from functions.kit.subscriptions import Stream, Subscriptions
from functions.kit.telemetry import Metrics


async def rebuild(
    url: str, stream: Stream, subscriptions: Subscriptions, owners: Mapping[str, str]
) -> int:
    """Take the snapshot of a stream; answers how many states it had.

    Raises `CatchUpFailed` when the owner cannot be read.
    """
    database = connect(url)
    try:
        async with httpx.AsyncClient() as http:
            reader = CatchUp(
                database, subscriptions, owners, clock=utc_now, metrics=Metrics(), http=http
            )
            return await reader.restore(stream)
    finally:
        await database.close()


Prepared = tuple[str, Subscriptions, Mapping[str, str]]
"""The database's URL, what the service consumes, and where the owners are."""


def main(service: str, stream: Stream, prepare: Callable[[], Prepared]) -> int:
    """Answers the exit code. `prepare` reads the settings, so that what is wrong is said."""
    logging.basicConfig(level=os.environ.get("LOG_LEVEL", "ERROR"), format="%(message)s")
    try:
        url, subscriptions, owners = prepare()
        count = asyncio.run(rebuild(url, stream, subscriptions, owners))
    except CatchUpFailed as error:
        print(f"{service}: nothing was rebuilt: {error}", file=sys.stderr)
        return 1
    except Exception as error:  # noqa: BLE001 - an operator reads a sentence
        print(f"{service}: the database cannot be used: {error}", file=sys.stderr)
        return 2
    print(f"{service}: {stream.name} was rebuilt from {count} states of {stream.owner}")
    return 0
