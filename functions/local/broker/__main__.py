"""`python -m functions.local.broker`: the broker as a process of its own."""

import asyncio
import logging
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import httpx
import uvicorn
from cyclopts import Parameter
from cyclopts.validators import Number

from functions.local.broker.app import App
from functions.local.broker.command_line import Seconds, fail, parse
from functions.local.broker.core import Broker
from functions.local.broker.errors import BrokerError
from functions.local.broker.flaws import NO_FLAWS, Flaw, parse_flaws
from functions.local.broker.manifests import Manifests, load_manifests
from functions.local.broker.pings import run_pings
from functions.local.broker.rabbitmq.store import RabbitMQStore
from functions.local.broker.rabbitmq.topology import Topology
from functions.local.broker.sqlite_store import SqliteStore
from functions.local.broker.store import Store

PROGRAM = "python -m functions.local.broker"
RABBITMQ_URL = "BROKER_RABBITMQ_URL"

# Idle connections end before uvicorn's 5 s: a request must not meet a connection that the
# subscriber is closing.
_LIMITS = httpx.Limits(max_connections=None, keepalive_expiry=2.0)


def _require_address(_: Any, value: str) -> None:
    name, _, url = value.partition("=")
    if not name or not url.startswith(("http://", "https://")):
        raise ValueError("Must be SERVICE=http://HOST:PORT.")


def _require_flaws(_: Any, value: str | None) -> None:
    parse_flaws(value or "all")


@dataclass(frozen=True, kw_only=True)
class BrokerOptions:
    host: str = "127.0.0.1"
    """Address to listen on."""
    port: Annotated[int, Parameter(validator=Number(gte=1, lte=65_535))] = 5009
    """Port to listen on."""
    store: Path | None = None
    """SQLite file of the events; created if missing."""
    rabbitmq: Annotated[str | None, Parameter(env_var=RABBITMQ_URL)] = None
    """RabbitMQ server of the events instead of --store, amqp://user:password@host:port/vhost. Other
    users of this machine can see options, but not the environment."""
    manifests: Annotated[tuple[Path, ...], Parameter(negative=())] = (Path("eventing"),)
    """Folder of the Triggers and PingSources; repeat it for several."""
    resolve: Annotated[
        tuple[Annotated[str, Parameter(validator=_require_address)], ...], Parameter(negative=())
    ] = ()
    """SERVICE=URL, the local address of a Knative Service; repeat it for each."""
    parallelism: Annotated[int, Parameter(validator=Number(gte=1))] = 1
    """Concurrent deliveries of a Trigger without the annotation; 1, as in Knative, keeps order."""
    ping_every: Seconds | None = None
    """Fire the PingSources every N seconds, whatever their schedules say."""
    behave_like_knative: Annotated[str | None, Parameter(validator=_require_flaws)] = None
    """For tests: `all`, or a list with commas of the ways in which Knative's RabbitMQ broker loses
    and delays events."""

    @property
    def addresses(self) -> dict[str, str]:
        return {name: url for name, _, url in (each.partition("=") for each in self.resolve)}

    @property
    def flaws(self) -> frozenset[Flaw]:
        return parse_flaws(self.behave_like_knative) if self.behave_like_knative else NO_FLAWS


def main(arguments: list[str] | None = None) -> int:
    summary = "A broker for one machine that delivers events as Knative's Triggers say."
    options = parse(BrokerOptions, PROGRAM, summary, arguments)
    if (options.store is None) == (options.rabbitmq is None):
        fail(PROGRAM, "Give one of --store FILE and --rabbitmq URL: the place of the events.")
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    # They log a traceback for each attempt to connect; the store logs one line.
    logging.getLogger("aiormq").setLevel(logging.CRITICAL)
    logging.getLogger("aio_pika").setLevel(logging.CRITICAL)
    try:
        first, *more = options.manifests
        manifests = load_manifests(first, options.addresses, *more)
        if not manifests.triggers:
            raise BrokerError(f"{first} contains no Trigger: every event would be lost")
        asyncio.run(_check_store(manifests, options))
    except BrokerError as error:
        print(f"broker: {error}", file=sys.stderr)
        return 2
    # uvicorn re-raises the signal that stopped it; without this the exit code would not be 0.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    config = uvicorn.Config(
        App(_running(manifests, options)),
        host=options.host,
        port=options.port,
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=5,
    )
    server = uvicorn.Server(config)
    server.run()
    return 0 if server.started else 3


async def _check_store(manifests: Manifests, options: BrokerOptions) -> None:
    """Before uvicorn starts, which would print a traceback around the message."""
    store = await _open_store(manifests, options)
    await store.close()


async def _open_store(manifests: Manifests, options: BrokerOptions) -> Store:
    if options.store is not None:
        return await SqliteStore.open(options.store)
    topology = Topology.of(manifests.triggers)
    return await RabbitMQStore.open(options.rabbitmq or "", topology, options.flaws)


@asynccontextmanager
async def _running(manifests: Manifests, options: BrokerOptions) -> AsyncIterator[Broker]:
    store = await _open_store(manifests, options)
    # trust_env: requests between local processes must not go through a proxy.
    async with httpx.AsyncClient(limits=_LIMITS, timeout=None, trust_env=False) as client:  # noqa: S113 - each delivery has its deadline
        broker = Broker(
            manifests.triggers,
            store,
            client,
            parallelism=options.parallelism,
            flaws=options.flaws,
        )
        broker.start()
        pings = asyncio.create_task(
            run_pings(manifests.ping_sources, client, every=options.ping_every)
        )
        logging.getLogger(__name__).info(
            "broker on http://%s:%s with the Triggers %s",
            options.host,
            options.port,
            ", ".join(trigger.name for trigger in manifests.triggers),
        )
        for flaw in options.flaws:
            logging.getLogger(__name__).warning("behaves like Knative's broker: %s", flaw.value)
        try:
            yield broker
        finally:
            pings.cancel()
            with suppress(asyncio.CancelledError):
                await pings
            await broker.stop()


if __name__ == "__main__":
    sys.exit(main())
