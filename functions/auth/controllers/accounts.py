"""Register an account; read, change and close one's own."""

import msgspec
from litestar import delete, get, patch, post
from litestar.params import JSONBody

from functions.auth import commands, queries
from functions.auth.controllers.logins import accepted_language, client_host, token_fields
from functions.auth.queries import Account
from functions.auth.schemas import (
    AccountClosing,
    Done,
    LoggedIn,
    PasswordChange,
    Profile,
    ProfileChange,
    Registered,
    Registration,
)
from functions.auth.services import services_of
from functions.kit.base.errors import Text
from functions.kit.base.language import localized
from functions.kit.http.guards import signed_in
from functions.kit.http.operations import Link, described
from functions.kit.http.problems import problems
from functions.kit.http.requests import AnyRequest, AuthenticatedRequest

REGISTERED = Text("usuario creado", "user created")
PASSWORD_CHANGED = Text("password actualizado", "password changed")
DELETED = Text("usuario eliminado", "user deleted")


_USER = {"user_id": "$response.body#/id"}


def profile(account: Account) -> Profile:
    return Profile(
        id=account.id,
        email=account.email,
        name=account.name,
        roles=list(account.roles),
        language=account.language,
        created_at=account.created_at,
    )


@post(
    "/register",
    responses=problems(400, 409, 429, 503),
    opt=described(
        location="/users/{id}",
        links={
            "read": Link("GET /users/{user_id}", _USER),
            "change": Link("PATCH /users/{user_id}", _USER),
        },
    ),
)
async def register(request: AnyRequest, data: JSONBody[Registration]) -> Registered:
    """Create a customer account."""
    services = services_of(request)
    user_id = await commands.register(
        services.database,
        services.dependencies,
        data.email,
        data.password,
        data.name,
        language=data.language or accepted_language(request),
        host=client_host(request),
        clock=services.clock,
    )
    return Registered(message=localized(request.headers, REGISTERED), id=user_id)


@get("/me", guards=[signed_in])
async def read_me(request: AuthenticatedRequest) -> Profile:
    """Read the caller's own account."""
    return profile(await queries.get_account(services_of(request).database, request.user.user_id))


@patch("/me", guards=[signed_in], responses=problems(400, 401, 409, 429, 503))
async def change_me(request: AuthenticatedRequest, data: JSONBody[ProfileChange]) -> Profile:
    """Change the caller's name, email or language. Omitted fields stay; a null name is removed.

    Another email address needs `current_password`, and ends every other login.
    """
    services = services_of(request)
    changes = msgspec.structs.asdict(data)
    given = {name: value for name, value in changes.items() if value is not msgspec.UNSET}
    password: str | None = given.pop("current_password", None)
    return profile(
        await commands.change_profile(
            services.database,
            services.dependencies,
            request.user,
            given,
            current_password=password,
            host=client_host(request),
            clock=services.clock,
        )
    )


@delete(
    "/me",
    status_code=200,
    guards=[signed_in],
    responses=problems(400, 401, 409, 429, 503),
)
async def delete_me(request: AuthenticatedRequest, data: JSONBody[AccountClosing]) -> Done:
    """Delete the caller's account. Email and name are erased, every login ends, the id stays.

    It cannot be undone, so it needs `current_password`, as a new email address does.
    """
    services = services_of(request)
    await commands.close_account(
        services.database,
        services.dependencies,
        request.user,
        data.current_password,
        host=client_host(request),
        clock=services.clock,
    )
    return Done(message=localized(request.headers, DELETED))


@post(
    "/me/password",
    status_code=200,
    guards=[signed_in],
    responses=problems(400, 401, 409, 429, 503),
)
async def change_password(
    request: AuthenticatedRequest, data: JSONBody[PasswordChange]
) -> LoggedIn:
    """Change the password. Every other login ends; the response has new tokens for this one."""
    services = services_of(request)
    pair = await commands.change_password(
        services.database,
        services.dependencies,
        request.user.user_id,
        data.current_password,
        data.new_password,
        host=client_host(request),
        clock=services.clock,
    )
    message = localized(request.headers, PASSWORD_CHANGED)
    return LoggedIn(message=message, **token_fields(services.dependencies, pair))


HANDLERS = (register, read_me, change_me, delete_me, change_password)
