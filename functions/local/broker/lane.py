"""One queue's way to its subscriber: take, post, settle.

An event that waits for its retry holds no place (unless asked to: `flaws`), so a poison event
delays the good ones behind it by no more than its own attempts take. A subscriber that cannot be
reached at all is another matter: nothing could be delivered, so the lane waits for it, as
Knative's activator would, and the attempts do not count. Next file: `core`, which owns the lanes.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

import httpx

from functions.local.broker.errors import BrokerError
from functions.local.broker.flaws import NO_FLAWS, Flaw
from functions.local.broker.policy import DeliveryPolicy, Verdict, judge
from functions.local.broker.store import Delivery, Message, Store
from functions.local.broker.wire import with_extensions

logger = logging.getLogger(__name__)

# As the RabbitMQ dispatcher's prefetch: the most that is out of the queue and not settled.
_MOST_UNSETTLED = 100
_LONGEST_AWAY_SECONDS = 1.0
_NO_ANSWER = -1
# Knative's own bound for the text that goes with a dead letter.
_MOST_ERROR_DATA = 1024

Reply = Callable[[httpx.Response], Awaitable[None]]


@dataclass(frozen=True)
class Route:
    queue: str
    target: str
    policy: DeliveryPolicy
    parallelism: int
    dead_letters: str | None
    """The queue that takes what cannot be delivered; without one it is lost."""
    of_dead_letters: bool = False


@dataclass(frozen=True)
class _Failure:
    code: int
    text: str
    retry_after: str | None = None


class _Away(Exception):
    """Nobody listens there."""


class Lane:
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
        self._away_tries = 0
        self._away_until = 0.0

    def wake(self) -> None:
        self._wake.set()

    async def run(self) -> None:
        while True:
            self._wake.clear()
            pause = await self._start_deliveries()
            try:
                async with asyncio.timeout(pause):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def drain(self, grace: float) -> None:
        """Lets what is under way end; what does not, stays in the queue."""
        if self._unsettled:
            _, late = await asyncio.wait(self._unsettled, timeout=grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _start_deliveries(self) -> float | None:
        """Seconds after which to look again, unless woken before; None for not at all."""
        away = self._away_until - asyncio.get_running_loop().time()
        if away > 0:
            return away
        # While a subscriber is away, one event is enough to find out that it is back.
        most = 1 if self._away_tries else self._route.parallelism
        free = min(most - self._sending, _MOST_UNSETTLED - len(self._unsettled))
        if free < 1:
            return None
        for delivery in await self._store.take(self._route.queue, free):
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
            logger.error("%s: an event is stuck until a restart", self._route.queue, exc_info=error)

    async def _deliver(self, delivery: Delivery) -> None:
        try:
            failure = await self._post(delivery.message)
        except _Away as error:
            if not (
                self._route.of_dead_letters and Flaw.ACKNOWLEDGES_EVERY_DEAD_LETTER in self._flaws
            ):
                self._store.give_back(delivery)
                self._stay_away(error)
                return
            failure = _Failure(_NO_ANSWER, f"it is away: {error}")
        except asyncio.CancelledError:
            if Flaw.LOSES_ON_SIGTERM in self._flaws:
                logger.warning("%s: %s IS LOST (under way)", delivery.queue, _named(delivery))
                await self._store.lose(delivery)
            self._store.give_back(delivery)
            raise
        finally:
            # Before the settling, which waits for the disk: the next one may go meanwhile.
            self._sending -= 1
            self._wake.set()
        self._come_back()
        try:
            if failure is None:
                await self._store.done(delivery)
            else:
                await self._fail(delivery, failure)
        except BrokerError:
            logger.exception("%s: what became of an event cannot be stored", delivery.queue)
            # It will be sent a second time; slowly, as a full disk stays full for a while.
            await asyncio.sleep(_LONGEST_AWAY_SECONDS)
            self._store.give_back(delivery)

    async def _post(self, message: Message) -> _Failure | None:
        route = self._route
        try:
            async with asyncio.timeout(route.policy.timeout):
                response = await self._client.post(
                    route.target, headers=dict(message.headers), content=message.body
                )
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise _Away(str(error)) from error
        except TimeoutError:
            return _Failure(_NO_ANSWER, f"no answer within {route.policy.timeout:g} s")
        except httpx.HTTPError as error:
            return _Failure(_NO_ANSWER, f"{type(error).__name__}: {error}")
        match judge(response.status_code):
            case Verdict.DONE:
                try:
                    await self._on_reply(response)
                except BrokerError as error:
                    logger.warning("%s: its reply is no event: %s", route.queue, error)
                return None
            case Verdict.IGNORED:
                logger.warning(
                    "%s: %s ANSWERED %s TO %s %s. Knative takes that for success: the event is "
                    "gone, without retry and without dead letter. Answer 202, or 503. %s",
                    route.queue,
                    route.target,
                    response.status_code,
                    message.headers["ce-type"],
                    message.headers["ce-id"],
                    response.text[:200],
                )
                return None
            case Verdict.AGAIN:
                return _Failure(
                    response.status_code, response.text, response.headers.get("retry-after")
                )

    async def _fail(self, delivery: Delivery, failure: _Failure) -> None:
        route, attempts = self._route, delivery.attempts + 1
        what = _named(delivery)
        why = f"{failure.code}, {failure.text[:120]}" if failure.code > 0 else failure.text
        if not route.policy.exhausted(attempts):
            wait = route.policy.wait(attempts, failure.retry_after)
            logger.info("%s: %s failed (%s), again in %g s", route.queue, what, why, wait)
            await self._retry(delivery, wait)
        elif route.dead_letters is not None:
            logger.warning("%s: %s is a dead letter (%s)", route.queue, what, why)
            message = with_extensions(delivery.message, self._error_extensions(failure))
            if Flaw.ACKNOWLEDGES_BEFORE_DEAD_LETTER in self._flaws:
                await self._store.lose(delivery)
                await self._store.put([route.dead_letters], message)
            else:
                await self._store.move(delivery, route.dead_letters, message)
        else:
            logger.error("%s: %s IS LOST (%s)", route.queue, what, why)
            await self._store.lose(delivery)

    async def _retry(self, delivery: Delivery, wait: float) -> None:
        in_place = Flaw.RETRIES_IN_PLACE in self._flaws
        if in_place:
            self._sending += 1  # its place, which it has just left: nothing was started since
        try:
            await self._store.retry(delivery, wait)
        finally:
            if in_place:
                # After the store has begun to count: it is due before another can be taken.
                asyncio.get_running_loop().call_later(wait, self._leave_place)

    def _leave_place(self) -> None:
        self._sending -= 1
        self._wake.set()

    def _error_extensions(self, failure: _Failure) -> dict[str, str]:
        extensions = {
            "knativeerrordest": self._route.target,
            "knativeerrorcode": str(failure.code),
        }
        if failure.text:
            extensions["knativeerrordata"] = failure.text[:_MOST_ERROR_DATA]
        return extensions

    def _stay_away(self, reason: _Away) -> None:
        if not self._away_tries:
            logger.info(
                "%s: %s cannot be reached (%s); its events wait",
                self._route.queue,
                self._route.target,
                reason,
            )
        pause = min(0.1 * 2.0**self._away_tries, _LONGEST_AWAY_SECONDS)
        self._away_tries = min(self._away_tries + 1, 10)
        self._away_until = asyncio.get_running_loop().time() + pause

    def _come_back(self) -> None:
        if self._away_tries:
            logger.info("%s: %s is back", self._route.queue, self._route.target)
        self._away_tries = 0
        self._away_until = 0.0


def _named(delivery: Delivery) -> str:
    headers = delivery.message.headers
    return f"{headers['ce-type']} {headers['ce-id']}"
