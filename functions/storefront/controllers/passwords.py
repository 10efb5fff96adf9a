"""A forgotten password: ask for a link, and choose a new password by it.

The link's token is in an address once, in the mail. Opening the link moves it into the sealed
session and redirects, so that it is in no history, no Referer and no form.
"""

import re

from litestar import Response, get, post

from functions.kit.http.requests import AnyRequest
from functions.storefront.clients.service import Refused
from functions.storefront.forms import read_form
from functions.storefront.visits import SUCCESS, Visit, open_visit

TOKEN = re.compile(r"[A-Za-z0-9_-]{20,100}")
"""What auth's tokens look like; anything else is not asked about."""

INVALID = "password-reset-invalid"
"""auth's code for a token that is unknown, used, replaced or expired."""


@get("/{language:str}/forgot-password", include_in_schema=False)
async def show_forgot_password(request: AnyRequest) -> Response[bytes]:
    visit = open_visit(request)
    sent = request.query_params.get("sent") == "1"
    return visit.page("forgot_password.html", sent=sent, typed={}, problems={})


@post("/{language:str}/forgot-password", include_in_schema=False)
async def forgot_password(request: AnyRequest) -> Response[bytes]:
    """Ask auth for a link; the page that follows is the same for every address."""
    visit = open_visit(request)
    visit.returns_to = visit.url("forgot-password")
    form = await read_form(request)
    try:
        await visit.services.auth.forgot_password(visit.caller, email=form.text("email"))
    except Refused as refusal:
        response = visit.page(
            "forgot_password.html",
            status=refusal.status,
            sent=False,
            typed=form.shown(),
            problems=refusal.fields or {"": visit.reason(refusal)},
        )
        if refusal.retry_after is not None:
            response.headers["retry-after"] = str(refusal.retry_after)
        return response
    return visit.redirect(visit.url("forgot-password", sent=1))


@get("/{language:str}/reset-password", include_in_schema=False)
async def show_reset_password(request: AnyRequest) -> Response[bytes]:
    visit = open_visit(request)
    token = request.query_params.get("token")
    if token is None:
        return _page(visit)
    visit.session.reset_token = token if TOKEN.fullmatch(token) else ""
    return _private(visit.redirect(visit.url("reset-password")))


@post("/{language:str}/reset-password", include_in_schema=False)
async def reset_password(request: AnyRequest) -> Response[bytes]:
    """Set the new password. Every session of the account ends, in this browser too."""
    visit = open_visit(request)
    visit.returns_to = visit.url("reset-password")
    form = await read_form(request)
    token = visit.session.reset_token
    if not token:
        return _page(visit, status=400)
    try:
        await visit.services.auth.reset_password(
            visit.caller, token=token, password=form.secret("password")
        )
    except Refused as refusal:
        if refusal.code == INVALID:
            visit.session.reset_token = ""
            return _page(visit, status=refusal.status)
        problems = refusal.fields or {"": visit.reason(refusal)}
        response = _page(visit, status=refusal.status, problems=problems)
        if refusal.retry_after is not None:
            response.headers["retry-after"] = str(refusal.retry_after)
        return response
    visit.session.reset_token = ""
    visit.session.signed_in = None
    visit.tell(
        SUCCESS,
        "Your password is changed, and every device is signed out. Sign in with the new one.",
    )
    return _private(visit.redirect(visit.url("sign-in")))


def _page(
    visit: Visit, *, status: int = 200, problems: dict[str, str] | None = None
) -> Response[bytes]:
    """The form, or what to do where the session has no token of a link."""
    has_link = bool(visit.session.reset_token)
    response = visit.page(
        "reset_password.html", status=status, has_link=has_link, problems=problems or {}
    )
    return _private(response)


def _private(response: Response[bytes]) -> Response[bytes]:
    """Neither stored by a cache nor named to another page."""
    response.headers["cache-control"] = "private, no-store"
    response.headers["referrer-policy"] = "no-referrer"
    return response


HANDLERS = (show_forgot_password, forgot_password, show_reset_password, reset_password)
