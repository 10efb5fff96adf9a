"""Dead letters of all services: look, replay one or all that wait, discard with a reason."""

import asyncio
from typing import Any, NamedTuple

import msgspec
from litestar import Response, get, post

from functions.kit.http.requests import AnyRequest
from functions.storefront.back_office import ADMIN
from functions.storefront.clients.operations import Letter, LetterDetails, OperationsClient
from functions.storefront.clients.service import Caller, Refused, ServiceAway
from functions.storefront.controllers.admin.operations import service_in_path
from functions.storefront.controllers.books import id_in_path
from functions.storefront.controllers.lists import (
    CHOICE,
    Column,
    Filter,
    Listing,
    ListOf,
    confirmation_page,
)
from functions.storefront.forms import Form, read_form
from functions.storefront.translations import N_
from functions.storefront.visits import PROBLEM, SUCCESS, Visit, open_area

FIRST = 10
"""Letters of a service on the page of all services."""
REPLAY_PAGES = 10
"""Pages of 50 letters that one form replays; the page says how many are left."""
SHOWN_BODY = 20_000
"""Characters of a body that a page shows."""

_NOT_ADMITTED = {401, 403}
_LAYOUT = "\n\t"

STATES = (
    ("waiting", N_("Waiting")),
    ("replayed", N_("Replayed")),
    ("discarded", N_("Discarded")),
)

_REPLAYED = N_("The event was processed again: %(outcome)s.")
_CANNOT = N_("The event cannot be processed as it is: %(reason)s")
_DISCARDED = N_("The dead letter is discarded. Its record is kept for 90 days.")
_NO_REASON = N_("Write in one line why the event is not needed.")
_ALL = N_("%(done)s events were processed again; %(failed)s cannot be processed as they are.")
_MORE = N_("There are more. Send the form again to go on.")


class Waiting(NamedTuple):
    """The letters of a service that wait."""

    service: str
    letters: list[Letter] | None
    """The oldest ones; None where the service does not answer."""
    has_more: bool = False


def _list_of(service: str) -> ListOf:
    return ListOf(
        path=("admin", "dead-letters", service),
        columns=(
            Column("event", N_("Event")),
            Column("reason", N_("Reason")),
            Column("received", N_("Put aside")),
            Column("state", N_("State")),
            Column("id", N_("Number"), None, "amount"),
        ),
        filters=(Filter("state", N_("State"), CHOICE, STATES),),
    )


@get("/{language:str}/admin/dead-letters", include_in_schema=False)
async def show_all(request: AnyRequest) -> Response[bytes]:
    visit = await open_area(request, ADMIN)
    waiting = await visit.as_customer(lambda caller: _waiting(visit, caller))
    return visit.page("admin/dead_letters.html", waiting=waiting)


async def _waiting(visit: Visit, caller: Caller) -> list[Waiting]:
    clients = visit.services.operations
    asked = {"state": "waiting", "limit": FIRST}
    answers = await asyncio.gather(
        *(client.letters(caller, asked) for client in clients.values()), return_exceptions=True
    )
    found = []
    for name, answer in zip(clients, answers, strict=True):
        if isinstance(answer, tuple):
            found.append(Waiting(name, answer[0], answer[1] is not None))
        elif isinstance(answer, Refused) and answer.status in _NOT_ADMITTED:
            raise answer
        elif isinstance(answer, ServiceAway | Refused):
            found.append(Waiting(name, None))
        else:
            raise answer
    return found


@get("/{language:str}/admin/dead-letters/{service:str}", include_in_schema=False)
async def list_letters(request: AnyRequest) -> Response[bytes]:
    visit = await open_area(request, ADMIN)
    name = service_in_path(visit)
    listing = Listing(visit, _list_of(name))
    letters = await listing.read(_client(visit).letters)
    return visit.page(
        "admin/dead_letters_of.html",
        status=listing.status,
        service=name,
        listing=listing,
        letters=letters,
    )


@get("/{language:str}/admin/dead-letters/{service:str}/{letter_id:str}", include_in_schema=False)
async def show_letter(request: AnyRequest) -> Response[bytes]:
    visit = await open_area(request, ADMIN)
    return await _letter_page(visit)


async def _letter_page(
    visit: Visit, form: Form | None = None, problem: str | None = None
) -> Response[bytes]:
    client, letter_id = _client(visit), id_in_path(visit.request, "letter_id")
    letter = await visit.as_customer(lambda caller: client.letter(caller, letter_id))
    return visit.page(
        "admin/dead_letter.html",
        status=200 if problem is None else 400,
        service=service_in_path(visit),
        letter=letter,
        body=readable(letter),
        cut=len(letter.body) > SHOWN_BODY,
        headers=[(name, printable(value)) for name, value in sorted(letter.headers.items())],
        reason=form.text("reason") if form is not None else "",
        problem=problem,
    )


@post(
    "/{language:str}/admin/dead-letters/{service:str}/{letter_id:str}/replay",
    include_in_schema=False,
)
async def replay(request: AnyRequest) -> Response[bytes]:
    visit = await open_area(request, ADMIN)
    here = visit.returns_to = _letter_url(visit)
    client, letter_id = _client(visit), id_in_path(request, "letter_id")
    try:
        done = await visit.as_customer(lambda caller: client.replay(caller, letter_id))
    except Refused as refusal:
        if refusal.status != 409:
            raise
        text = visit.gettext(_CANNOT) % {"reason": printable(visit.reason(refusal))[:300]}
        visit.session.tell(PROBLEM, text)
    else:
        text = visit.gettext(_REPLAYED) % {"outcome": outcome_text(visit, done.outcome)}
        visit.session.tell(SUCCESS, text)
    return visit.redirect(here)


@post(
    "/{language:str}/admin/dead-letters/{service:str}/{letter_id:str}/discard",
    include_in_schema=False,
)
async def discard(request: AnyRequest) -> Response[bytes]:
    visit = await open_area(request, ADMIN, keeps_form=True)
    here = visit.returns_to = _letter_url(visit)
    client, letter_id = _client(visit), id_in_path(request, "letter_id")
    form = await read_form(request)
    try:
        reason = form.text("reason")
        await visit.as_customer(lambda caller: client.discard(caller, letter_id, reason))
    except Refused as refusal:
        if refusal.status != 400:
            raise
        return await _letter_page(visit, form, visit.gettext(_NO_REASON))
    visit.tell(SUCCESS, _DISCARDED)
    return visit.redirect(here)


@get("/{language:str}/admin/dead-letters/{service:str}/replay-all", include_in_schema=False)
async def ask_before_replaying_all(request: AnyRequest) -> Response[bytes]:
    visit = await open_area(request, ADMIN)
    name = service_in_path(visit)
    return confirmation_page(
        visit,
        title=visit.gettext(N_("Replay all dead letters of %(service)s?")) % {"service": name},
        text=visit.gettext(
            N_(
                "Each event that waits is processed again. One that has had its effect"
                " changes nothing; one that cannot be processed stays, with the reason."
            )
        ),
        button=visit.gettext(N_("Replay all")),
        back=visit.url("admin", "dead-letters", name),
        danger=False,
    )


@post("/{language:str}/admin/dead-letters/{service:str}/replay-all", include_in_schema=False)
async def replay_all(request: AnyRequest) -> Response[bytes]:
    visit = await open_area(request, ADMIN)
    client, name = _client(visit), service_in_path(visit)
    here = visit.returns_to = visit.url("admin", "dead-letters", name)
    done, failed, cursor = 0, 0, None
    for _ in range(REPLAY_PAGES):
        replayed, cursor = await visit.as_customer(_replay_page(client, cursor))
        failures = sum(each.outcome in {"cannot-replay", "failed"} for each in replayed)
        done, failed = done + len(replayed) - failures, failed + failures
        if cursor is None:
            break
    text = visit.gettext(_ALL) % {"done": done, "failed": failed}
    if cursor is not None:
        text += f" {visit.gettext(_MORE)}"
    visit.session.tell(PROBLEM if failed else SUCCESS, text)
    return visit.redirect(here)


def _replay_page(client: OperationsClient, after: str | None) -> Any:
    return lambda caller: client.replay_waiting(caller, after)


def _client(visit: Visit) -> OperationsClient:
    return visit.services.operations[service_in_path(visit)]


def _letter_url(visit: Visit) -> str:
    letter_id = id_in_path(visit.request, "letter_id")
    return visit.url("admin", "dead-letters", service_in_path(visit), letter_id)


_OUTCOMES = {
    "applied": N_("it has taken effect"),
    "seen-before": N_("it had its effect before"),
    "superseded": N_("a newer state is known"),
    "unknown-type": N_("no handler wants events of this type"),
    "triggered": N_("the background tasks run"),
}


def outcome_text(visit: Visit, outcome: str) -> str:
    return visit.gettext(_OUTCOMES[outcome]) if outcome in _OUTCOMES else outcome


def readable(letter: LetterDetails) -> str:
    """The beginning of a body: JSON with indentation, anything else as it came."""
    text = letter.body[:SHOWN_BODY]
    if len(letter.body) <= SHOWN_BODY:
        try:
            text = msgspec.json.format(letter.body.encode(), indent=2).decode()[: 2 * SHOWN_BODY]
        except (msgspec.MsgspecError, ValueError, RecursionError):
            text = letter.body
    return printable(text)


def printable(text: str) -> str:
    """The text with every invisible character as an escape, so that none changes what is read."""
    return "".join(
        each if each.isprintable() or each in _LAYOUT else _escaped(each) for each in text
    )


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


HANDLERS = (
    show_all,
    list_letters,
    ask_before_replaying_all,
    replay_all,
    show_letter,
    replay,
    discard,
)
