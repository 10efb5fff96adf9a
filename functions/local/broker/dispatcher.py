"""Delivers the events of one queue to its subscriber: claim, POST, settle.

An event that waits for its retry does not count as a delivery in progress (except with
`Flaw.RETRIES_IN_PLACE`), so that a poison event delays others only by the time of its own attempts.
While the subscriber cannot be reached, the dispatcher waits for it, as Knative's activator does,
and the attempts are not counted. Next file: `core`, which owns the dispatchers.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

import httpx

from functions.kit.base.background import wait_at_most
from functions.local.broker.errors import BrokerError
from functions.local.broker.flaws import NO_FLAWS, Flaw
from functions.local.broker.http_binding import with_extensions
from functions.local.broker.policy import DeliveryPolicy, ResponseClass, classify
from functions.local.broker.store import BinaryMessage, Delivery, Store

logger = logging.getLogger(__name__)

# As the prefetch of Knative's dispatcher.
_MAX_UNSETTLED = 100
_LONGEST_PAUSE_SECONDS = 1.0
_NO_RESPONSE = -1
# Knative's limit for the error text of a dead letter.
_MAX_ERROR_DATA = 1024

Reply = Callable[[httpx.Response], Awaitable[None]]


@dataclass(frozen=True)
class Route:
    queue: str
    target: str
    policy: DeliveryPolicy
    parallelism: int
    dead_letters: str | None
    """The queue for undeliverable events; without one they are lost."""
    of_dead_letters: bool = False


@dataclass(frozen=True)
class _Failure:
    code: int
    text: str
    retry_after: str | None = None


class _Unreachable(Exception):
    """The subscriber accepts no connection."""


class Dispatcher:
    def __init__(
        self,
        route: Route,
        store: Store,
        client: httpx.AsyncClient,
        *,
        on_reply: Reply,
        flaws: Collection[Flaw] = NO_FLAWS,
    ) -> None:
        self._route = route
        self._store = store
        self._client = client
        self._on_reply = on_reply
        self._flaws = flaws
        self._wake = asyncio.Event()
        self._sending = 0
        self._unsettled: set[asyncio.Task[None]] = set()
        self._unreachable_attempts = 0
        self._unreachable_until = 0.0

    def wake(self) -> None:
        self._wake.set()

    async def run(self) -> None:
        while True:
            self._wake.clear()
            pause = await self._start_deliveries()
            await wait_at_most(self._wake, pause)

    async def drain(self, grace: float) -> None:
        """Waits up to `grace` seconds for the deliveries in progress; the others stay queued."""
        if self._unsettled:
            _, late = await asyncio.wait(self._unsettled, timeout=grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _start_deliveries(self) -> float | None:
        """Seconds until the next call, unless woken before; None without a limit."""
        pause = self._unreachable_until - asyncio.get_running_loop().time()
        if pause > 0:
            return pause
        # One event suffices to find out whether the subscriber can be reached again.
        limit = 1 if self._unreachable_attempts else self._route.parallelism
        free = min(limit - self._sending, _MAX_UNSETTLED - len(self._unsettled))
        if free < 1:
            return None
        for delivery in await self._store.claim(self._route.queue, free):
            self._sending += 1
            task = asyncio.create_task(self._deliver(delivery))
            self._unsettled.add(task)
            task.add_done_callback(self._settled)
            free -= 1
        return await self._store.seconds_to_next(self._route.queue) if free else None

    def _settled(self, task: asyncio.Task[None]) -> None:
        self._unsettled.discard(task)
        self._wake.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error(
                "%s: an event is not delivered before a restart", self._route.queue, exc_info=error
            )

    async def _deliver(self, delivery: Delivery) -> None:
        try:
            failure = await self._post(delivery.message)
        except _Unreachable as error:
            if not (
                self._route.of_dead_letters and Flaw.ACKNOWLEDGES_EVERY_DEAD_LETTER in self._flaws
            ):
                self._store.release(delivery)
                self._pause(error)
                return
            failure = _Failure(_NO_RESPONSE, f"unreachable: {error}")
        except asyncio.CancelledError:
            if Flaw.LOSES_ON_SIGTERM in self._flaws:
                logger.warning(
                    "%s: %s IS LOST (delivery in progress)", delivery.queue, _named(delivery)
                )
                await self._store.drop(delivery)
            self._store.release(delivery)
            raise
        finally:
            # Settling waits for the disk; the next delivery may start meanwhile.
            self._sending -= 1
            self._wake.set()
        self._resume()
        try:
            if failure is None:
                await self._store.complete(delivery)
            else:
                await self._fail(delivery, failure)
        except BrokerError:
            logger.exception("%s: the result of a delivery cannot be stored", delivery.queue)
            # The event is sent again, after a pause, since a full disk stays full for a while.
            await asyncio.sleep(_LONGEST_PAUSE_SECONDS)
            self._store.release(delivery)

    async def _post(self, message: BinaryMessage) -> _Failure | None:
        route = self._route
        try:
            async with asyncio.timeout(route.policy.timeout):
                response = await self._client.post(
                    route.target, headers=dict(message.headers), content=message.body
                )
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise _Unreachable(str(error)) from error
        except TimeoutError:
            return _Failure(_NO_RESPONSE, f"no response within {route.policy.timeout:g} s")
        except httpx.HTTPError as error:
            return _Failure(_NO_RESPONSE, f"{type(error).__name__}: {error}")
        match classify(response.status_code):
            case ResponseClass.SUCCESS:
                try:
                    await self._on_reply(response)
                except BrokerError as error:
                    logger.warning("%s: the event in a response is invalid: %s", route.queue, error)
                return None
            case ResponseClass.REFUSED:
                logger.warning(
                    "%s: %s ANSWERED %s TO %s %s. Knative treats that as success: no retry, "
                    "no dead letter. Respond with 202 or 503. %s",
                    route.queue,
                    route.target,
                    response.status_code,
                    message.headers["ce-type"],
                    message.headers["ce-id"],
                    response.text[:200],
                )
                return None
            case ResponseClass.RETRYABLE:
                return _Failure(
                    response.status_code, response.text, response.headers.get("retry-after")
                )

    async def _fail(self, delivery: Delivery, failure: _Failure) -> None:
        route, attempts = self._route, delivery.attempts + 1
        event = _named(delivery)
        reason = f"{failure.code}, {failure.text[:120]}" if failure.code > 0 else failure.text
        if not route.policy.exhausted(attempts):
            wait = route.policy.wait(attempts, failure.retry_after)
            logger.info("%s: %s failed (%s), retry in %g s", route.queue, event, reason, wait)
            await self._retry(delivery, wait)
        elif route.dead_letters is not None:
            logger.warning("%s: %s is a dead letter (%s)", route.queue, event, reason)
            message = with_extensions(delivery.message, self._error_extensions(failure))
            if Flaw.ACKNOWLEDGES_BEFORE_DEAD_LETTER in self._flaws:
                await self._store.drop(delivery)
                await self._store.put([route.dead_letters], message)
            else:
                await self._store.move(delivery, route.dead_letters, message)
        else:
            logger.error("%s: %s IS LOST (%s)", route.queue, event, reason)
            await self._store.drop(delivery)

    async def _retry(self, delivery: Delivery, wait: float) -> None:
        in_place = Flaw.RETRIES_IN_PLACE in self._flaws
        if in_place:
            self._sending += 1  # no other delivery has started since it was subtracted
        try:
            await self._store.retry(delivery, wait)
        finally:
            if in_place:
                # The store's timer started earlier, so this event is available before others.
                asyncio.get_running_loop().call_later(wait, self._end_wait)

    def _end_wait(self) -> None:
        self._sending -= 1
        self._wake.set()

    def _error_extensions(self, failure: _Failure) -> dict[str, str]:
        extensions = {
            "knativeerrordest": self._route.target,
            "knativeerrorcode": str(failure.code),
        }
        if failure.text:
            extensions["knativeerrordata"] = failure.text[:_MAX_ERROR_DATA]
        return extensions

    def _pause(self, reason: _Unreachable) -> None:
        if not self._unreachable_attempts:
            logger.info(
                "%s: %s cannot be reached (%s); its events stay queued",
                self._route.queue,
                self._route.target,
                reason,
            )
        pause = min(0.1 * 2.0**self._unreachable_attempts, _LONGEST_PAUSE_SECONDS)
        self._unreachable_attempts = min(self._unreachable_attempts + 1, 10)
        self._unreachable_until = asyncio.get_running_loop().time() + pause

    def _resume(self) -> None:
        if self._unreachable_attempts:
            logger.info("%s: %s can be reached again", self._route.queue, self._route.target)
        self._unreachable_attempts = 0
        self._unreachable_until = 0.0


def _named(delivery: Delivery) -> str:
    headers = delivery.message.headers
    return f"{headers['ce-type']} {headers['ce-id']}"
