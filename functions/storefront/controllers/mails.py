"""Which mails a customer gets: chosen in the account, or ended by the link in a mail.

A mail program may send the form of that link by itself (RFC 8058): one request, without a session,
which is answered without a redirect.
"""

import re

from litestar import Response, get, post

from functions.kit.http.requests import AnyRequest
from functions.storefront.clients.notifications import Preferences
from functions.storefront.clients.service import Refused
from functions.storefront.domain.paths import LANGUAGES
from functions.storefront.forms import read_form
from functions.storefront.visits import SUCCESS, Visit, open_visit, side_by_side

TOKEN = re.compile(r"[A-Za-z0-9_-]{20,100}")
"""What the tokens of notifications look like; anything else is not asked about."""

DELIVERIES, REVIEWS = "deliveries", "reviews"
"""notifications' topics, as its links name them."""


@get("/{language:str}/account/mails", include_in_schema=False)
async def show_mails(request: AnyRequest) -> Response[bytes]:
    visit = open_visit(request)
    services = visit.services
    profile, preferences = await side_by_side(
        visit.as_customer(services.auth.profile),
        visit.as_customer(services.notifications.preferences),
    )
    return visit.page("mails.html", profile=profile, preferences=preferences)


@post("/{language:str}/account/mails", include_in_schema=False)
async def change_mails(request: AnyRequest) -> Response[bytes]:
    """Store the language and the choice; sending the form again changes nothing."""
    visit = open_visit(request)
    visit.returns_to = visit.url("account", "mails")
    form = await read_form(request)
    services = visit.services
    wanted = Preferences(
        delivery_updates=form.text("delivery_updates") == "1",
        review_requests=form.text("review_requests") == "1",
    )
    language = form.text("mail_language")
    await visit.as_customer(
        lambda caller: services.notifications.change_preferences(caller, wanted)
    )
    if language in LANGUAGES:
        await visit.as_customer(
            lambda caller: services.auth.change_profile(caller, {"language": language})
        )
    visit.tell(SUCCESS, "Your choice of mails is saved.")
    return visit.redirect(visit.url("account", "mails"))


@get("/{language:str}/unsubscribe", include_in_schema=False)
async def show_unsubscribe(request: AnyRequest) -> Response[bytes]:
    """The page of the link in a mail. Opening it changes nothing: programs open links too."""
    return _page(open_visit(request))


@post("/{language:str}/unsubscribe", include_in_schema=False)
async def unsubscribe(request: AnyRequest) -> Response[bytes]:
    visit = open_visit(request)
    visit.returns_to = visit.here  # the address has the link's token, and the form no fields
    token = _token(visit)
    if token is None:
        return _page(visit, status=404)
    try:
        await visit.services.notifications.unsubscribe(visit.caller, token, _topic(visit))
    except Refused as refusal:
        if refusal.status != 404:
            raise
        return _page(visit, status=404, refused=True)
    return _page(visit, done=True)


def _token(visit: Visit) -> str | None:
    """The token in the address; None where it cannot be one, or is for mails of no known topic."""
    token = visit.request.query_params.get("token", "")
    return token if TOKEN.fullmatch(token) and _topic(visit) in {DELIVERIES, REVIEWS} else None


def _topic(visit: Visit) -> str:
    """What the link ends the mails about; those of earlier releases name none."""
    return visit.request.query_params.get("mails", DELIVERIES)


def _page(
    visit: Visit, *, status: int = 200, done: bool = False, refused: bool = False
) -> Response[bytes]:
    token = None if refused else _token(visit)
    response = visit.page(
        "unsubscribe.html",
        status=status if token or done else 404,
        token=token,
        done=done,
        topic=_topic(visit),
    )
    response.headers["cache-control"] = "private, no-store"
    response.headers["referrer-policy"] = "no-referrer"
    return response


HANDLERS = (show_mails, change_mails, show_unsubscribe, unsubscribe)
