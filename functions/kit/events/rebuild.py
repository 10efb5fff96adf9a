"""`python -m functions.SERVICE.rebuild`: replaces a projection by its owner's snapshot.

For a projection that may be wrong, after a manual change in the database or a bug in a handler. It
uses `CatchUp.restore`, which a running service also uses after its owner was restored from a
backup. So it may run while the service is running, and may be interrupted at any point.
"""

import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

import httpx

from functions.kit.base.clock import utc_now
from functions.kit.base.metrics import Metrics
from functions.kit.base.output import keep_running_unread
from functions.kit.base.settings import Secret
from functions.kit.data.engines import connect_existing
from functions.kit.events.catch_up import CatchUp
from functions.kit.events.feed_client import CatchUpFailed
from functions.kit.events.internal_secret import InternalSecret
from functions.kit.events.subscriptions import Stream, Subscriptions


class Prepared(NamedTuple):
    """The configuration of a rebuild, from the service's settings."""

    url: str
    """The database URL."""
    subscriptions: Subscriptions
    owners: Mapping[str, str]
    """Base URLs of the owners' internal APIs."""
    secret: Secret = Secret("")
    """`INTERNAL_SECRET`, which the owners' feeds may require."""


@asynccontextmanager
async def _reader(prepared: Prepared) -> AsyncIterator[CatchUp]:
    database = connect_existing(prepared.url)
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
    """Restore a stream's projection from its snapshot; returns the number of its states.

    Raises `CatchUpFailed` if the owner cannot be read.
    """
    async with _reader(prepared) as reader:
        return await reader.restore(stream)


async def difference(prepared: Prepared, stream: Stream) -> str | None:
    """How a projection differs from its owner's state, after catching up; None if it does not.

    Raises `CatchUpFailed` if the owner cannot be read.
    """
    async with _reader(prepared) as reader:
        await reader.read(stream)
        return await reader.difference(stream)


def main(service: str, streams: Sequence[Stream], prepare: Callable[[], Prepared]) -> int:
    """Run the command for each of the streams; returns its exit code.

    `prepare` reads the settings, so that invalid settings are reported like other errors.
    """
    keep_running_unread()
    logging.basicConfig(level=os.environ.get("LOG_LEVEL", "ERROR"), format="%(message)s")
    for stream in streams:
        try:
            count = asyncio.run(rebuild(prepare(), stream))
        except CatchUpFailed as error:
            print(f"{service}: {stream.name}: nothing was rebuilt: {error}", file=sys.stderr)
            return 1
        except Exception as error:  # noqa: BLE001 - an operator reads a sentence
            print(f"{service}: the database cannot be used: {error}", file=sys.stderr)
            return 2
        print(f"{service}: {stream.name} was rebuilt from {count} states of {stream.owner}")
    return 0
