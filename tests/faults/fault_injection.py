"""A service or the broker in a process of its own, with a fault injected from outside.

    python -m tests.faults.fault_injection purchase --port 5002
    python -m tests.faults.fault_injection broker ARGUMENTS OF functions.local.broker
    python -m tests.faults.fault_injection audit

What is shipped knows nothing of this: the functions at which a process ends are wrapped here, in
the child, before the service is made. `harness.py` starts it.
"""

import argparse
import asyncio
import importlib
import os
import random
import signal
import sys
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from datetime import datetime, timedelta
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import Any

import uvicorn

from functions.kit.base.clock import utc_now
from functions.kit.data import sqlite
from functions.kit.events import inbox, lease, relay
from functions.kit.events.outbox import Outbox
from functions.kit.mysql import transaction as mysql

KILL = "FAULT_KILL"
"""`point:n`: kill -9 of the own process at the n-th pass of a point."""
CLOCK = "FAULT_CLOCK"
"""A file with the seconds that this process's clock is wrong by, read at each call."""
LEASE = "FAULT_LEASE"
"""Seconds of the relay's lease. Short, because the others wait for the lease of a killed relay."""
REFUSE = "FAULT_REFUSE"
"""`statuses:share:seed`: `POST /events` refuses a share of the events with one of the statuses."""
LOSE = "FAULT_LOSE"
"""`share:seed`: the broker answers 202 to a share of the events, and drops them."""
PROVIDER = "FAULT_PROVIDER"
"""A file that steers purchase's payment provider (`provider.py`)."""


class Point(StrEnum):
    """Where a process can be made to end."""

    BEFORE_COMMIT = "before-commit"
    """Of a transaction that tells something; nothing of it may be there."""
    AFTER_COMMIT = "after-commit"
    """Before the answer, and before the relay was woken."""
    AFTER_202 = "after-202"
    """The broker has the event, and the relay does not know."""
    BEFORE_MARK = "before-mark"
    """A whole batch was sent, and is about to be marked."""
    BEFORE_INBOX_COMMIT = "before-inbox-commit"
    AFTER_INBOX_COMMIT = "after-inbox-commit"
    """Before the 202: the event comes again."""
    BEFORE_BINDING = "before-binding"
    """Before the commit that binds a key to its payment: step (a) of `commands/payments.py`."""
    AFTER_BINDING = "after-binding"
    """Before the payment provider is asked."""
    CHARGED = "charged"
    """The payment provider has charged, and has not answered."""
    BEFORE_RECORDING = "before-recording"
    """Before the commit that records the provider's answer: step (c)."""
    AFTER_RECORDING = "after-recording"
    """Before the caller is answered."""


OWNERS_POINTS = tuple(Point)[:4]
READERS_POINTS = tuple(Point)[4:6]
PAYMENT_POINTS = tuple(Point)[6:]

_COMMITS = {
    "outbox": (Point.BEFORE_COMMIT, Point.AFTER_COMMIT),
    "inbox": (Point.BEFORE_INBOX_COMMIT, Point.AFTER_INBOX_COMMIT),
    "new payment": (Point.BEFORE_BINDING, Point.AFTER_BINDING),
    "payment": (Point.BEFORE_RECORDING, Point.AFTER_RECORDING),
}
"""What a transaction has written → the points before and after its commit."""

_written: ContextVar[frozenset[str]] = ContextVar("written", default=frozenset())


class _Trap:
    """Ends this process at the n-th pass."""

    def __init__(self, point: Point, passes: int) -> None:
        self.point = point
        self.left = passes

    def at(self, point: Point) -> None:
        if point is self.point:
            self.left -= 1
            if self.left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)


def arm(text: str) -> None:
    """Wrap what has to be wrapped for `point:n`."""
    name, _, passes = text.partition(":")
    trap = _Trap(Point(name), int(passes))
    _watch_rows()
    for transaction in (sqlite.Transaction, mysql.Transaction):
        _watch_commits(transaction, trap)
    _watch_relay(trap)
    if trap.point in PAYMENT_POINTS:
        _watch_payments(trap)


def _watch_rows() -> None:
    """Know, at a commit, whether an event was written or taken in."""
    add, record = Outbox.add, inbox.record

    async def adding(self: Outbox, database: Any, *messages: Any) -> None:
        await add(self, database, *messages)
        _written.set(_written.get() | {"outbox"})

    async def remembering(*args: Any, **kwargs: Any) -> bool:
        new = await record(*args, **kwargs)
        if new:
            _written.set(_written.get() | {"inbox"})
        return new

    Outbox.add = adding  # type: ignore[method-assign]
    inbox.record = remembering


def _watch_commits(transaction: Any, trap: _Trap) -> None:
    enter, leave = transaction.__aenter__, transaction.__aexit__

    async def entering(self: Any) -> Any:
        outer = await enter(self)
        if outer is self:
            _written.set(frozenset())
        return outer

    async def leaving(self: Any, kind: Any, error: Any, traceback: Any) -> bool:
        joined = getattr(self, "_parent", None) is not None or getattr(self, "_joined", False)
        written = frozenset() if joined or error is not None else _written.get()
        points = [_COMMITS[what] for what in sorted(written)]
        for before, _ in points:
            trap.at(before)
        ended: bool = await leave(self, kind, error, traceback)
        for _, after in points:
            trap.at(after)
        return ended

    transaction.__aenter__ = entering
    transaction.__aexit__ = leaving


def _watch_payments(trap: _Trap) -> None:
    """Know, at a commit, whether a payment was written, and when the provider has charged."""
    from functions.purchase import storage
    from functions.purchase.simulated_provider import SimulatedProvider
    from functions.purchase.storage import payments

    def following(place: Any, name: str, after: Callable[[], object]) -> None:
        call = getattr(place, name)

        @wraps(call)
        async def followed(*args: Any) -> Any:
            answer = await call(*args)
            after()
            return answer

        setattr(place, name, followed)

    following(storage, "insert_payment", lambda: _written.set(_written.get() | {"new payment"}))
    # Commands call it in the package, and `storage.store` in its module.
    for place in (storage, payments):
        following(place, "update_payment", lambda: _written.set(_written.get() | {"payment"}))
    following(SimulatedProvider, "capture", lambda: trap.at(Point.CHARGED))


def _watch_relay(trap: _Trap) -> None:
    post, mark_sent = relay.Relay._post, relay.Relay._mark_sent

    async def post_and_trap(self: relay.Relay, row: Any) -> bool:
        taken = await post(self, row)
        if taken:
            trap.at(Point.AFTER_202)
        return taken

    async def trap_and_mark(self: relay.Relay, sent: Any, *, release: bool) -> None:
        if sent:
            trap.at(Point.BEFORE_MARK)
        await mark_sent(self, sent, release=release)

    relay.Relay._post = post_and_trap  # type: ignore[method-assign]
    relay.Relay._mark_sent = trap_and_mark  # type: ignore[method-assign]


def clock_of(file: str) -> Callable[[], datetime]:
    """A clock that is wrong by the seconds in the file."""
    path = Path(file)

    def now() -> datetime:
        return utc_now() + timedelta(seconds=float(path.read_text("utf-8")))

    return now


def lossy(text: str) -> None:
    """Make the broker lose events that it has confirmed."""
    from functions.local.broker.core import Broker

    share, _, seed = text.partition(":")
    chance = random.Random(int(seed))
    publish: Callable[..., Awaitable[None]] = Broker.publish

    @wraps(publish)
    async def publishing(self: Broker, event: Any) -> None:
        if chance.random() >= float(share):
            await publish(self, event)

    Broker.publish = publishing  # type: ignore[method-assign]


def refusing(app: Any, text: str) -> Any:
    """The app behind a filter that refuses a share of the events and dead letters."""
    statuses, share, seed = text.split(":")
    chance = random.Random(int(seed))
    answers = [int(status) for status in statuses.split(",")]

    async def filtered(scope: Any, receive: Any, send: Any) -> None:
        has_sequence = any(name == b"ce-sequence" for name, _ in scope.get("headers", ()))
        if not has_sequence or chance.random() >= float(share):
            await app(scope, receive, send)
            return
        while (await receive()).get("more_body"):
            pass
        status = chance.choice(answers)
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body"})

    return filtered


def serve(name: str, port: int) -> None:
    """The service, as uvicorn runs it anywhere else."""
    create_app = importlib.import_module(f"functions.{name}.app").create_app
    given: dict[str, Any] = {}
    if CLOCK in os.environ:
        given["clock"] = clock_of(os.environ[CLOCK])
    if name == "purchase" and PROVIDER in os.environ:
        from tests.faults.provider import hasty, steered

        hasty()
        given["payment_provider"] = steered(Path(os.environ[PROVIDER]))
    refused = os.environ.get(REFUSE)
    config = uvicorn.Config(
        lambda: refusing(create_app(**given), refused) if refused else create_app(**given),
        factory=True,
        host="127.0.0.1",
        port=port,
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=5,
    )
    asyncio.run(uvicorn.Server(config).serve())


def main(arguments: list[str]) -> int:
    if LEASE in os.environ:
        lease.LEASE = timedelta(seconds=float(os.environ[LEASE]))
        relay.SEND_TIMEOUT = float(os.environ[LEASE]) / 2
    if KILL in os.environ:
        arm(os.environ[KILL])
    if arguments[0] == "audit":
        from functions.purchase import audit

        vars(audit)["utc_now"] = clock_of(os.environ[CLOCK])
        return audit.main()
    if arguments[0] == "broker":
        from functions.local.broker.__main__ import main as run_broker

        if LOSE in os.environ:
            lossy(os.environ[LOSE])
        return run_broker(arguments[1:])
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args(arguments)
    serve(options.name, options.port)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
