"""The trace of one payment, from the browser to the consumers, with kill -9 of each process.

What a killed process held and had not sent is lost. Whatever the others sent still joins.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from functions.kit.base.clock import utc_now
from functions.kit.data.engines import connect
from functions.kit.events.cloudevents import write
from functions.local.telemetry.otlp import Span
from functions.local.telemetry.store import Trace
from functions.storefront.sessions import Part, Session, Sessions, SignedIn
from tests.architecture.services import NAMES
from tests.journeys.test_traces import BROWSER, TRACE, Served, broker, environment
from tests.purchase.shop import book_event
from tests.servers.programs import free_port
from tests.storefront.visitor import SAME_ORIGIN, SESSION_KEY
from tests.support.processes import Service, running
from tests.support.receiver import Receiver, ancestors, receiving
from tests.support.signing import SIGNER
from tests.support.tokens import Issuer

BUYER = 7
PAID = "bookstore.purchase.paid.v1"
CONSUMERS = ("catalog", "notifications")
CHAIN = (
    f"purchase send {PAID}",
    f"purchase create {PAID}",
    "purchase record_charge",
    "purchase POST /payment",
)
PAGE = ("storefront POST", "storefront POST /{language}/orders/{order_id}/pay")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running_receiver:
        yield running_receiver


class Shop:
    """The storefront, purchase, catalog and notifications with a broker, and an unpaid purchase."""

    def __init__(self, folder: Path, receiver: Receiver) -> None:
        self.folder = folder
        self.issuer = Issuer(utc_now)
        self.port = free_port()
        self.broker = 0
        """Its process id."""
        sink = {"K_SINK": f"http://127.0.0.1:{self.port}"}
        # What the broker delivers must not be read from the feed before.
        away = {"PURCHASE_INTERNAL_URL": "http://127.0.0.1:9"}
        self.purchase = Served("purchase", environment(folder, receiver, "purchase", **sink))
        self.catalog = Served("catalog", environment(folder, receiver, "catalog", **away))
        self.notifications = Served(
            "notifications", environment(folder, receiver, "notifications", **away)
        )
        self.storefront = Served(
            "storefront",
            {
                "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
                "PURCHASE_URL": self.purchase.url,
                "SESSION_KEYS": SESSION_KEY,
            },
        )
        self.client = httpx.AsyncClient(timeout=60)
        self.order = 0

    @property
    def services(self) -> dict[str, Service]:
        return {
            each.name: each
            for each in (self.storefront, self.purchase, self.catalog, self.notifications)
        }

    @property
    def addresses(self) -> dict[str, str]:
        """Where the broker delivers; what nobody looks at goes to purchase."""
        consumers = {name: self.services[name].url for name in CONSUMERS}
        return {**dict.fromkeys(NAMES, self.purchase.url), **consumers}

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        async with running(*self.services.values()), self.client:
            database = connect(f"sqlite:///{self.folder}/purchase.db")
            await self.issuer.make_known(database)
            await database.close()
            headers, body = write(SIGNER.sign(book_event(1, initial_stock=5)))
            await self.client.post(f"{self.purchase.url}/events", headers=headers, content=body)
            bought = await self.client.post(
                f"{self.purchase.url}/purchase",
                json={"book_id": 1, "quantity": 1},
                headers=self.issuer.bearer(BUYER),
            )
            self.order = bought.json()["purchase_id"]
            yield

    async def pay(self) -> None:
        """Send the form of the order's page, as a browser that records traces does."""
        signed_in = SignedIn(
            user_id=BUYER,
            email="ana@example.org",
            name="Ana",
            roles=["customer"],
            access_token=self.issuer.token(BUYER, lifetime=timedelta(hours=1)),
            expires_at=(utc_now() + timedelta(hours=1)).timestamp(),
            refresh_token="none",
            renew_at=(utc_now() + timedelta(hours=1)).timestamp(),
        )
        cookie = Sessions([SESSION_KEY], utc_now).seal(Session(signed_in=signed_in), Part.TOKENS)
        paid = await self.client.post(
            f"{self.storefront.url}/en/orders/{self.order}/pay",
            data={"method": "tok_success", "key": "k" * 24},
            headers={
                **SAME_ORIGIN,
                "origin": self.storefront.url,
                "cookie": f"{Part.TOKENS}={cookie}",
                "traceparent": BROWSER,
            },
        )

        assert paid.status_code == 303, paid.text


def freeze(*services: Service) -> None:
    for service in services:
        assert service.process is not None
        os.kill(service.process.pid, signal.SIGSTOP)


def thaw(*services: Service) -> None:
    for service in services:
        assert service.process is not None
        os.kill(service.process.pid, signal.SIGCONT)


async def applied(receiver: Receiver, service: str) -> Span:
    """The span in which a consumer's event took effect, when it has arrived."""
    return await receiver.arrived(f"process {PAID}", service=service, trace_id=TRACE)


def lost_parents(trace: Trace) -> list[Span]:
    """The spans whose parent has not arrived, without those of the browser."""
    known = {BROWSER[36:52], *(each.span_id for each in trace.spans)}
    return [each for each in trace.spans if each.parent_id not in known]


def consumed(service: str, *tail: str) -> list[str]:
    return [f"{service} process {PAID}", f"{service} POST /events", *tail]


async def test_a_payment_is_one_trace_after_kill_9_of_the_storefront(
    tmp_path: Path, receiver: Receiver
) -> None:
    """Its own spans were not sent and are lost; purchase's request names the lost one as parent."""
    shop = Shop(tmp_path, receiver)
    with receiving() as unread:
        unread.hang.set()
        shop.storefront.environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = unread.url
        async with shop.open(), broker(tmp_path, shop.port, **shop.addresses):
            await shop.pay()
            await shop.storefront.kill()
            found = [await applied(receiver, each) for each in CONSUMERS]
            await shop.purchase.stop()
            for each in CONSUMERS:
                await shop.services[each].stop()
    trace = receiver.trace(TRACE)

    assert "storefront" not in trace.services
    assert [f"{each.service} {each.name}" for each in lost_parents(trace)] == [CHAIN[-1]]
    for span, service in zip(found, CONSUMERS, strict=True):
        assert ancestors(trace, span) == consumed(service, *CHAIN)


@pytest.mark.parametrize("killed", ["purchase", "broker", *CONSUMERS])
async def test_a_payment_is_one_trace_after_kill_9_of(
    killed: str, tmp_path: Path, receiver: Receiver
) -> None:
    """From the page to both consumers, whichever process sends or consumes it in the end."""
    shop = Shop(tmp_path, receiver)
    async with shop.open():
        await _pay_and_kill(shop, receiver, killed)
        found = [await applied(receiver, each) for each in CONSUMERS]
        await asyncio.gather(*[each.stop() for each in shop.services.values()])
    trace = receiver.trace(TRACE)
    created = next(each for each in trace.spans if each.name == f"create {PAID}")

    assert lost_parents(trace) == []
    for span, service in zip(found, CONSUMERS, strict=True):
        assert ancestors(trace, span) == consumed(service, *CHAIN, *PAGE)
        assert span.links == [(TRACE, created.span_id)]
        effects = [
            each.attributes["bookstore.event.outcome"]
            for each in trace.spans
            if each.name == f"process {PAID}" and each.service == service
        ]
        assert effects.count("applied") == 1


async def _pay_and_kill(shop: Shop, receiver: Receiver, killed: str) -> None:
    """Pay, kill the process while it has work to do, and let another one do it."""
    async with broker(shop.folder, shop.port, **shop.addresses) as pid:
        if killed == "purchase":
            os.kill(pid, signal.SIGSTOP)
            await shop.pay()
            await receiver.arrived("POST /payment", service="purchase", trace_id=TRACE)
            await shop.purchase.kill()
            os.kill(pid, signal.SIGCONT)
            await shop.purchase.start()
        else:
            waiting = [shop.services[each] for each in CONSUMERS if killed in {"broker", each}]
            freeze(*waiting)
            await shop.pay()
            await receiver.arrived(f"send {PAID}", service="purchase", trace_id=TRACE)
            if killed != "broker":
                (consumer,) = waiting
                await consumer.kill()
                await consumer.start()
        if killed != "broker":
            await asyncio.gather(*[applied(receiver, each) for each in CONSUMERS])
            return
    thaw(*waiting)  # the broker was killed, with the deliveries that nobody had answered
    async with broker(shop.folder, shop.port, **shop.addresses):
        await asyncio.gather(*[applied(receiver, each) for each in CONSUMERS])
