"""The broker without its HTTP door: what comes in is stored, and lanes carry it out.

Next file: `app`, the door, and `pings`, which is a source beside it.
"""

import asyncio
import logging
from collections.abc import Collection, Sequence

import httpx

from functions.local.broker.flaws import NO_FLAWS, Flaw
from functions.local.broker.lane import Lane, Route
from functions.local.broker.manifests import Trigger
from functions.local.broker.store import Store, Tally, dead_letters_of
from functions.local.broker.wire import Event, holds_event, read_event

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
        self._lanes: dict[str, Lane] = {}
        self._runs: list[asyncio.Task[None]] = []
        for route in (route for trigger in triggers for route in _routes(trigger, parallelism)):
            self._lanes[route.queue] = Lane(
                route, store, client, on_reply=self._take_reply, flaws=flaws
            )
        store.watch(self._wake)

    def start(self) -> None:
        self._runs = [asyncio.create_task(self._run(lane)) for lane in self._lanes.values()]

    async def stop(self) -> None:
        for run in self._runs:
            run.cancel()
        await asyncio.gather(*self._runs, return_exceptions=True)
        await asyncio.gather(*(lane.drain(self._grace) for lane in self._lanes.values()))
        await self._store.close()

    async def publish(self, event: Event) -> None:
        """Returns once every Trigger that wants the event has it in the store."""
        wanted = [trigger.name for trigger in self._triggers if trigger.wants(event.attributes)]
        if not wanted:
            # As in the cluster: confirmed and dropped.
            logger.debug("no Trigger wants %s from %s", event, event.attributes["source"])
        await self._store.put(wanted, event.message)

    async def status(self) -> dict[str, dict[str, int]]:
        tallies = await self._store.tallies()
        report = {}
        for trigger in self._triggers:
            own = tallies.get(trigger.name, Tally())
            dead = tallies.get(dead_letters_of(trigger.name), Tally())
            report[trigger.name] = {
                "queued": own.queued,
                "retrying": own.retrying,
                "delivered": own.delivered,
                "dead_lettered": own.moved,
                "dead_letters_waiting": dead.queued + dead.retrying,
                "lost": own.lost + dead.lost,
            }
        return report

    async def _run(self, lane: Lane) -> None:
        while True:
            try:
                await lane.run()
            except Exception:
                # Whatever it was, the events are on disk: say so, and go on with them.
                logger.exception("a lane stumbled, and goes on")
                await asyncio.sleep(1.0)

    def _wake(self, queue: str) -> None:
        self._lanes[queue].wake()

    async def _take_reply(self, response: httpx.Response) -> None:
        """Knative publishes the event that a subscriber answers with."""
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
