"""What an admin does with events that were put aside."""

import httpx
import msgspec
import pytest
from litestar import Litestar

from functions.kit.data.database import Database
from functions.kit.events import cloudevents, dead_letters
from functions.kit.events.cloudevents import Event
from functions.kit.events.subscriptions import Subscriptions
from tests.kit import sample
from tests.kit.sample import letters, push, thing_changed
from tests.support.clock import FakeClock
from tests.support.tokens import Issuer

ROUTES = (
    ("GET", ""),
    ("GET", "/1"),
    ("DELETE", "/1"),
    ("POST", "/1/discard"),
    ("POST", "/1/replay"),
    ("POST", "/replay"),
)


async def test_an_event_that_the_broker_gave_up_is_kept(
    client: httpx.AsyncClient, database: Database, issuer: Issuer
) -> None:
    """With the address of the failed delivery, until an admin replays it."""
    headers, body = cloudevents.write(thing_changed(1))
    headers |= {"ce-knativeerrorcode": "500", "ce-knativeerrordest": "http://catalog-internal"}
    response = await client.post("/events/dead-letter", headers=headers, content=body)
    (letter,) = await letters(database)
    replayed = await client.post(
        f"/internal/dead-letters/{letter.id}/replay", headers=issuer.bearer(1, "admin")
    )

    assert (response.status_code, letter.kind) == (202, dead_letters.Reason.DEAD_LETTERED)
    assert letter.reason == "not delivered to http://catalog-internal: 500"
    assert replayed.json() == {"id": letter.id, "outcome": "applied"}
    assert await sample.things(database) == {1: ("label 1", 1, 1)}


async def test_a_replay_changes_nothing_twice(
    client: httpx.AsyncClient, database: Database, issuer: Issuer, clock: FakeClock
) -> None:
    """The dead letter has the time of its replay."""
    headers, body = cloudevents.write(thing_changed(1))
    await client.post("/events/dead-letter", headers=headers, content=body)
    admin = issuer.bearer(1, "admin")
    answers = [
        await client.post("/internal/dead-letters/1/replay", headers=admin) for _ in range(2)
    ]
    (shown,) = (await client.get("/internal/dead-letters", headers=admin)).json()

    assert [answer.json()["outcome"] for answer in answers] == ["applied", "seen-before"]
    assert shown["replayed_at"] is not None
    assert await sample.things(database) == {1: ("label 1", 1, 1)}


async def test_a_quarantined_event_is_understood_by_a_corrected_handler(
    app: Litestar, client: httpx.AsyncClient, database: Database, issuer: Issuer
) -> None:
    """Until then its replay is a conflict, and adds no letter."""
    await push(client, thing_changed(1, data=b'{"thing_id": 1, "label": 7}'))
    admin = issuer.bearer(1, "admin")
    refused = await client.post("/internal/dead-letters/1/replay", headers=admin)
    count = len(await letters(database))

    corrected = Subscriptions(sample.THINGS)
    corrected.on(sample.THING_CHANGED, TolerantThingState)(record_tolerant_thing)
    app.state.services.subscriptions = corrected
    replayed = await client.post("/internal/dead-letters/1/replay", headers=admin)

    assert (refused.status_code, refused.json()["code"], count) == (409, "cannot-replay", 1)
    assert replayed.json()["outcome"] == "applied"
    assert await sample.things(database) == {1: ("7", 1, 1)}


class TolerantThingState(msgspec.Struct, frozen=True):
    """As a corrected handler reads it."""

    thing_id: int
    label: str | int


async def record_tolerant_thing(
    database: Database, event: Event, state: TolerantThingState
) -> None:
    await sample.record_thing(database, event, sample.ThingState(state.thing_id, str(state.label)))


async def test_a_malformed_event_cannot_be_replayed(
    client: httpx.AsyncClient, issuer: Issuer
) -> None:
    """It says so, with the reason."""
    await client.post("/events", content=b"nonsense")
    response = await client.post(
        "/internal/dead-letters/1/replay", headers=issuer.bearer(1, "admin")
    )

    assert (response.status_code, response.json()["code"]) == (409, "cannot-replay")


@pytest.mark.parametrize("roles", [None, ("customer",), ("staff",)])
async def test_dead_letters_are_for_admins(
    client: httpx.AsyncClient, issuer: Issuer, roles: tuple[str, ...] | None
) -> None:
    """They contain data that others sent."""
    headers = issuer.bearer(1, *roles) if roles else {}
    answers = [
        await client.request(method, f"/internal/dead-letters{path}", headers=headers)
        for method, path in ROUTES
    ]

    assert {answer.status_code for answer in answers} == {403 if roles else 401}


@pytest.mark.parametrize("letter_id", ["1", "9223372036854775808"])
async def test_a_letter_that_is_not_there_is_not_found(
    client: httpx.AsyncClient, issuer: Issuer, letter_id: str
) -> None:
    """Also where no column could hold its id."""
    admin = issuer.bearer(1, "admin")
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/replay")):
        url = f"/internal/dead-letters/{letter_id}{path}"

        assert (await client.request(method, url, headers=admin)).status_code == 404


async def test_dead_letters_come_in_pages(client: httpx.AsyncClient, issuer: Issuer) -> None:
    """Oldest first."""
    for number in range(3):
        await client.post("/events", content=f"nonsense {number}".encode())
    admin = issuer.bearer(1, "admin")
    first = await client.get("/internal/dead-letters?limit=2", headers=admin)
    second = await client.get(first.links["next"]["url"], headers=admin)

    assert [letter["id"] for letter in first.json() + second.json()] == [1, 2, 3]
    assert "next" not in second.links


async def test_one_letter_is_shown_whole(
    client: httpx.AsyncClient, database: Database, issuer: Issuer
) -> None:
    """With the reason, its headers and its body, as in the list, and with its history."""
    await push(client, thing_changed(1, data=b"?"))
    admin = issuer.bearer(1, "admin")
    (listed,) = (await client.get("/internal/dead-letters", headers=admin)).json()
    shown = (await client.get("/internal/dead-letters/1", headers=admin)).json()

    assert shown == {**listed, "history": []}
    assert (shown["kind"], shown["body"]) == ("quarantined", "?")
    assert shown["headers"]["ce-type"] == sample.THING_CHANGED
    assert shown["reason"]


async def test_many_are_replayed_and_one_that_cannot_be_holds_up_none(
    app: Litestar, client: httpx.AsyncClient, database: Database, issuer: Issuer
) -> None:
    """It stays, with the reason. Letters that were replayed are not replayed again."""
    await client.post("/events", content=b"nonsense")
    for sequence in (1, 2):
        await push(client, thing_changed(sequence), "/events/dead-letter")
    admin = issuer.bearer(1, "admin")
    answers = [
        (await client.post("/internal/dead-letters/replay", headers=admin)).json() for _ in range(2)
    ]
    listed = await client.get("/internal/dead-letters?waiting=true", headers=admin)
    refused = answers[0].pop(0)

    assert answers[0] == [{"id": 2, "outcome": "applied"}, {"id": 3, "outcome": "applied"}]
    assert (refused["id"], refused["outcome"]) == (1, "cannot-replay")
    assert refused["reason"].startswith("It is malformed: ")
    assert answers[1] == [refused]
    assert [letter["id"] for letter in listed.json()] == [1]
    assert await sample.things(database) == {1: ("label 2", 2, 2)}


async def test_a_handler_that_fails_holds_up_no_other_letter(
    app: Litestar, client: httpx.AsyncClient, database: Database, issuer: Issuer
) -> None:
    """Its letter stays, and its event has had no effect."""
    for sequence in (1, 2):
        await push(client, thing_changed(sequence), "/events/dead-letter")
    hasty = Subscriptions(sample.THINGS)
    hasty.on(sample.THING_CHANGED, sample.ThingState)(fail_at_first)
    app.state.services.subscriptions = hasty
    admin = issuer.bearer(1, "admin")
    answer = await client.post("/internal/dead-letters/replay", headers=admin)
    alone = await client.post("/internal/dead-letters/1/replay", headers=admin)

    assert [each["outcome"] for each in answer.json()] == ["failed", "applied"]
    assert (alone.status_code, alone.json()["code"]) == (409, "cannot-replay")
    assert "LookupError" in alone.json()["detail"]
    assert await dead_letters.count_waiting(database) == 1
    assert await sample.things(database) == {1: ("label 2", 2, 1)}


async def fail_at_first(database: Database, event: Event, state: sample.ThingState) -> None:
    if event.sequence == 1:
        raise LookupError
    await sample.record_thing(database, event, state)


async def test_a_database_that_is_away_ends_the_replay(
    app: Litestar, client: httpx.AsyncClient, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With 503. All letters stay, and the replay can be repeated."""
    await push(client, thing_changed(1), "/events/dead-letter")

    async def fail(*_: object, **__: object) -> None:
        raise LookupError

    monkeypatch.setattr(app.state.services.database, "is_unavailable", lambda error: True)
    monkeypatch.setattr(app.state.services.subscriptions, "consume", fail)
    answer = await client.post("/internal/dead-letters/replay", headers=issuer.bearer(1, "admin"))

    assert answer.status_code == 503


async def test_many_are_replayed_page_by_page(
    client: httpx.AsyncClient, database: Database, issuer: Issuer
) -> None:
    """The link to the next page skips letters that cannot be replayed."""
    for number in range(2):
        await client.post("/events", content=f"nonsense {number}".encode())
    await push(client, thing_changed(1), "/events/dead-letter")
    admin = issuer.bearer(1, "admin")
    first = await client.post("/internal/dead-letters/replay?limit=2", headers=admin)
    second = await client.post(first.links["next"]["url"], headers=admin)

    assert [each["id"] for each in first.json() + second.json()] == [1, 2, 3]
    assert "next" not in second.links
    assert await sample.things(database) == {1: ("label 1", 1, 1)}


async def test_a_letter_is_discarded_once_and_kept_with_the_reason(
    client: httpx.AsyncClient, database: Database, issuer: Issuer, clock: FakeClock
) -> None:
    """It waits no longer. A repetition, and one by another admin, change nothing."""
    await client.post("/events", content=b"nonsense")
    await client.post("/events", content=b"more nonsense")
    before = await dead_letters.count_waiting(database)
    path, body = "/internal/dead-letters/1/discard", {"reason": "a joke"}
    answers = [
        await client.post(path, json=body, headers=issuer.bearer(9, "admin")),
        await client.post(path, json={"reason": "mine"}, headers=issuer.bearer(10, "admin")),
        await client.delete("/internal/dead-letters/1", headers=issuer.bearer(10, "admin")),
    ]
    shown = await client.get("/internal/dead-letters/1", headers=issuer.bearer(9, "admin"))

    assert [answer.status_code for answer in answers] == [200, 200, 204]
    assert (before, await dead_letters.count_waiting(database)) == (2, 1)
    assert [letter.body for letter in await letters(database)] == ["nonsense", "more nonsense"]
    assert shown.json()["discarded_at"] == clock().isoformat().replace("+00:00", "Z")
    assert [
        (each["action"], each["note"], each["user_id"]) for each in shown.json()["history"]
    ] == [("discarded", "a joke", 9)]
    assert answers[0].json() == answers[1].json() == shown.json()


async def test_an_event_that_fails_again_after_its_discard_waits_again(
    client: httpx.AsyncClient, database: Database, issuer: Issuer
) -> None:
    """The record of the discard stays."""
    poisoned = thing_changed(1, label="poison")
    admin = issuer.bearer(1, "admin")
    await push(client, poisoned)
    await client.delete("/internal/dead-letters/1", headers=admin)
    after_discard = await dead_letters.count_waiting(database)
    await push(client, poisoned)
    history = (await client.get("/internal/dead-letters/1", headers=admin)).json()["history"]

    assert (after_discard, await dead_letters.count_waiting(database)) == (0, 1)
    assert [each["action"] for each in history] == ["discarded", "returned"]


async def test_the_history_names_who_replayed(client: httpx.AsyncClient, issuer: Issuer) -> None:
    """A replay that was refused is in it too."""
    await client.post("/events", content=b"nonsense")
    await push(client, thing_changed(1), "/events/dead-letter")
    for user_id, letter_id in ((7, 1), (8, 2)):
        await client.post(
            f"/internal/dead-letters/{letter_id}/replay", headers=issuer.bearer(user_id, "admin")
        )
    admin = issuer.bearer(1, "admin")
    histories = [
        (await client.get(f"/internal/dead-letters/{each}", headers=admin)).json()["history"]
        for each in (1, 2)
    ]

    assert [(each["action"], each["user_id"]) for (each,) in histories] == [
        ("refused", 7),
        ("replayed", 8),
    ]
    assert histories[1][0]["note"] == "applied"


async def test_letters_are_listed_by_their_state_and_without_their_bodies(
    client: httpx.AsyncClient, issuer: Issuer
) -> None:
    """A list need not transport a quarter of a megabyte for each letter."""
    admin = issuer.bearer(1, "admin")
    await client.post("/events", content=b"n" * 1000)
    await push(client, thing_changed(1), "/events/dead-letter")
    await push(client, thing_changed(2), "/events/dead-letter")
    await client.post("/internal/dead-letters/2/replay", headers=admin)
    await client.delete("/internal/dead-letters/3", headers=admin)
    found = {
        state: (
            await client.get(f"/internal/dead-letters?state={state}&bodies=false", headers=admin)
        ).json()
        for state in ("waiting", "replayed", "discarded")
    }
    unknown = await client.get("/internal/dead-letters?state=lost", headers=admin)

    assert {state: [each["id"] for each in rows] for state, rows in found.items()} == {
        "waiting": [1],
        "replayed": [2],
        "discarded": [3],
    }
    assert found["waiting"][0]["body"] == "n" * dead_letters.BEGINNING
    assert unknown.status_code == 400


@pytest.mark.parametrize("reason", ["", " ", "a\nb", "a\u0000b", "x" * 501, 7, None])
async def test_a_discard_needs_a_reason_of_one_line(
    client: httpx.AsyncClient, database: Database, issuer: Issuer, reason: object
) -> None:
    """Anything else is refused, and the letter waits as before."""
    await client.post("/events", content=b"nonsense")
    answer = await client.post(
        "/internal/dead-letters/1/discard",
        json={"reason": reason},
        headers=issuer.bearer(1, "admin"),
    )

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "reason")
    assert await dead_letters.count_waiting(database) == 1


async def test_letters_that_are_settled_are_deleted_after_90_days(
    client: httpx.AsyncClient, database: Database, issuer: Issuer, clock: FakeClock
) -> None:
    """With their history. Letters that wait are kept."""
    for number in range(2):
        await client.post("/events", content=f"nonsense {number}".encode())
    await client.delete("/internal/dead-letters/1", headers=issuer.bearer(1, "admin"))
    await dead_letters.purge(database, clock=clock)
    kept = await letters(database)
    clock.advance(days=91)
    await dead_letters.purge(database, clock=clock)

    assert [letter.id for letter in kept] == [1, 2]
    assert [letter.id for letter in await letters(database)] == [2]
    assert await dead_letters.history(database, 1) == []
