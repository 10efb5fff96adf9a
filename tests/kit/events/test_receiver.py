"""An unsigned event triggers a read of its owner's feed."""

import httpx
import msgspec
import pytest
from litestar import Litestar

from functions.kit.data.database import Database
from functions.kit.events import dead_letters, inbox
from tests.kit import sample
from tests.kit.events.owner import Owner, unreachable
from tests.kit.sample import THINGS, letters, push, thing_changed
from tests.support.apps import serving
from tests.support.clock import FakeClock
from tests.support.signing import SIGNER
from tests.support.tokens import Issuer


@pytest.fixture
async def reader(
    database: Database, database_url: str, owner: Owner, clock: FakeClock, issuer: Issuer
) -> Litestar:
    """A service that consumes things, without periodic reads."""
    await inbox.reset(database, THINGS.source, 0, clock=clock)
    app = sample.create_app(
        database_url,
        clock=clock,
        http=httpx.AsyncClient(transport=httpx.MockTransport(owner)),
        environ={"K_SINK": "http://broker.test", "EXPOSED_API": "internal"},
    )
    await issuer.make_known(database)
    app.state.services.catch_up._read_if_incomplete = _nothing
    return app


async def _nothing(_: object) -> None:
    """A start that finds nothing missing."""


async def test_what_the_owner_says_takes_effect(owner: Owner, reader: Litestar) -> None:
    """The data of the unsigned event has none, although its id is right."""
    event = await owner.changed("true")
    forged = msgspec.structs.replace(event, data=b'{"thing_id": 1, "label": "forged"}')
    async with serving(reader) as client:
        answer = await push(client, forged)
        found = await sample.things(reader.state.services.database)

    assert (answer.status_code, found) == (202, {1: ("true", 1, 1)})


async def test_an_event_that_its_owner_does_not_know_is_put_aside(
    owner: Owner, reader: Litestar
) -> None:
    """With the reason. The inbox does not record it."""
    await owner.changed("true")
    forged = msgspec.structs.replace(thing_changed(9, label="forged"), signature="0" * 64)
    async with serving(reader) as client:
        answers = [(await push(client, forged)).status_code for _ in range(2)]
        database = reader.state.services.database
        (letter,) = await letters(database)
        found, read = await sample.things(database), await inbox.is_read(database, forged)

    assert answers == [202, 202]
    assert "not in the feed of" in letter.reason
    assert (found, read) == ({1: ("true", 1, 1)}, False)


async def test_an_owner_that_is_away_makes_the_event_come_again(
    owner: Owner, reader: Litestar
) -> None:
    """A broker redelivers after 503 only. A signed event is processed without the owner."""
    event = await owner.changed("true")
    owner.behave = unreachable
    async with serving(reader) as client:
        unsigned = await push(client, event)
        signed = await push(client, SIGNER.sign(event))
        found = await sample.things(reader.state.services.database)

    assert (unsigned.status_code, signed.status_code) == (503, 202)
    assert unsigned.headers["retry-after"]
    assert found == {1: ("true", 1, 1)}


async def test_copies_ask_the_owner_once(owner: Owner, reader: Litestar) -> None:
    """The inbox knows the id of an event that was read."""
    event = await owner.changed("true")
    async with serving(reader) as client:
        await push(client, event)
        owner.behave = unreachable
        answers = [(await push(client, event)).status_code for _ in range(3)]

    assert answers == [202] * 3


@pytest.mark.parametrize("sequence", [None, 0, 10**12 + 1])
async def test_an_event_without_a_place_in_its_stream_is_put_aside(
    reader: Litestar, sequence: int | None
) -> None:
    """Signed or not."""
    event = thing_changed(sequence)
    async with serving(reader) as client:
        for sent in (event, msgspec.structs.replace(event, signature=None)):
            assert (await push(client, sent)).status_code == 202
        (letter,) = await letters(reader.state.services.database)
        found = await sample.things(reader.state.services.database)

    assert "sequence must be between" in letter.reason
    assert found == {}


@pytest.mark.parametrize("signed", [True, False])
async def test_a_corrected_event_under_the_same_id_takes_effect(
    owner: Owner, reader: Litestar, signed: bool
) -> None:
    """The wrong event is one dead letter, and the corrected event resolves it."""
    wrong = await owner.changed(7)
    sign = SIGNER.sign if signed else (lambda event: event)
    async with serving(reader) as client:
        for _ in range(2):
            await push(client, sign(wrong))
        waiting = await dead_letters.count_waiting(reader.state.services.database)
        await owner.correct(wrong, "right")
        (corrected,) = await owner.feed()
        for _ in range(2):
            await push(client, sign(corrected))
        database = reader.state.services.database
        found = await sample.things(database)
        left = await dead_letters.count_waiting(database)

    assert (waiting, left, corrected.id) == (1, 0, wrong.id)
    assert found == {1: ("right", 1, 1)}


async def test_a_replay_takes_what_the_owner_says_now(
    owner: Owner, reader: Litestar, issuer: Issuer
) -> None:
    """A replayed unsigned event has the owner's present data, not its own."""
    wrong = await owner.changed(7)
    admin = issuer.bearer(1, "admin")
    async with serving(reader) as client:
        await push(client, wrong)
        refused = await client.post("/internal/dead-letters/1/replay", headers=admin)
        await owner.correct(wrong, "right")
        replayed = await client.post("/internal/dead-letters/1/replay", headers=admin)
        found = await sample.things(reader.state.services.database)
        forged = msgspec.structs.replace(thing_changed(9, label="forged"), signature=None)
        await push(client, forged, "/events/dead-letter")
        last = (await letters(reader.state.services.database))[-1].id
        unknown = await client.post(f"/internal/dead-letters/{last}/replay", headers=admin)
        owner.behave = unreachable
        later = await client.post(f"/internal/dead-letters/{last}/replay", headers=admin)

    assert (refused.status_code, refused.json()["code"]) == (409, "cannot-replay")
    assert replayed.json()["outcome"] == "applied"
    assert found == {1: ("right", 1, 1)}
    assert (unknown.status_code, unknown.json()["code"]) == (409, "cannot-replay")
    assert later.status_code == 503


async def test_a_failing_handler_is_a_dead_letter_instead_of_a_500(reader: Litestar) -> None:
    """A redelivery would fail as well. The event stays unread until a corrected handler runs."""
    async with serving(reader) as client:
        answer = await push(client, thing_changed(1, label="poison"))
        database = reader.state.services.database
        (letter,) = await letters(database)
        position = await inbox.position(database, THINGS.source)

    assert (answer.status_code, position) == (202, 0)
    assert letter.reason.endswith("its handler failed: KeyError")
