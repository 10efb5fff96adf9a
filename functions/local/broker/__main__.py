"""`python -m functions.local.broker`: the broker as a process of its own."""

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import uvicorn

from functions.local.broker.app import App
from functions.local.broker.arguments import seconds
from functions.local.broker.core import Broker
from functions.local.broker.errors import BrokerError
from functions.local.broker.flaws import ALL_FLAWS, NO_FLAWS, Flaw, parse_flaws
from functions.local.broker.manifests import Manifests, load_manifests
from functions.local.broker.pings import run_pings
from functions.local.broker.rabbitmq.store import RabbitMQStore
from functions.local.broker.rabbitmq.topology import Topology
from functions.local.broker.sqlite_store import SqliteStore
from functions.local.broker.store import Store

RABBITMQ_URL = "BROKER_RABBITMQ_URL"

# Below the 5 s after which uvicorn hangs up on an idle connection: a request must not
# meet a connection that the subscriber closes at that very moment.
_LIMITS = httpx.Limits(max_connections=None, keepalive_expiry=2.0)


def main(arguments: list[str] | None = None) -> int:
    options = _parse(arguments)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    # Tracebacks of each try to connect; the store says the same in a line.
    logging.getLogger("aiormq").setLevel(logging.CRITICAL)
    logging.getLogger("aio_pika").setLevel(logging.CRITICAL)
    try:
        manifests = load_manifests(options.manifests, dict(options.resolve))
        if not manifests.triggers:
            raise BrokerError(f"{options.manifests} holds no Trigger: every event would be lost")
        asyncio.run(_check_store(manifests, options))
    except BrokerError as error:
        print(f"broker: {error}", file=sys.stderr)
        return 2
    # uvicorn ends by raising the signal again that ended it; the end was asked for, so 0.
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


async def _check_store(manifests: Manifests, options: argparse.Namespace) -> None:
    """Before uvicorn starts, whose traceback would hide the sentence."""
    store = await _open_store(manifests, options)
    await store.close()


async def _open_store(manifests: Manifests, options: argparse.Namespace) -> Store:
    if options.store is not None:
        return await SqliteStore.open(options.store)
    topology = Topology.of(manifests.triggers)
    return await RabbitMQStore.open(options.rabbitmq, topology, options.flaws)


@asynccontextmanager
async def _running(manifests: Manifests, options: argparse.Namespace) -> AsyncIterator[Broker]:
    store = await _open_store(manifests, options)
    # trust_env off: a proxy of the surroundings has no business between two local processes.
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
            run_pings(manifests.ping_sources, client, every=options.poke_every)
        )
        logging.getLogger(__name__).info(
            "broker on http://%s:%s with the Triggers %s",
            options.host,
            options.port,
            ", ".join(trigger.name for trigger in manifests.triggers),
        )
        for flaw in options.flaws:
            logging.getLogger(__name__).warning("it behaves like Knative's: %s", flaw.value)
        try:
            yield broker
        finally:
            pings.cancel()
            with suppress(asyncio.CancelledError):
                await pings
            await broker.stop()


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = _parser()
    options = parser.parse_args(arguments)
    if (options.store is None) == (options.rabbitmq is None):
        parser.error("one of --store FILE and --rabbitmq URL says where events wait")
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m functions.local.broker", description=(__doc__ or "").partition(":")[2]
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5009)
    parser.add_argument("--store", type=Path, metavar="FILE", help="SQLite; made if missing")
    parser.add_argument(
        "--rabbitmq",
        default=os.environ.get(RABBITMQ_URL) or None,
        metavar="URL",
        help=f"amqp://user:password@host:port/vhost instead of --store (or {RABBITMQ_URL}, which "
        "others on this machine cannot see)",
    )
    parser.add_argument("--manifests", type=Path, default=Path("eventing"), help="folder")
    parser.add_argument(
        "--resolve",
        type=_resolution,
        action="append",
        default=[],
        metavar="SERVICE=URL",
        help="where a Knative Service is on this machine (repeatable)",
    )
    parser.add_argument(
        "--parallelism",
        type=_at_least_one,
        default=1,
        help="events under way per Trigger without the annotation; 1, as in Knative, keeps order",
    )
    parser.add_argument(
        "--poke-every",
        type=seconds,
        metavar="SECONDS",
        help="fire the PingSources so often, whatever their schedule",
    )
    parser.add_argument(
        "--behave-like-knative",
        dest="flaws",
        type=_flaws,
        nargs="?",
        const=ALL_FLAWS,
        default=NO_FLAWS,
        metavar="FLAW,...",
        help="for tests: lose events and hold them up as Knative's RabbitMQ broker is known to; "
        "all of " + ", ".join(flaw.value for flaw in Flaw),
    )
    return parser


def _resolution(text: str) -> tuple[str, str]:
    name, _, url = text.partition("=")
    if not name or not url.startswith(("http://", "https://")):
        raise argparse.ArgumentTypeError(f"{text!r} is not SERVICE=http://...")
    return name, url


def _flaws(text: str) -> frozenset[Flaw]:
    try:
        return parse_flaws(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _at_least_one(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
