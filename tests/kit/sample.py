"""A small service on the kit: it owns notes, and has a projection of another service's things."""

from collections.abc import AsyncGenerator, Mapping
from typing import Annotated, Any

import httpx
import msgspec
from litestar import Litestar, Request, Response, get, post
from litestar.params import JSONBody, QueryParameter
from msgspec import Meta
from piccolo.columns import BigInt, Serial, Varchar
from piccolo.querystring import QueryString
from piccolo.table import Table

from functions.kit.app import Service, Wiring, build_app
from functions.kit.base.clock import Clock
from functions.kit.base.fields import Id, Strict, line
from functions.kit.base.settings import ServiceSettings
from functions.kit.data.database import Database, transactional
from functions.kit.data.idempotency_keys import run_once
from functions.kit.events import cloudevents, dead_letters
from functions.kit.events.cloudevents import Event
from functions.kit.events.dead_letters import DeadLetter
from functions.kit.events.feed import OwnedStream, id_in
from functions.kit.events.outbox import NewEvent, Outbox, as_state
from functions.kit.events.subscriptions import Stream, Subscriptions
from functions.kit.http.guards import signed_in, staff
from functions.kit.http.idempotency import answer_response, scope_of
from functions.kit.http.pagination import After, Limit, decode_cursor, encode_cursor, page_response
from functions.kit.http.requests import PathId
from functions.kit.http.responses import encode
from functions.kit.security import auth_stream
from functions.kit.security.principal import Principal
from functions.kit.security.verifier import Verifier
from tests.kit import migrations as sample_migrations
from tests.support.signing import SECRET, SIGNER

NOTES = "/sample/notes"
NOTE_WRITTEN = "sample.note.written.v1"
THINGS = Stream(source="/other/things", owner="other", name="things")
THING_CHANGED = "other.thing.changed.v1"
OWNER = "http://other.test"


class Note(Table, tablename="notes"):
    id = Serial(primary_key=True)
    text = Varchar(length=200)
    revision = BigInt()


class NoteState(msgspec.Struct, frozen=True):
    note_id: int
    text: str


class NewNote(Strict, frozen=True, kw_only=True):
    text: Annotated[str, line(200)]


class ThingState(msgspec.Struct, frozen=True):
    thing_id: Id
    label: Annotated[str, Meta(max_length=200)]


def note_written(note_id: int, text: str, revision: int = 1) -> NewEvent:
    return NewEvent(
        source=NOTES,
        type=NOTE_WRITTEN,
        subject=f"note/{note_id}",
        revision=revision,
        data=NoteState(note_id, text),
    )


@transactional
async def write_note(database: Database, text: str, *, outbox: Outbox) -> int:
    """A note and its event."""
    outcome = await database.execute(
        QueryString("INSERT INTO notes (text, revision) VALUES ({}, 1)", text)
    )
    note_id: int = outcome.lastrowid
    await outbox.add(database, note_written(note_id, text))
    return note_id


async def notes(database: Database) -> list[str]:
    outcome = await database.execute(QueryString("SELECT text FROM notes ORDER BY id"))
    return [row["text"] for row in outcome.rows]


async def note_states(database: Database, subject: str | None) -> AsyncGenerator[Event]:
    after = id_in(subject, "note")
    outcome = await database.execute(
        QueryString("SELECT * FROM notes WHERE id > {} ORDER BY id", after)
    )
    for row in outcome.rows:
        yield as_state(note_written(row["id"], row["text"], row["revision"]))


async def record_thing(database: Database, event: Event, state: ThingState) -> None:
    """Keep the newest state, and count how often one took effect.

    A label of "poison" is what a bug in a handler looks like.
    """
    if state.label == "poison":
        raise KeyError("title")
    await database.execute(
        QueryString(
            "INSERT INTO things (thing_id, label, revision, applied) VALUES ({}, '', 0, 0)"
            " ON CONFLICT (thing_id) DO NOTHING",
            state.thing_id,
        )
    )
    await database.execute(
        QueryString(
            "UPDATE things SET label = {}, revision = {}, applied = applied + 1"
            " WHERE thing_id = {} AND revision < {}",
            state.label,
            event.revision,
            state.thing_id,
            event.revision,
        )
    )


async def things(database: Database) -> dict[int, tuple[str, int, int]]:
    """Label, revision, and how often a state was applied, by id."""
    outcome = await database.execute(QueryString("SELECT * FROM things ORDER BY thing_id"))
    return {
        row["thing_id"]: (row["label"], row["revision"], row["applied"]) for row in outcome.rows
    }


def subscriptions() -> Subscriptions:
    subscribed = Subscriptions(THINGS)
    subscribed.on(THING_CHANGED, ThingState)(record_thing)
    return subscribed


def thing_changed(
    sequence: int | None, thing_id: int = 1, revision: int | None = None, **fields: Any
) -> Event:
    """An event as the other service sends it, signed; its id follows from the sequence."""
    label = fields.pop("label", f"label {sequence}")
    attributes: dict[str, Any] = {
        "id": f"event-{sequence}",
        "source": THINGS.source,
        "type": THING_CHANGED,
        "subject": f"thing/{thing_id}",
        "sequence": sequence,
        "revision": sequence if revision is None else revision,
        "data": msgspec.json.encode({"thing_id": thing_id, "label": label}),
        **fields,
    }
    return SIGNER.sign(Event(**attributes))


@get("/notes")
async def list_notes(
    request: Request[Any, Any, Any],
    limit: Limit = 50,
    after: After = None,
    q: Annotated[str | None, QueryParameter()] = None,
    min_length: Annotated[int | None, QueryParameter(name="min-length")] = None,
) -> Response[list[NoteState]]:
    """The notes; `q` stands for any filter, and finds all of them."""
    del q
    start = 0 if after is None else decode_cursor(after, int)[0]
    outcome = await request.app.state.services.database.execute(
        QueryString("SELECT * FROM notes WHERE id > {} ORDER BY id LIMIT {}", start, limit + 1)
    )
    rows = [NoteState(row["id"], row["text"]) for row in outcome.rows]
    rows = [row for row in rows if len(row.text) >= (min_length or 0)]
    cursor = encode_cursor(rows[limit - 1].note_id) if len(rows) > limit else None
    return page_response(request, rows[:limit], cursor)


@get("/notes/{note_id:int}", guards=[staff])
async def get_note(note_id: PathId) -> NoteState:
    return NoteState(note_id, "a note")


@post("/notes", guards=[signed_in])
async def post_note(
    request: Request[Principal, Any, Any], data: JSONBody[NewNote]
) -> Response[NoteState]:
    state, user_id = request.app.state.services, request.user.user_id

    async def command() -> NoteState:
        note_id = await write_note(state.database, data.text, outbox=state.outbox)
        return NoteState(note_id, data.text)

    scope = scope_of(
        request.headers, user_id=user_id, route="POST /notes", body=await request.body()
    )
    return answer_response(
        await run_once(
            state.database, scope, command, lambda note: (201, encode(note)), clock=state.clock
        )
    )


@get("/broken")
async def broken() -> None:
    raise RuntimeError("the password is hunter2")


def settings(url: str, **environ: str) -> ServiceSettings:
    own = {"DATABASE_URL": url, "AUTO_MIGRATE": "true", "INTERNAL_SECRET": SECRET}
    return ServiceSettings.from_mapping(own | environ)


def create_app(
    url: str,
    *,
    clock: Clock,
    http: httpx.AsyncClient,
    environ: Mapping[str, str] | None = None,
    **own: Any,
) -> Litestar:
    """The sample's app; `own` replaces what the service says of itself."""
    chosen = settings(url, **(environ or {}))

    def verifier(wiring: Wiring) -> Verifier:
        return auth_stream.verifier(wiring.database, chosen, clock=clock, http=wiring.http)

    parts: dict[str, Any] = {
        "name": "sample",
        "description": "Notes.",
        "migrations": sample_migrations,
        "tables": (Note,),
        "services": lambda shared: shared,
        "public": (list_notes, get_note, post_note, broken),
        "streams": (OwnedStream("notes", NOTES, note_states),),
        "subscriptions": lambda _: subscriptions(),
        "owners": {"other": OWNER},
        "verifier": verifier,
        **own,
    }
    return build_app(Service(**parts), chosen, clock=clock, http=http)


async def push(client: httpx.AsyncClient, event: Event, path: str = "/events") -> httpx.Response:
    headers, body = cloudevents.write(event)
    return await client.post(path, headers=headers, content=body)


async def letters(database: Database) -> list[DeadLetter]:
    return await dead_letters.listing(database, after=0, limit=100)
