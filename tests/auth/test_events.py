from collections.abc import AsyncIterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import httpx
import msgspec
import pytest

from functions.auth import events
from functions.kit.data.baselines import v1
from functions.kit.data.database import Database
from functions.kit.data.engines import connect
from functions.kit.events import cloudevents, outbox
from functions.kit.events.cloudevents import Event
from functions.kit.events.subscriptions import EventOutcome, Subscriptions
from functions.kit.security import auth_stream, remote_keys
from functions.kit.security.auth_stream import STREAM
from functions.kit.security.principal import Principal
from functions.kit.security.remote_keys import RemoteKeys
from functions.kit.security.revocations import Revocations
from tests.auth.service import CLOSING, PASSWORD, Auth, Person
from tests.support.contracts import validator, violations
from tests.support.snapshots import states_of

HEADERS = {"content-type": "application/cloudevents+json"}


async def everything_happens(auth: Auth) -> dict[str, Person]:
    """Each reason for an event, at least once."""
    people = {
        name: await auth.person(f"{name}@example.com")
        for name in ("deleted", "disabled", "enabled", "demoted", "renewed", "out", "robbed", "in")
    }
    admin = await auth.admin()
    auth.clock.advance(seconds=1)
    await auth.call("DELETE", "/me", CLOSING, by=people["deleted"])
    changes: tuple[tuple[str, dict[str, Any]], ...] = (
        ("disabled", {"disabled": True}),
        ("enabled", {"disabled": True}),
        ("enabled", {"disabled": False}),
        ("demoted", {"roles": ["staff", "customer"]}),
        ("demoted", {"roles": ["customer"]}),
    )
    for name, change in changes:
        await auth.call("PATCH", f"/users/{people[name].id}", change, by=admin)
    body = {"current_password": PASSWORD, "new_password": "otra frase bastante larga"}
    await auth.call("POST", "/me/password", body, by=people["renewed"])
    await auth.call("POST", "/logout", by=people["out"])
    await auth.refresh(people["robbed"].refresh_token)
    auth.clock.advance(seconds=31)
    await auth.refresh(people["robbed"].refresh_token)
    await auth.call("POST", "/admin/keys/rotate", by=admin)
    return people


async def snapshot(auth: Auth) -> list[dict[str, Any]]:
    response = await auth.client.get("/internal/snapshots/security")
    lines = [msgspec.json.decode(line) for line in response.text.splitlines()]
    states: list[dict[str, Any]] = lines[1:-1]
    assert lines[-1] == {"count": len(states)}
    return states


async def test_published_events_match_their_contracts(auth: Auth) -> None:
    """Events of each type, in the feed and in the snapshot, match their schemas."""
    await everything_happens(auth)
    told, shown = await auth.published(), await snapshot(auth)

    types = {
        "bookstore.key.rotated.v1",
        "bookstore.token.revoked.v1",
        "bookstore.user.disabled.v1",
    }
    assert {event["type"] for event in told} == types
    assert {event["type"] for event in shown} == types
    assert violations(told + shown) == []
    assert {event["source"] for event in told + shown} == {"/bookstore/auth/security"}


@pytest.mark.parametrize(
    "message",
    [
        events.token_revoked("jti", 1, datetime.now(UTC)),
        events.user_disabled(1, 1, disabled=True, closed=True, tokens_not_before=datetime.now(UTC)),
        events.key_rotated("kid", {}, None),
        events.password_reset_requested(1, 1, "es", datetime.now(UTC)),
    ],
    ids=lambda message: message.type,
)
def test_a_struct_has_the_fields_of_its_contract(message: outbox.NewEvent) -> None:
    """The contract has and requires exactly these fields, but for those with a default."""
    contract = validator(message.type).schema
    fields = {field.encode_name for field in msgspec.structs.fields(message.data)}
    always = {each.encode_name for each in msgspec.structs.fields(message.data) if each.required}

    assert isinstance(contract, dict)
    assert contract["$id"] == outbox.contract(message.type)
    assert fields == set(contract["properties"])
    assert always == set(contract["required"])
    assert all("description" in each for each in contract["properties"].values())


async def test_the_snapshot_is_what_the_feed_adds_up_to(auth: Auth) -> None:
    """It has the newest state of every subject that is still relevant."""
    await everything_happens(auth)
    newest: dict[str, dict[str, Any]] = {}
    for event in await auth.published():
        if int(event["revision"]) >= int(newest.get(event["subject"], {"revision": 0})["revision"]):
            newest[event["subject"]] = event
    shown = {event["subject"]: event for event in await snapshot(auth)}

    assert {subject: (each["revision"], each["data"]) for subject, each in shown.items()} == {
        subject: (each["revision"], each["data"]) for subject, each in newest.items()
    }


async def test_only_a_closed_account_is_said_to_be_closed(auth: Auth) -> None:
    """By the feed and by the snapshot; of the others the field is left out, as it was before."""
    people = await everything_happens(auth)
    told, shown = await auth.published(), await snapshot(auth)
    states = [each["data"] for each in told + shown if each["subject"].startswith("user/")]

    gone = people["deleted"].id
    assert [each for each in states if "closed" in each] == [
        each for each in states if each["user_id"] == gone
    ]
    assert {each["closed"] for each in states if each["user_id"] == gone} == {True}
    assert {each["disabled"] for each in states if each["user_id"] == gone} == {True}
    assert len(states) > 4


async def test_the_snapshot_leaves_out_what_has_expired(auth: Auth) -> None:
    """Expired keys and tokens are omitted; users' states are kept."""
    await everything_happens(auth)
    auth.clock.advance(days=1)
    shown = await snapshot(auth)

    kinds = [event["type"] for event in shown]
    assert kinds.count("bookstore.key.rotated.v1") == 1
    assert kinds.count("bookstore.token.revoked.v1") == 0
    assert kinds.count("bookstore.user.disabled.v1") == 5


async def test_a_long_snapshot_is_read_page_by_page(
    auth: Auth, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No state is lost between two pages."""
    await everything_happens(auth)
    whole = await snapshot(auth)
    monkeypatch.setattr("functions.auth.queries.SNAPSHOT_PAGE", 2)

    assert [each["data"] for each in await snapshot(auth)] == [each["data"] for each in whole]


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 100])
async def test_pages_of_the_snapshot_are_the_whole_one(auth: Auth, limit: int) -> None:
    """Across its three kinds of subjects, wherever a page ends."""
    await everything_happens(auth)
    whole = await states_of(auth.client, "security")
    pages = await states_of(auth.client, "security", limit)

    assert len({each["subject"].partition("/")[0] for each in whole}) == 3
    assert [each["data"] for each in pages] == [each["data"] for each in whole]


@pytest.mark.parametrize("limit", [1, 2])
async def test_pages_of_accounts_are_the_whole_snapshot(auth: Auth, limit: int) -> None:
    """The requests whose link is still to be sent."""
    for name in ("a", "b", "c"):
        await auth.person(f"{name}@example.com")
        await auth.call("POST", "/password/forgot", {"email": f"{name}@example.com"})
    pages = await states_of(auth.client, "accounts", limit)

    assert len(pages) == 3
    assert [each["data"] for each in pages] == [
        each["data"] for each in await states_of(auth.client, "accounts")
    ]


@pytest.fixture
async def other_service(tmp_path: Any) -> AsyncIterator[Database]:
    """The database of a service that keeps a deny-list."""
    database = connect(f"sqlite:///{tmp_path}/other.db?synchronous=off")
    for operation in (*v1.INBOX, *v1.REVOCATIONS):
        for statement in operation.statements("sqlite"):
            await database.run_ddl(statement)
    yield database
    await database.close()


async def test_a_deny_list_refuses_the_same_tokens(auth: Auth, other_service: Database) -> None:
    """A deny-list that consumed the events in any order refuses the same tokens."""
    people = await everything_happens(auth)
    subscriptions = Subscriptions(STREAM)
    auth_stream.subscribe(subscriptions)
    for event in reversed(await auth.published()):
        parsed = cloudevents.read(HEADERS, msgspec.json.encode(event))
        taken = await subscriptions.consume(other_service, parsed, clock=auth.clock)
        assert taken.outcome is EventOutcome.APPLIED
    wire = httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(503)))
    revocations = Revocations(other_service)
    keys = RemoteKeys(other_service, "http://auth.test", clock=auth.clock, http=wire)

    verifier = auth.app.state.services.verifier
    outcomes = {}
    for name, person in people.items():
        principal: Principal = await verifier.verify_signature(person.token)
        outcomes[name] = await revocations.is_revoked(principal)
        assert outcomes[name] is await verifier.is_revoked(principal)
    assert outcomes == dict.fromkeys(people, True) | {"in": False}
    for key in (await auth.call("GET", "/.well-known/jwks.json")).json()["keys"]:
        key.pop("exp", None)  # of a retired key; elsewhere it is a column
        stored = await keys.find(key["kid"])

        assert stored is not None
        assert stored.jwk == key
    await wire.aclose()


async def test_an_older_state_does_not_overtake_a_newer_one(
    auth: Auth, other_service: Database
) -> None:
    """After disabling and enabling, the newer state wins in any order of arrival."""
    people = await everything_happens(auth)
    subject = f"user/{people['enabled'].id}"
    subscriptions = Subscriptions(STREAM)
    auth_stream.subscribe(subscriptions)
    told = [event for event in await auth.published() if event["subject"] == subject]
    parsed: list[Event] = [cloudevents.read(HEADERS, msgspec.json.encode(each)) for each in told]
    for event in (parsed[1], parsed[0]):
        await subscriptions.consume(other_service, event, clock=auth.clock)
    state = SimpleNamespace(**told[1]["data"])

    assert [each.revision for each in parsed] == [1, 2]
    assert state.disabled is False
    fresh = await auth.again(people["enabled"].id, people["enabled"].email)
    principal = await auth.app.state.services.verifier.verify_signature(fresh.token)

    assert await Revocations(other_service).is_revoked(principal) is False


async def test_a_consumers_digest_equals_auths(auth: Auth, other_service: Database) -> None:
    """Its digest equals auth's, so a forged user or key is detected."""
    await everything_happens(auth)
    subscriptions = Subscriptions(STREAM)
    auth_stream.subscribe(subscriptions)
    for event in await auth.published():
        parsed = cloudevents.read(HEADERS, msgspec.json.encode(event))
        await subscriptions.consume(other_service, parsed, clock=auth.clock)
    shown = (await auth.client.get("/internal/streams/security/digest")).json()
    kept = await auth_stream.digest(other_service, auth.clock())
    await remote_keys.store_key(other_service, "forged", 9, {}, None)

    assert shown == {"sequence": len(await auth.published()), "digest": kept}
    assert await auth_stream.digest(other_service, auth.clock()) != kept
