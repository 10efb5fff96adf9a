"""A connection to RabbitMQ that reconnects without limit.

Its users get the open channel, or StoreError at once when there is none. aio-pika's own robust
connection is not used: deliveries that a consumer holds have to be discarded with the channel that
they came on. Next file: `store`.
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

from functions.kit.base.background import StoppableTask, stop_requested
from functions.local.broker.errors import StoreError
from functions.local.broker.rabbitmq.topology import Server

logger = logging.getLogger(__name__)

# The errors of a lost connection. aio-pika raises RuntimeError when one is not open.
FAILURES = (AMQPError, OSError, TimeoutError, RuntimeError)
# Errors that another attempt would not change.
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
"""Without traffic for twice as long, the connection counts as lost."""

Prepare = Callable[[AbstractChannel, Server], Awaitable[None]]


class Refused(StoreError):
    """The server can be reached and refuses the connection or a declaration."""


def name_of(url: str) -> str:
    """Host, port and virtual host, without credentials."""
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


class ReconnectingConnection:
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
        self._reconnecting: StoppableTask | None = None

    async def open(self) -> None:
        """Raises Refused. A server that cannot be reached is waited for in the background."""
        try:
            await self._connect()
        except Refused:
            raise
        except StoreError as error:
            logger.warning("%s; retrying", error)
        self._reconnecting = StoppableTask(self._reconnect(), name="reconnecting to RabbitMQ")

    @property
    def channel(self) -> AbstractChannel:
        """The open channel. Raises StoreError when there is none."""
        if self._channel is None or self._lost.is_set():
            raise StoreError(f"RabbitMQ on {name_of(self._url)} cannot be reached")
        return self._channel

    @property
    def connection(self) -> AbstractConnection:
        """The connection of `channel`. Raises StoreError when there is none."""
        if self._connection is None or self._lost.is_set():
            raise StoreError(f"RabbitMQ on {name_of(self._url)} cannot be reached")
        return self._connection

    def renew(self) -> None:
        """Reconnects, and prepares the new channel."""
        self._lost.set()

    async def close(self) -> None:
        if self._reconnecting is not None:
            await asyncio.gather(self._reconnecting.stop(), return_exceptions=True)
        await self._disconnect()

    async def _reconnect(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while not stop_requested():
            if self._channel is not None:
                await self._lost.wait()
                logger.warning(
                    "the connection to RabbitMQ is lost (%s); reconnecting", self._purpose
                )
                await self._disconnect()
                pause = _FIRST_PAUSE_SECONDS
            try:
                await self._connect()
            except StoreError as error:
                level = logging.INFO if pause == _FIRST_PAUSE_SECONDS else logging.DEBUG
                logger.log(level, "%s (%s); retrying", error, self._purpose)
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
            else:
                logger.info("connected to RabbitMQ (%s)", self._purpose)

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
                # The server cancels a consumer when its queue is deleted.
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
        # aiormq's error when the server closes the connection at the choice of the virtual host.
        reason = "the virtual host does not exist, or this user has no access to it"
    if isinstance(error, ChannelPreconditionFailed):
        reason = (
            f"an exchange or queue of that name exists with other arguments ({reason}); delete it, "
            "or use another virtual host"
        )
    return Refused(f"RabbitMQ on {name} refuses: {reason}")
