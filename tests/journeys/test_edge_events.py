"""Values at the edge of their types: what will not pass the second time either is put aside.

A 500 makes a broker send an event again and again, and a handler that fails leaves a gap.
"""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from litestar import Litestar

from functions.catalog.app import create_app as create_catalog
from functions.catalog.settings import CatalogSettings
from functions.kit.events import cloudevents
from functions.kit.events.cloudevents import Event
from functions.purchase.app import create_app as create_purchase
from functions.purchase.settings import PurchaseSettings
from tests.journeys.test_forged_events import forgeries
from tests.support.apps import serving
from tests.support.clock import FakeClock
from tests.support.signing import SECRET, SIGNER
from tests.support.tokens import Issuer

EDGES: tuple[Any, ...] = (
    *(None, True, "", " ", "\x00", "x" * 64, "x" * 65, "ñ" * 255, "😀" * 256, "x" * 900_000),
    *(0, -1, 1, 2**31, 2**53 + 1, 2**63 - 1, 2**63, 2**64, -(2**63), 10**300, 1.5, 1e308, -0.0),
    *("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59.999999-23:59", "1969-12-31T23:59:59Z"),
    *("2026-12-31T23:59:60Z", "2026-03-14", "2026-03-14T10:00:00", "2026-03-14T25:00:00Z"),
    *([], {}, [[]] * 50, {"x": "y" * 900_000}, {"x": None}, {"kty": "OKP", "x": "z" * 3000}),
)
ATTRIBUTES: tuple[dict[str, Any], ...] = (
    {"id": "i" * 255},
    {"id": "ñ" * 255},
    {"subject": ""},
    {"subject": "😀" * 255},
    {"sequence": None},
    *({"sequence": number} for number in (0, 1, 10**12, 10**12 + 1, 2**63 - 1)),
    {"revision": None},
    *({"revision": number} for number in (0, 10**12, 10**12 + 1, 2**63 - 1)),
)
DATA = forgeries(7, "a-token", Issuer(FakeClock()).jwk, "a-key")


def create(service: str, url: str) -> Litestar:
    environ = {"DATABASE_URL": url, "AUTO_MIGRATE": "true", "INTERNAL_SECRET": SECRET}
    clock = FakeClock()
    http = Issuer(clock).wire()
    if service == "catalog":
        return create_catalog(CatalogSettings.from_mapping(environ), clock=clock, http=http)
    return create_purchase(PurchaseSettings.from_mapping(environ), clock=clock, http=http)


class InternalAPI:
    """One service's internal API, and events that are each the next of their stream."""

    def __init__(self, app: Litestar, client: httpx.AsyncClient) -> None:
        self.types = sorted(app.state.services.subscriptions.types)
        self.client = client
        self.number = 0

    async def deliver(self, event_type: str, data: Any, **attributes: Any) -> int:
        """The status of the answer to an event with this data, signed by its owner."""
        self.number += 1
        source, subject, _ = DATA[event_type]
        fields = {
            "id": f"edge-{self.number}",
            "source": source,
            "type": event_type,
            "subject": subject,
            "sequence": self.number,
            "revision": self.number,
            "data": json.dumps(data, default=msgspec.to_builtins).encode(),
            **attributes,
        }
        headers, body = cloudevents.write(SIGNER.sign(Event(**fields)))
        return (await self.client.post("/events", headers=headers, content=body)).status_code


@asynccontextmanager
async def open_internal_api(service: str, url: str) -> AsyncIterator[InternalAPI]:
    app = create(service, url)
    async with serving(app) as client:
        yield InternalAPI(app, client)


def cases(types: list[str]) -> Iterator[tuple[str, Any]]:
    """Each field of each type with each edge, and without the field."""
    for event_type in types:
        data = msgspec.to_builtins(DATA[event_type][2])
        for field in data:
            for edge in EDGES:
                yield event_type, {**data, field: edge}
            yield event_type, {name: value for name, value in data.items() if name != field}
        for edge in EDGES:
            yield event_type, edge


@pytest.mark.parametrize("service", ["catalog", "purchase"])
async def test_no_value_of_a_field_is_a_fault(database_url: str, service: str) -> None:
    """For every consumed type, on both databases, no value is answered 500."""
    async with open_internal_api(service, database_url) as api:
        refused = [
            (event_type, repr(data)[:300], status)
            for event_type, data in cases(api.types)
            if (status := await api.deliver(event_type, data)) != 202
        ]

    assert refused == []


@pytest.mark.parametrize("service", ["catalog", "purchase"])
async def test_no_attribute_is_a_fault(database_url: str, service: str) -> None:
    """Nor together with malformed data, which is quarantined with them."""
    async with open_internal_api(service, database_url) as api:
        refused = [
            (event_type, attributes, status)
            for event_type in api.types
            for attributes in ATTRIBUTES
            for data in (DATA[event_type][2], None)
            if (status := await api.deliver(event_type, data, **attributes)) != 202
        ]

    assert refused == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@pytest.mark.parametrize("service", ["catalog", "purchase"])
async def test_no_json_at_all_is_a_fault(
    service: str, make_database_url: Callable[[], str], request: pytest.FixtureRequest
) -> None:
    """Any JSON in place of a field or of the data is answered without a 500."""
    if "mysql" in request.node.name:
        pytest.skip("what a database refuses is among the edges above")
    async with open_internal_api(service, make_database_url()) as api:
        told: list[tuple[str, Any]] = []

        @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
        @given(st.data())
        def collect(data: st.DataObject) -> None:
            event_type = data.draw(st.sampled_from(api.types))
            state = msgspec.to_builtins(DATA[event_type][2])
            field = data.draw(st.sampled_from(sorted(state)))
            told.append((event_type, {**state, field: data.draw(JSON)}))

        collect()
        refused = [
            (event_type, data, status)
            for event_type, data in told
            if (status := await api.deliver(event_type, data)) != 202
        ]

    assert told
    assert refused == []
