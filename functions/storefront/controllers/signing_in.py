"""Signing in and out, and registering."""

import contextlib

import msgspec
from litestar import Response, get, post

from functions.kit.http.requests import AnyRequest
from functions.storefront.clients.auth import Tokens
from functions.storefront.clients.service import Refused, ServiceAway
from functions.storefront.controllers.carts import hand_over_cart
from functions.storefront.domain.paths import in_other_language, local_path
from functions.storefront.errors import SignInNeeded
from functions.storefront.forms import Form, read_form
from functions.storefront.translations import N_
from functions.storefront.visits import INFO, SUCCESS, Visit, open_visit


@get("/{language:str}/sign-in", include_in_schema=False)
async def show_sign_in(request: AnyRequest) -> Response[bytes]:
    """The form; a person who has signed in goes on. `ended` is the mark of an ended session.

    Another tab may have signed in meanwhile: its session has another mark, and is kept.
    """
    visit = open_visit(request)
    next_path = _next_path(visit)
    ended = request.query_params.get("ended", "")
    if visit.signed_in is not None:
        if visit.signed_in.mark != ended:
            return visit.redirect(next_path)
        visit.session.signed_in = None
    return visit.page("sign_in.html", next_path=next_path, typed={}, problems={}, ended=bool(ended))


def _next_path(visit: Visit) -> str:
    """Where to go on, in the language of this page: it may have been changed here."""
    path = local_path(visit.request.query_params.get("next"))
    if path is None:
        return visit.url("account")
    path, _, query = path.partition("?")
    return in_other_language(path, query, visit.language)


@post("/{language:str}/sign-in", include_in_schema=False)
async def sign_in(request: AnyRequest) -> Response[bytes]:
    visit = open_visit(request)
    form = await read_form(request)
    next_path = local_path(form.text("next")) or visit.url("account")
    visit.returns_to = visit.url("sign-in", next=next_path)
    try:
        tokens = await visit.services.auth.log_in(
            visit.caller, email=form.text("email"), password=form.secret("password")
        )
        await _begin(visit, tokens)
    except (Refused, ServiceAway) as problem:
        return _again(visit, "sign_in.html", form, problem, next_path)
    return visit.redirect(next_path)


@get("/{language:str}/register", include_in_schema=False)
async def show_register(request: AnyRequest) -> Response[bytes]:
    visit = open_visit(request)
    next_path = _next_path(visit)
    return visit.page("register.html", next_path=next_path, typed={}, problems={})


@post("/{language:str}/register", include_in_schema=False)
async def register(request: AnyRequest) -> Response[bytes]:
    """Make an account, and sign in.

    A form that is sent again, as after a lost answer, finds the account made: its password decides.
    """
    visit = open_visit(request)
    form = await read_form(request)
    next_path = local_path(form.text("next")) or visit.url("account")
    visit.returns_to = visit.url("register", next=next_path)
    email, password = form.text("email"), form.secret("password")
    auth = visit.services.auth
    taken: Refused | None = None
    try:
        await auth.register(visit.caller, email=email, password=password, name=form.text("name"))
    except ServiceAway as away:
        return _again(visit, "register.html", form, away, next_path)
    except Refused as refusal:
        if refusal.code != "email-already-registered":
            return _again(visit, "register.html", form, refusal, next_path)
        taken = refusal
    try:
        await _begin(visit, await auth.log_in(visit.caller, email=email, password=password))
    except (Refused, ServiceAway):
        if taken is not None:
            return _again(visit, "register.html", form, taken, next_path)
        visit.tell(SUCCESS, "Your account is ready. Sign in to go on.")
        return visit.redirect(visit.url("sign-in", next=next_path))
    visit.tell(SUCCESS, "Your account is ready.")
    return visit.redirect(next_path)


def _again(
    visit: Visit, template: str, form: Form, problem: Refused | ServiceAway, next_path: str
) -> Response[bytes]:
    """The form again, with what was typed and each problem beside its field."""
    if isinstance(problem, Refused):
        status, problems = problem.status, problem.fields or {"": visit.reason(problem)}
        if problem.code == "invalid-credentials":
            problems = {"": visit.gettext(_WRONG)}
    else:
        status, problems = 503, {"": visit.gettext(_AWAY)}
    response = visit.page(
        template,
        status=status,
        next_path=next_path,
        typed=form.shown("password"),
        problems=problems,
        ended=False,
    )
    if problem.retry_after is not None:
        response.headers["retry-after"] = str(problem.retry_after)
    return response


_WRONG = N_("Email or password is wrong.")

_AWAY = N_(
    "Accounts cannot be reached right now. Try again in a moment; you can go on looking at books."
)


async def _begin(visit: Visit, tokens: Tokens) -> None:
    """Keep the tokens in the session, and hand the visitor's cart to purchase.

    A session that this browser had until now ends: nobody can sign out of it any more.
    """
    services, caller, former = visit.services, visit.caller, visit.signed_in
    profile = await services.auth.profile(
        msgspec.structs.replace(caller, token=tokens.access_token)
    )
    visit.session.signed_in = services.tokens.signed_in(
        tokens,
        user_id=profile.id,
        email=profile.email,
        name=profile.name or "",
        roles=profile.roles,
    )
    if former is not None:
        services.tokens.end(former, caller)
    await hand_over_cart(visit)


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
