"""Users, for admins; signing keys, public to read and for admins to rotate."""

from typing import Annotated

import msgspec
from litestar import Response, get, patch, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, QueryParameter

from functions.auth import commands, queries
from functions.auth.domain import email_key
from functions.auth.queries import Account
from functions.auth.schemas import JWK, KeyRotated, KeySet, UserChange, UserDetails
from functions.auth.services import services_of
from functions.kit.http.etags import not_modified, strong_etag
from functions.kit.http.guards import admin
from functions.kit.http.operations import ETAG, IF_NONE_MATCH, described
from functions.kit.http.pagination import After, Limit, decode_cursor, encode_cursor, page_response
from functions.kit.http.problems import problems
from functions.kit.http.requests import AnyRequest, PathId

_NOT_MODIFIED = {304: ResponseSpec(None, description="What you have is still so")}

JWKS_MAX_AGE = 300
"""Seconds. A verifier that meets an unknown key reads the set again before they are over."""

EmailFilter = Annotated[
    str | None, QueryParameter(max_length=320, description="Only the account with this address")
]


def details(account: Account) -> UserDetails:
    return UserDetails(
        id=account.id,
        email=account.email,
        name=account.name,
        roles=list(account.roles),
        disabled=account.disabled,
        created_at=account.created_at,
    )


@get("/users", guards=[admin], responses=problems(400))
async def list_users(
    request: AnyRequest,
    limit: Limit = 50,
    after: After = None,
    email: EmailFilter = None,
) -> Response[list[UserDetails]]:
    """List the accounts, oldest first, without deleted ones."""
    accounts = await queries.list_accounts(
        services_of(request).database,
        after=decode_cursor(after, int)[0] if after is not None else 0,
        limit=limit + 1,
        email_key=email_key(email) if email is not None else None,
    )
    cursor = encode_cursor(accounts[limit - 1].id) if len(accounts) > limit else None
    return page_response(request, [details(account) for account in accounts[:limit]], cursor)


@get("/users/{user_id:int}", guards=[admin], responses=problems(404))
async def get_user(request: AnyRequest, user_id: PathId) -> UserDetails:
    """Read an account. A deleted one is not found."""
    return details(await queries.get_account(services_of(request).database, user_id))


@patch("/users/{user_id:int}", guards=[admin], responses=problems(400, 404, 409))
async def change_user(
    request: AnyRequest, user_id: PathId, data: JSONBody[UserChange]
) -> UserDetails:
    """Set a user's roles, or disable or enable the user.

    Every service refuses a user without the role or the access at once, also with an older token.
    """
    services = services_of(request)
    account = await commands.change_user(
        services.database,
        services.dependencies,
        user_id,
        roles=data.roles if data.roles is not msgspec.UNSET else None,
        disabled=data.disabled if data.disabled is not msgspec.UNSET else None,
        now=services.clock(),
    )
    return details(account)


@get(
    "/.well-known/jwks.json",
    responses=_NOT_MODIFIED,
    opt=described(request_headers=[IF_NONE_MATCH], response_headers=[ETAG]),
)
async def jwks(request: AnyRequest) -> Response[KeySet]:
    """The public keys that verify this shop's access tokens; cacheable, with an ETag."""
    services = services_of(request)
    keys = await queries.public_keys(services.database, services.clock())
    if not keys:
        await services.dependencies.signer.ensure_key(services.database, services.clock())
        keys = await queries.public_keys(services.database, services.clock())
    etag = strong_etag(*(f"{key['kid']} {key.get('exp')}" for key in keys))
    headers = {"etag": etag, "cache-control": f"public, max-age={JWKS_MAX_AGE}"}
    if not_modified(request.headers.get("if-none-match"), etag):
        return Response(None, status_code=304, headers=headers)  # type: ignore[arg-type]
    return Response(KeySet([msgspec.convert(key, JWK) for key in keys]), headers=headers)


@post(
    "/admin/keys/rotate",
    guards=[admin],
    opt=described(location="/.well-known/jwks.json"),
)
async def rotate_keys(request: AnyRequest) -> KeyRotated:
    """Sign with a new key from now on. Tokens of the old key stay valid until they expire."""
    services = services_of(request)
    kid = await commands.rotate_key(
        services.database, services.dependencies.signer, services.clock()
    )
    return KeyRotated(kid)


HANDLERS = (list_users, get_user, change_user, jwks, rotate_keys)
