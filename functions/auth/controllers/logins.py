"""Log in, refresh tokens, log out, validate a token."""

from typing import Any

from litestar import post
from litestar.params import JSONBody

from functions.auth import commands, queries
from functions.auth.commands import TokenPair
from functions.auth.dependencies import Dependencies
from functions.auth.domain import Language, device
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
from functions.auth.services import services_of
from functions.kit.base.errors import Text, Unauthenticated
from functions.kit.base.language import localized, preferred
from functions.kit.http.guards import bearer
from functions.kit.http.operations import Link, described
from functions.kit.http.problems import problems
from functions.kit.http.requests import AnyRequest
from functions.kit.security.verifier import TokenInvalid, TokenRevoked

LOGGED_IN = Text("login exitoso", "logged in")
LOGGED_OUT = Text("logout exitoso", "logged out")


def client_host(request: AnyRequest) -> str | None:
    """The client's address, which `kit/http/forwarded.py` has set behind proxies."""
    return request.client.host if request.client is not None else None


def accepted_language(request: AnyRequest) -> Language | None:
    """The language that the request prefers; None where it names none."""
    header = request.headers.get("accept-language")
    return None if header is None else Language(preferred(header))


def token_fields(dependencies: Dependencies, pair: TokenPair) -> dict[str, Any]:
    return {
        "token": pair.access.text,
        "access_token": pair.access.text,
        "token_type": "Bearer",
        "expires_in": dependencies.settings.access_token_seconds,
        "refresh_token": pair.refresh_token,
    }


_THIS_TOKEN = {"token": "$response.body#/token"}


@post(
    "/login",
    status_code=200,
    responses=problems(400, 401, 429, 503),
    opt=described(
        links={
            "refresh": Link(
                "POST /refresh", body={"refresh_token": "$response.body#/refresh_token"}
            ),
            "validate": Link("POST /validate", body=_THIS_TOKEN),
            "logout": Link("POST /logout", body=_THIS_TOKEN),
        }
    ),
)
async def login(request: AnyRequest, data: JSONBody[Credentials]) -> LoggedIn:
    """Log in with email and password. The response has an access token and a refresh token.

    An unknown address, a wrong password and a disabled account are answered alike.
    """
    services = services_of(request)
    pair = await commands.log_in(
        services.database,
        services.dependencies,
        data.email,
        data.password,
        host=client_host(request),
        device=device(request.headers.get("user-agent"), client_host(request)),
        language=accepted_language(request),
        clock=services.clock,
    )
    message = localized(request.headers, LOGGED_IN)
    return LoggedIn(message=message, **token_fields(services.dependencies, pair))


@post("/refresh", status_code=200, responses=problems(400, 401))
async def refresh(request: AnyRequest, data: JSONBody[RefreshRequest]) -> Tokens:
    """Exchange a refresh token for new tokens. It can be used once.

    Sent again within 30 seconds it gives the same tokens again, as when an answer was lost; later
    it ends its whole family.
    """
    services = services_of(request)
    pair = await commands.refresh(
        services.database, services.dependencies, data.refresh_token, now=services.clock()
    )
    return Tokens(**token_fields(services.dependencies, pair))


@post("/validate", status_code=200, responses=problems(400, 401))
async def validate(request: AnyRequest, data: JSONBody[TokenToValidate]) -> Validated:
    """Check an access token, and read whose it is. Services verify tokens without this route."""
    services = services_of(request)
    try:
        principal = await services.verifier.authenticate(bearer(data.token))
        account = await queries.get_account(services.database, principal.user_id)
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
async def logout(request: AnyRequest, data: JSONBody[TokenToEnd | None] = None) -> Done:
    """Revoke an access token and its login. The token is in the body or the header."""
    token = bearer(data.token) if data is not None else None
    token = token or bearer(request.headers.get("authorization"))
    if token is None:
        raise TokenNeeded(
            Text(
                'Envíe {"token": "..."} o la cabecera Authorization.',
                'Send {"token": "..."} or the Authorization header.',
            )
        )
    services = services_of(request)
    try:
        principal = await services.verifier.verify_signature(token)
    except TokenInvalid as error:
        raise TokenUnreadable(
            Text(
                "Solo se puede terminar un token que haya emitido esta tienda.",
                "Only a token that this shop issued can be revoked.",
            )
        ) from error
    await commands.log_out(
        services.database, services.dependencies, principal, now=services.clock()
    )
    return Done(message=localized(request.headers, LOGGED_OUT))


HANDLERS = (login, refresh, validate, logout)
