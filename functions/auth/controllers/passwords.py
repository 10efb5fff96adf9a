"""A forgotten password: ask for a link, and use it."""

import logging

from litestar import Response, post
from litestar.params import JSONBody

from functions.auth import commands
from functions.auth.controllers.logins import client_host
from functions.auth.domain import Language
from functions.auth.schemas import Done, ForgottenPassword, PasswordReset
from functions.auth.services import AuthServices, services_of
from functions.kit.base.errors import Text
from functions.kit.base.language import localized, preferred
from functions.kit.http.problems import problems
from functions.kit.http.requests import AnyRequest

logger = logging.getLogger(__name__)

REQUESTED = Text(
    "si hay una cuenta con este email, se le envía un enlace",
    "if there is an account with this email, a link is sent to it",
)
RESET = Text("password actualizado", "password changed")


@post("/password/forgot", status_code=202, responses=problems(400, 429, 503))
async def forgot_password(request: AnyRequest, data: JSONBody[ForgottenPassword]) -> Response[Done]:
    """Ask for a link that resets a forgotten password. It is good once, for one hour.

    Every address is answered alike, whether it has an account or not. A new link makes the earlier
    ones void.
    """
    # Imported late: it brings in anyio, which no other route needs.
    from litestar.background_tasks import BackgroundTask  # noqa: PLC0415

    services = services_of(request)
    await commands.request_reset(
        services.database,
        services.dependencies,
        data.email,
        data.language or Language(preferred(request.headers.get("accept-language"))),
        host=client_host(request),
        now=services.clock(),
    )
    return Response(
        Done(message=localized(request.headers, REQUESTED)),
        status_code=202,
        background=BackgroundTask(_announce, services),
    )


async def _announce(services: AuthServices) -> None:
    try:
        await commands.announce_resets(services.database, services.dependencies, services.clock())
    except Exception as error:  # noqa: BLE001 - answered already; the background tasks try again
        logger.warning("requests to reset a password wait for the next run: %r", error)


@post("/password/reset", status_code=200, responses=problems(400, 429, 503))
async def reset_password(request: AnyRequest, data: JSONBody[PasswordReset]) -> Done:
    """Set a new password by the token of a link. Every login of the account ends."""
    services = services_of(request)
    await commands.reset_password(
        services.database,
        services.dependencies,
        data.token,
        data.password,
        host=client_host(request),
        clock=services.clock,
    )
    return Done(message=localized(request.headers, RESET))


HANDLERS = (forgot_password, reset_password)
