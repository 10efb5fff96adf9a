"""auth's own part of the internal API: the link that a mail to the owner of an account needs.

Imported only where the internal API is served.
"""

from litestar import post

from functions.auth import commands
from functions.auth.schemas import ResetLink
from functions.auth.services import services_of
from functions.kit.base.errors import Text
from functions.kit.events.internal_secret import RESET_LINKS
from functions.kit.http.problems import problems
from functions.kit.http.requests import AnyRequest, PathId
from functions.kit.internal_api.feeds import InternalSecretNeeded


@post(
    "/internal/password-resets/{reset_id:int}/link",
    status_code=200,
    responses=problems(401, 404, 409, 503),
)
async def create_reset_link(request: AnyRequest, reset_id: PathId) -> ResetLink:
    """Create the link of a request to reset a password, for the service that sends the mail.

    It is given once. The request's id is in the event `bookstore.user.password_reset_requested.v1`.
    Outside of development the call needs the token that is derived from `INTERNAL_SECRET`.
    """
    services = services_of(request)
    secret = services.internal_secret
    # Feeds are open without a secret; a link opens an account.
    open_to_all = not secret and services.settings.development
    if not open_to_all and not (secret and secret.authorizes(request.headers, RESET_LINKS)):
        raise InternalSecretNeeded(
            Text(
                "Envíe el token que se deriva de INTERNAL_SECRET, que auth debe tener también.",
                "Send the token that is derived from INTERNAL_SECRET, which auth must have too.",
            )
        )
    created = await commands.create_link(
        services.database, services.dependencies, reset_id, now=services.clock()
    )
    return ResetLink(**created._asdict())


HANDLERS = (create_reset_link,)
