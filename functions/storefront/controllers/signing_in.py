"""Signing in and out, and registering."""

import contextlib

from litestar import Response, get, post

from functions.kit.http.requests import AnyRequest
from functions.storefront.clients.auth import Tokens
from functions.storefront.clients.service import Caller, Refused, ServiceAway
from functions.storefront.domain.paths import local_path
from functions.storefront.errors import SignInNeeded
from functions.storefront.forms import Form, read_form
from functions.storefront.visits import INFO, SUCCESS, Visit, open_visit


@get("/{language:str}/sign-in", include_in_schema=False)
async def show_sign_in(request: AnyRequest) -> Response[bytes]:
    visit = open_visit(request)
    next_path = local_path(request.query_params.get("next")) or visit.url("account")
    if visit.signed_in is not None:
        return visit.redirect(next_path)
    ended = request.query_params.get("ended") == "1"
    return visit.page("sign_in.html", next_path=next_path, typed={}, problems={}, ended=ended)


@post("/{language:str}/sign-in", include_in_schema=False)
async def sign_in(request: AnyRequest) -> Response[bytes]:
    visit = open_visit(request)
    form = await read_form(request)
    next_path = local_path(form.text("next")) or visit.url("account")
    try:
        tokens = await visit.services.auth.log_in(
            visit.caller, email=form.text("email"), password=form.secret("password")
        )
    except Refused as refusal:
        return _refused(visit, "sign_in.html", form, refusal, next_path)
    await _begin(visit, tokens)
    return visit.redirect(next_path)


@get("/{language:str}/register", include_in_schema=False)
async def show_register(request: AnyRequest) -> Response[bytes]:
    visit = open_visit(request)
    next_path = local_path(request.query_params.get("next")) or visit.url("account")
    return visit.page("register.html", next_path=next_path, typed={}, problems={})


@post("/{language:str}/register", include_in_schema=False)
async def register(request: AnyRequest) -> Response[bytes]:
    """Make an account, and sign in."""
    visit = open_visit(request)
    form = await read_form(request)
    next_path = local_path(form.text("next")) or visit.url("account")
    email, password = form.text("email"), form.secret("password")
    auth = visit.services.auth
    try:
        await auth.register(visit.caller, email=email, password=password, name=form.text("name"))
        tokens = await auth.log_in(visit.caller, email=email, password=password)
    except Refused as refusal:
        return _refused(visit, "register.html", form, refusal, next_path)
    await _begin(visit, tokens)
    visit.tell(SUCCESS, "Your account is ready.")
    return visit.redirect(next_path)


def _refused(
    visit: Visit, template: str, form: Form, refusal: Refused, next_path: str
) -> Response[bytes]:
    """The form again, with what was typed and each problem beside its field."""
    problems = refusal.fields or {"": refusal.problem.detail}
    response = visit.page(
        template,
        status=refusal.status,
        next_path=next_path,
        typed=form.shown("password"),
        problems=problems,
        ended=False,
    )
    if refusal.retry_after is not None:
        response.headers["retry-after"] = str(refusal.retry_after)
    return response


async def _begin(visit: Visit, tokens: Tokens) -> None:
    """Keep the tokens in the session, and hand the visitor's cart to purchase."""
    services, caller = visit.services, visit.caller
    profile = await services.auth.profile(
        Caller(caller.language, caller.address, tokens.access_token)
    )
    visit.session.signed_in = services.tokens.signed_in(
        tokens,
        user_id=profile.id,
        email=profile.email,
        name=profile.name or "",
        roles=profile.roles,
    )
    lines = visit.session.cart.lines
    if not lines:
        return
    try:
        merged = await visit.as_customer(lambda who: services.purchase.merge_cart(who, lines))
    except (Refused, ServiceAway):
        # The cart stays in the session and is merged at the next sign-in; signing in succeeds.
        return
    visit.session.cart.clear()
    if merged.left_out:
        visit.tell(INFO, "Some books of your cart are no longer sold; they were left out.")


@post("/{language:str}/sign-out", include_in_schema=False)
async def sign_out(request: AnyRequest) -> Response[bytes]:
    """Revoke the session at auth, and forget it here; both happen where auth is away, too."""
    visit = open_visit(request)
    if visit.signed_in is not None:
        # Where auth is away the tokens are deleted with the cookie, and expire.
        with contextlib.suppress(Refused, ServiceAway, SignInNeeded):
            await visit.as_customer(visit.services.auth.log_out)
        visit.session.signed_in = None
    visit.tell(INFO, "You have signed out.")
    return visit.redirect(visit.url())


HANDLERS = (show_sign_in, sign_in, show_register, register, sign_out)
