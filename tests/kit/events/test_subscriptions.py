"""How an event is consumed."""

import asyncio
import random
from typing import Any

import pytest

from functions.kit.data.database import Database
from functions.kit.events import dead_letters
from functions.kit.events.cloudevents import Event
from functions.kit.events.inbox import Position
from functions.kit.events.subscriptions import EventOutcome, Subscriptions
from tests.kit import sample
from tests.kit.sample import thing_changed
from tests.support.clock import FakeClock


@pytest.fixture
def subscriptions() -> Subscriptions:
    return sample.subscriptions()


async def test_an_event_has_its_effect_once(
    database: Database, subscriptions: Subscriptions, clock: FakeClock
) -> None:
    """Duplicates change nothing."""
    outcomes = [
        (await subscriptions.consume(database, thing_changed(1), clock=clock)).outcome
        for _ in range(3)
    ]

    assert outcomes == [EventOutcome.APPLIED, EventOutcome.SEEN_BEFORE, EventOutcome.SEEN_BEFORE]
    assert await sample.things(database) == {1: ("label 1", 1, 1)}


async def test_copies_at_the_same_time_have_one_effect(
    database: Database, subscriptions: Subscriptions, clock: FakeClock
) -> None:
    """From two deliveries of the broker, or from the broker and the feed."""
    taken = await asyncio.gather(
        *(subscriptions.consume(database, thing_changed(1), clock=clock) for _ in range(8))
    )

    assert sorted(each.outcome for each in taken) == [
        EventOutcome.APPLIED,
        *[EventOutcome.SEEN_BEFORE] * 7,
    ]
    assert await sample.things(database) == {1: ("label 1", 1, 1)}


@pytest.mark.parametrize("seed", range(3))
async def test_neither_order_nor_copies_matter(
    database: Database, subscriptions: Subscriptions, clock: FakeClock, seed: int
) -> None:
    """Sixty events of three subjects, five times each, shuffled, lead to the newest state."""
    events = [thing_changed(number, thing_id=number % 3) for number in range(1, 61)] * 5
    events = [event for event in events if event.subject != "thing/0"]
    random.Random(seed).shuffle(events)
    for event in events:
        await subscriptions.consume(database, event, clock=clock)

    states = {thing_id: state[:2] for thing_id, state in (await sample.things(database)).items()}
    assert states == {1: ("label 58", 58), 2: ("label 59", 59)}


async def test_an_unknown_type_counts_as_read(
    database: Database, subscriptions: Subscriptions, clock: FakeClock
) -> None:
    """The owner may publish new types, and no gap appears."""
    taken = await subscriptions.consume(
        database, thing_changed(1, type="other.thing.changed.v2"), clock=clock
    )

    assert taken == (EventOutcome.UNKNOWN_TYPE, Position(1, 1))


async def test_another_source_is_passed_over(
    database: Database, subscriptions: Subscriptions, clock: FakeClock
) -> None:
    """Also with a known type, because only the owner publishes its facts."""
    taken = await subscriptions.consume(database, thing_changed(1, source="/forged"), clock=clock)

    assert taken == (EventOutcome.UNKNOWN_TYPE, None)
    assert await sample.things(database) == {}


@pytest.mark.parametrize(
    "fields",
    [
        {"data": b"not json"},
        {"data": b"\xff"},
        {"data": b"[]"},
        {"data": b"[" * 100_000},
        {"data": b'{"thing_id": "1", "label": "a"}'},
        {"data": b'{"thing_id": 0, "label": "a"}'},
        {"data": b'{"thing_id": 9223372036854775808, "label": "a"}'},
        {"data": b'{"label": "a"}'},
        {"revision": None, "data": b'{"thing_id": 1, "label": "a"}'},
        {"subject": ""},
    ],
    ids=lambda fields: repr(fields)[:40],
)
async def test_an_invalid_event_is_quarantined_and_counts_as_read(
    database: Database, subscriptions: Subscriptions, clock: FakeClock, fields: dict[str, Any]
) -> None:
    """Later events are processed."""
    event = Event(**{**_as_dict(thing_changed(1)), **fields})
    taken = await subscriptions.consume(database, event, clock=clock)
    (letter,) = await dead_letters.listing(database, after=0, limit=10)

    assert taken == (EventOutcome.QUARANTINED, Position(1, 1))
    assert letter.kind is dead_letters.Reason.QUARANTINED
    assert "event-1" in letter.reason


def _as_dict(event: Event) -> dict[str, Any]:
    return {name: getattr(event, name) for name in event.__struct_fields__}


async def test_fields_that_the_owner_adds_are_passed_over(
    database: Database, subscriptions: Subscriptions, clock: FakeClock
) -> None:
    """Within a version it may only add fields."""
    event = thing_changed(1, data=b'{"thing_id": 1, "label": "a", "weight": {"g": 300}}')

    assert (
        await subscriptions.consume(database, event, clock=clock)
    ).outcome is EventOutcome.APPLIED


async def test_a_handler_that_fails_leaves_the_event_unread(
    database: Database, subscriptions: Subscriptions, clock: FakeClock
) -> None:
    """Nothing is stored, so it can be consumed again."""
    with pytest.raises(KeyError):
        await subscriptions.consume(database, thing_changed(1, label="poison"), clock=clock)

    taken = await subscriptions.consume(database, thing_changed(1), clock=clock)
    assert taken.outcome is EventOutcome.APPLIED


async def test_a_type_has_one_handler(subscriptions: Subscriptions) -> None:
    """A second registration is an error."""
    with pytest.raises(ValueError, match="has a handler already"):
        subscriptions.on(sample.THING_CHANGED, sample.ThingState)(sample.record_thing)
