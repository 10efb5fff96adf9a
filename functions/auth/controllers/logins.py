"""Logging in, staying in, logging out, and asking whether a token is good."""

from typing import Any

from litestar import Request, post
from litestar.params import JSONBody

from functions.auth import commands, queries
from functions.auth.commands import TokenPair
from functions.auth.errors import TokenNeeded, TokenUnreadable, UserNotFound
from functions.auth.schemas import (
    Credentials,
    Done,
    LoggedIn,
    RefreshRequest,
    Tokens,
    TokenToEnd,
    TokenToValidate,
    TokenUser,
    Validated,
)
from functions.auth.tools import Tools
from functions.kit.base.errors import Text, Unauthenticated
from functions.kit.base.language import say
from functions.kit.http.guards import bearer
from functions.kit.http.openapi import Link, described
from functions.kit.http.problems import problems
from functions.kit.security.verifier import TokenInvalid, TokenRevoked, Verifier

LOGGED_IN = Text("login exitoso", "logged in")
LOGGED_OUT = Text("logout exitoso", "logged out")


def client_host(request: Request[Any, Any, Any]) -> str | None:
    """The visitor's address; behind proxies kit/forwarded.py has put it there."""
    return request.client.host if request.client is not None else None


def token_fields(tools: Tools, pair: TokenPair) -> dict[str, Any]:
    return {
        "token": pair.access.text,
        "access_token": pair.access.text,
        "token_type": "Bearer",
        "expires_in": tools.settings.access_token_seconds,
        "refresh_token": pair.refresh_token,
    }


_THIS_TOKEN = {"token": "$response.body#/token"}


@post(
    "/login",
    status_code=200,
    responses=problems(400, 401, 429, 503),
    opt=described(
        leads_to={
            "refresh": Link(
                "POST /refresh", body={"refresh_token": "$response.body#/refresh_token"}
            ),
            "validate": Link("POST /validate", body=_THIS_TOKEN),
            "logout": Link("POST /logout", body=_THIS_TOKEN),
        }
    ),
)
async def login(request: Request[Any, Any, Any], data: JSONBody[Credentials]) -> LoggedIn:
    """Email and password for an access token and a refresh token.

    An unknown address, a wrong password and a disabled account are answered alike.
    """
    state = request.app.state
    pair = await commands.log_in(
        state.database,
        state.tools,
        data.email,
        data.password,
        host=client_host(request),
        clock=state.clock,
    )
    message = say(request.headers, LOGGED_IN)
    return LoggedIn(message=message, **token_fields(state.tools, pair))


@post("/refresh", status_code=200, responses=problems(400, 401))
async def refresh(request: Request[Any, Any, Any], data: JSONBody[RefreshRequest]) -> Tokens:
    """A refresh token for new tokens. It is good once.

    Sent again within 10 seconds it gives the same tokens again, as when an answer was lost; later
    it ends its whole family.
    """
    state = request.app.state
    pair = await commands.refresh(
        state.database, state.tools, data.refresh_token, now=state.clock()
    )
    return Tokens(**token_fields(state.tools, pair))


@post("/validate", status_code=200, responses=problems(400, 401))
async def validate(request: Request[Any, Any, Any], data: JSONBody[TokenToValidate]) -> Validated:
    """Whether an access token is good, and whose it is. Services need not ask: they verify."""
    state = request.app.state
    verifier: Verifier = state.verifier
    try:
        principal = await verifier.authenticate(bearer(data.token))
        account = await queries.get_account(state.database, principal.user_id)
    except UserNotFound as error:
        raise TokenRevoked(
            Text("Esta cuenta fue eliminada.", "This account was deleted."), valid=False
        ) from error
    except Unauthenticated as error:
        error.extensions["valid"] = False
        raise
    user = TokenUser(id=account.id, email=account.email, roles=list(account.roles))
    return Validated(valid=True, user=user)


@post("/logout", status_code=200, responses=problems(400))
async def logout(request: Request[Any, Any, Any], data: JSONBody[TokenToEnd | None] = None) -> Done:
    """End an access token and the login it came from; the token is in the body or the header."""
    token = bearer(data.token) if data is not None else None
    token = token or bearer(request.headers.get("authorization"))
    if token is None:
        raise TokenNeeded(
            Text(
                'Envíe {"token": "..."} o la cabecera Authorization.',
                'Send {"token": "..."} or the Authorization header.',
            )
        )
    state = request.app.state
    verifier: Verifier = state.verifier
    try:
        principal = await verifier.verify_signature(token)
    except TokenInvalid as error:
        raise TokenUnreadable(
            Text(
                "Solo se puede terminar un token que haya emitido esta tienda.",
                "Only a token that this shop has issued can be ended.",
            )
        ) from error
    await commands.log_out(state.database, state.tools, principal, now=state.clock())
    return Done(message=say(request.headers, LOGGED_OUT))


HANDLERS = (login, refresh, validate, logout)
