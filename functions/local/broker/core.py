"""The broker without its HTTP API: it stores events, and dispatchers deliver them.

Next files: `app` for the API, `pings` for the PingSources.
"""

import asyncio
import logging
from collections.abc import Collection, Sequence

import httpx

from functions.local.broker.dispatcher import Dispatcher, Route
from functions.local.broker.flaws import NO_FLAWS, Flaw
from functions.local.broker.http_binding import BrokerEvent, holds_event, read_event
from functions.local.broker.manifests import Trigger
from functions.local.broker.store import QueueCounts, Store, dead_letters_of

logger = logging.getLogger(__name__)

_GRACE_SECONDS = 5.0


class Broker:
    def __init__(
        self,
        triggers: Sequence[Trigger],
        store: Store,
        client: httpx.AsyncClient,
        *,
        parallelism: int = 1,
        flaws: Collection[Flaw] = NO_FLAWS,
    ) -> None:
        self._triggers = triggers
        self._store = store
        self._grace = 0.0 if Flaw.LOSES_ON_SIGTERM in flaws else _GRACE_SECONDS
        self._dispatchers: dict[str, Dispatcher] = {}
        self._runs: list[asyncio.Task[None]] = []
        for route in (route for trigger in triggers for route in _routes(trigger, parallelism)):
            self._dispatchers[route.queue] = Dispatcher(
                route, store, client, on_reply=self._publish_reply, flaws=flaws
            )
        store.on_available(self._wake)

    def start(self) -> None:
        self._runs = [
            asyncio.create_task(self._run(dispatcher)) for dispatcher in self._dispatchers.values()
        ]

    async def stop(self) -> None:
        for run in self._runs:
            run.cancel()
        await asyncio.gather(*self._runs, return_exceptions=True)
        await asyncio.gather(*(each.drain(self._grace) for each in self._dispatchers.values()))
        await self._store.close()

    async def publish(self, event: BrokerEvent) -> None:
        """Returns once the event is stored for every Trigger that matches. Raises StoreError."""
        matching = [trigger.name for trigger in self._triggers if trigger.matches(event.attributes)]
        if not matching:
            # As in a cluster, it is confirmed and dropped.
            logger.debug("no Trigger matches %s from %s", event, event.attributes["source"])
        await self._store.put(matching, event.message)

    async def status(self) -> dict[str, dict[str, int]]:
        counts = await self._store.counts()
        report = {}
        for trigger in self._triggers:
            own = counts.get(trigger.name, QueueCounts())
            dead = counts.get(dead_letters_of(trigger.name), QueueCounts())
            report[trigger.name] = {
                "queued": own.queued,
                "retrying": own.retrying,
                "delivered": own.delivered,
                "dead_lettered": own.moved,
                "dead_letters_waiting": dead.queued + dead.retrying,
                "lost": own.lost + dead.lost,
            }
        return report

    async def _run(self, dispatcher: Dispatcher) -> None:
        while True:
            try:
                await dispatcher.run()
            except Exception:
                # No event is lost by it: they are in the store.
                logger.exception("a dispatcher failed and is restarted")
                await asyncio.sleep(1.0)

    def _wake(self, queue: str) -> None:
        self._dispatchers[queue].wake()

    async def _publish_reply(self, response: httpx.Response) -> None:
        """As in Knative, an event in a subscriber's response is published."""
        headers = {name.lower(): value for name, value in response.headers.items()}
        if holds_event(headers):
            await self.publish(read_event(headers, response.content))


def _routes(trigger: Trigger, parallelism: int) -> list[Route]:
    has_sink = trigger.dead_letter_sink is not None
    dead_letters = dead_letters_of(trigger.name) if has_sink else None
    routes = [
        Route(
            queue=trigger.name,
            target=trigger.subscriber,
            policy=trigger.policy,
            parallelism=trigger.parallelism or parallelism,
            dead_letters=dead_letters,
        )
    ]
    if dead_letters is not None and trigger.dead_letter_sink is not None:
        routes.append(
            Route(
                queue=dead_letters,
                target=trigger.dead_letter_sink,
                policy=trigger.policy,
                parallelism=1,
                dead_letters=None,
                of_dead_letters=True,
            )
        )
    return routes
