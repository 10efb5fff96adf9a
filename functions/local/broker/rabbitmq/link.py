"""A connection to RabbitMQ that comes back, for ever, and says when it is not there.

Whoever uses it gets the channel that is open now, or StoreError at once: nothing waits here for a
server that may not return. aio-pika has a connection that restores itself; this one is plain, since
what a consumer holds must be forgotten with the channel it came on. Next file: `store`.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from urllib.parse import unquote, urlsplit

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import (
    AMQPError,
    AuthenticationError,
    ChannelPreconditionFailed,
    InvalidFrameError,
    ProbableAuthenticationError,
)

from functions.local.broker.errors import StoreError
from functions.local.broker.rabbitmq.topology import Server

logger = logging.getLogger(__name__)

# What a lost server looks like from here. RuntimeError is aio-pika's word for "not open".
FAILURES = (AMQPError, OSError, TimeoutError, RuntimeError)
# A server that answers like this will not change its mind by being asked again.
_REFUSALS = (
    AuthenticationError,
    ChannelPreconditionFailed,
    InvalidFrameError,
    ProbableAuthenticationError,
)

_OPENING_SECONDS = 15.0
_CLOSING_SECONDS = 3.0
_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 2.0
_HEARTBEAT_SECONDS = 10
"""A server that says nothing for twice as long is taken for dead."""

Prepare = Callable[[AbstractChannel, Server], Awaitable[None]]


class Refused(StoreError):
    """The server is there, and does not want us, or not like this."""


def name_of(url: str) -> str:
    """The server and its virtual host, as they can be shown."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or 5672}/{unquote(parts.path[1:]) or '/'}"


async def connect(url: str, purpose: str) -> AbstractConnection:
    """Raises Refused, or StoreError when the server cannot be reached."""
    try:
        return await aio_pika.connect(
            url,
            timeout=_OPENING_SECONDS,
            heartbeat=_HEARTBEAT_SECONDS,
            client_properties={"connection_name": f"bookstore broker, {purpose}"},
        )
    except FAILURES as error:
        raise _explained(url, error) from error


class Link:
    def __init__(
        self, url: str, purpose: str, prepare: Prepare, on_loss: Callable[[], None]
    ) -> None:
        self._url = url
        self._purpose = purpose
        self._prepare = prepare
        self._on_loss = on_loss
        self._connection: AbstractConnection | None = None
        self._channel: AbstractChannel | None = None
        self._lost = asyncio.Event()
        self._keeping: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Raises Refused; a server that is only away may come later."""
        try:
            await self._connect()
        except Refused:
            raise
        except StoreError as error:
            logger.warning("%s; trying again, for ever", error)
        self._keeping = asyncio.create_task(self._keep())

    @property
    def channel(self) -> AbstractChannel:
        """The one that is open now. Raises StoreError when there is none."""
        if self._channel is None or self._lost.is_set():
            raise StoreError(f"RabbitMQ on {name_of(self._url)} cannot be reached")
        return self._channel

    @property
    def connection(self) -> AbstractConnection:
        """The one that `channel` is of."""
        if self._connection is None or self._lost.is_set():
            raise StoreError(f"RabbitMQ on {name_of(self._url)} cannot be reached")
        return self._connection

    def renew(self) -> None:
        """Connect anew, and have everything prepared anew."""
        self._lost.set()

    async def close(self) -> None:
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        await self._disconnect()

    async def _keep(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while True:
            if self._channel is not None:
                await self._lost.wait()
                logger.warning("RabbitMQ is lost (%s); connecting again", self._purpose)
                await self._disconnect()
                pause = _FIRST_PAUSE_SECONDS
            try:
                await self._connect()
            except StoreError as error:
                level = logging.INFO if pause == _FIRST_PAUSE_SECONDS else logging.DEBUG
                logger.log(level, "%s (%s); trying again, for ever", error, self._purpose)
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
            else:
                logger.info("RabbitMQ is there (%s)", self._purpose)

    async def _connect(self) -> None:
        connection = await connect(self._url, self._purpose)
        self._lost = lost = asyncio.Event()
        self._connection = connection
        try:
            async with asyncio.timeout(_OPENING_SECONDS):
                channel = await connection.channel(on_return_raises=True)
                connection.close_callbacks.add(lambda *_: lost.set())
                channel.close_callbacks.add(lambda *_: lost.set())
                underlay = await channel.get_underlay_channel()
                # So the server tells that a queue is gone that is consumed from.
                underlay.on_consumer_cancel_callbacks.add(lambda _: lost.set())
                await self._prepare(channel, _server(connection))
        except FAILURES as error:
            await self._disconnect()
            raise _explained(self._url, error) from error
        except BaseException:
            await self._disconnect()
            raise
        self._channel = channel

    async def _disconnect(self) -> None:
        connection, self._connection, self._channel = self._connection, None, None
        self._on_loss()
        if connection is not None:
            with suppress(*FAILURES):
                async with asyncio.timeout(_CLOSING_SECONDS):
                    await connection.close()


def _server(connection: AbstractConnection) -> Server:
    transport = connection.transport
    return Server.of(transport.connection.server_properties if transport is not None else {})


def _explained(url: str, error: Exception) -> StoreError:
    name, reason = name_of(url), str(error) or type(error).__name__
    if not isinstance(error, _REFUSALS):
        return StoreError(f"RabbitMQ on {name} cannot be reached: {reason}")
    if isinstance(error, InvalidFrameError):
        # aiormq's way to say that opening the virtual host was answered with a close.
        reason = "there is no such virtual host, or not for this user"
    if isinstance(error, ChannelPreconditionFailed):
        reason = (
            f"it holds something of this name that was made otherwise ({reason}); delete it, or "
            "take another virtual host"
        )
    return Refused(f"RabbitMQ on {name} refuses: {reason}")
