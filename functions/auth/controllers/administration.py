"""Users, for admins; signing keys, public to read and for admins to rotate."""

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Response, get, patch, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, QueryParameter

from functions.auth import commands, queries
from functions.auth.domain import Role, email_key
from functions.auth.queries import Account, AccountFilter, AccountSort, SigningKeyFacts
from functions.auth.schemas import (
    JWK,
    KeyRotated,
    KeySet,
    KeyState,
    SigningKey,
    UserChange,
    UserDetails,
)
from functions.auth.services import services_of
from functions.kit.http.etags import not_modified, strong_etag
from functions.kit.http.guards import admin
from functions.kit.http.operations import ETAG, IF_NONE_MATCH, described
from functions.kit.http.pagination import After, Limit, page_response
from functions.kit.http.problems import problems
from functions.kit.http.requests import AnyRequest, PathId

_NOT_MODIFIED = {304: ResponseSpec(None, description="What you have is still so")}

JWKS_MAX_AGE = 300
"""Seconds. A verifier that meets an unknown key reads the set again before they are over."""

MAX_KEYS = 100
"""Keys that are listed, the newest ones."""

TextFilter = Annotated[
    str | None,
    QueryParameter(
        min_length=1, max_length=100, description="Only accounts whose address or name has this"
    ),
]
RoleFilter = Annotated[Role | None, QueryParameter(description="Only accounts with this role")]
DisabledFilter = Annotated[
    bool | None, QueryParameter(description="Only disabled accounts, or only enabled ones")
]
Replaces = Annotated[
    str | None,
    QueryParameter(
        min_length=1,
        max_length=64,
        description="The key that is to be replaced; a repetition then rotates nothing",
    ),
]
SortParameter = Annotated[AccountSort, QueryParameter(description="`-` for descending order")]
EmailFilter = Annotated[
    str | None, QueryParameter(max_length=320, description="Only the account with this address")
]


def details(account: Account) -> UserDetails:
    return UserDetails(
        id=account.id,
        email=account.email,
        name=account.name,
        roles=list(account.roles),
        language=account.language,
        disabled=account.disabled,
        created_at=account.created_at,
    )


@get("/users", guards=[admin], responses=problems(400))
async def list_users(
    request: AnyRequest,
    limit: Limit = 50,
    after: After = None,
    email: EmailFilter = None,
    q: TextFilter = None,
    role: RoleFilter = None,
    disabled: DisabledFilter = None,
    sort: SortParameter = AccountSort.ID,
) -> Response[list[UserDetails]]:
    """List the accounts without deleted ones, by their ids unless `sort` says otherwise."""
    accounts, cursor = await queries.list_accounts(
        services_of(request).database,
        sort,
        after=after,
        limit=limit,
        where=AccountFilter(
            email_key=email_key(email) if email is not None else None,
            text=q,
            role=role,
            disabled=disabled,
        ),
    )
    return page_response(request, [details(account) for account in accounts], cursor)


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


@get("/admin/keys", guards=[admin])
async def list_keys(request: AnyRequest) -> list[SigningKey]:
    """The keys that sign access tokens, or did: the active one first, then the newest."""
    services = services_of(request)
    now = services.clock()
    keys = await queries.list_keys(services.database, limit=MAX_KEYS)
    return [
        SigningKey(
            kid=key.kid,
            state=_state(key, now),
            created_at=key.created_at,
            retired_at=key.retired_at,
            not_after=key.not_after,
        )
        for key in keys
    ]


def _state(key: SigningKeyFacts, now: datetime) -> KeyState:
    if key.not_after is None:
        return KeyState.ACTIVE
    return KeyState.RETIRED if key.not_after > now else KeyState.EXPIRED


@post(
    "/admin/keys/rotate",
    guards=[admin],
    opt=described(location="/.well-known/jwks.json"),
    responses=problems(400, 409),
)
async def rotate_keys(request: AnyRequest, replaces: Replaces = None) -> KeyRotated:
    """Sign with a new key from now on. Tokens of the old key stay valid until they expire."""
    services = services_of(request)
    kid = await commands.rotate_key(
        services.database, services.dependencies.signer, services.clock(), replaces=replaces
    )
    return KeyRotated(kid)


HANDLERS = (list_users, get_user, change_user, jwks, list_keys, rotate_keys)
