"""What `python -m functions.SERVICE.rebuild` does: a projection anew from its owner's snapshot.

For when what is kept is not to be trusted: a hand in the database, a handler that had a bug. It is
the same way that a reader goes by itself when the owner was restored from a backup
(`catch_up.py`), so it may run beside the service, and be ended at any point.
"""

import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple

import httpx

from functions.kit.base.clock import utc_now
from functions.kit.base.settings import Secret
from functions.kit.base.telemetry import Metrics
from functions.kit.data.engines import connect
from functions.kit.events.catch_up import CatchUp, CatchUpFailed
from functions.kit.events.internal_secret import InternalSecret
from functions.kit.events.subscriptions import Stream, Subscriptions


class Prepared(NamedTuple):
    """What the environment of a service says."""

    url: str
    """The database's."""
    subscriptions: Subscriptions
    """What the service consumes."""
    owners: Mapping[str, str]
    """Where the owners are."""
    secret: Secret = Secret("")
    """`INTERNAL_SECRET`, without which the owners may show nothing."""


@asynccontextmanager
async def _reader(prepared: Prepared) -> AsyncIterator[CatchUp]:
    database = connect(prepared.url)
    try:
        async with httpx.AsyncClient() as http:
            yield CatchUp(
                database,
                prepared.subscriptions,
                prepared.owners,
                clock=utc_now,
                metrics=Metrics(),
                http=http,
                secret=InternalSecret(prepared.secret),
            )
    finally:
        await database.close()


async def rebuild(prepared: Prepared, stream: Stream) -> int:
    """Take the snapshot of a stream; answers how many states it had.

    Raises `CatchUpFailed` when the owner cannot be read.
    """
    async with _reader(prepared) as reader:
        return await reader.restore(stream)


async def difference(prepared: Prepared, stream: Stream) -> str | None:
    """For an audit: in which way a projection differs from its owner; None where it does not.

    Raises `CatchUpFailed` when the owner cannot be read.
    """
    async with _reader(prepared) as reader:
        await reader.read(stream)
        return await reader.difference(stream)


def main(service: str, stream: Stream, prepare: Callable[[], Prepared]) -> int:
    """Answers the exit code. `prepare` reads the settings, so that what is wrong is said."""
    logging.basicConfig(level=os.environ.get("LOG_LEVEL", "ERROR"), format="%(message)s")
    try:
        count = asyncio.run(rebuild(prepare(), stream))
    except CatchUpFailed as error:
        print(f"{service}: nothing was rebuilt: {error}", file=sys.stderr)
        return 1
    except Exception as error:  # noqa: BLE001 - an operator reads a sentence
        print(f"{service}: the database cannot be used: {error}", file=sys.stderr)
        return 2
    print(f"{service}: {stream.name} was rebuilt from {count} states of {stream.owner}")
    return 0
