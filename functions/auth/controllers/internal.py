"""auth's own part of the internal API: what a mail to the owner of an account needs.

Imported only where the internal API is served.
"""

from litestar import get, post

from functions.auth import commands, queries
from functions.auth.schemas import Contact, ResetLink
from functions.auth.services import AuthServices, services_of
from functions.kit.base.errors import Text
from functions.kit.events.internal_secret import CONTACTS, RESET_LINKS
from functions.kit.http.problems import problems
from functions.kit.http.requests import AnyRequest, PathId
from functions.kit.internal_api.feeds import InternalSecretNeeded


@post(
    "/internal/password-resets/{reset_id:int}/link",
    status_code=200,
    responses=problems(401, 404, 409, 503),
)
async def create_reset_link(request: AnyRequest, reset_id: PathId) -> ResetLink:
    """Create a link of a request to reset a password, for the service that sends the mail.

    A later call creates another link; the first that is used voids all of them. The request's id
    is in the event `bookstore.user.password_reset_requested.v1`.
    Outside of development the call needs the token that is derived from `INTERNAL_SECRET`.
    """
    services = services_of(request)
    _authorize(request, services, RESET_LINKS)
    created = await commands.create_link(
        services.database, services.dependencies, reset_id, now=services.clock()
    )
    return ResetLink(**created._asdict())


@get("/internal/users/{user_id:int}/contact", responses=problems(401, 404))
async def read_contact(request: AnyRequest, user_id: PathId) -> Contact:
    """Read where and in which language a mail reaches the owner of an account.

    Outside of development the call needs the token that is derived from `INTERNAL_SECRET`.
    """
    services = services_of(request)
    _authorize(request, services, CONTACTS)
    contact = await queries.get_contact(services.database, user_id)
    return Contact(**contact._asdict())


def _authorize(request: AnyRequest, services: AuthServices, purpose: bytes) -> None:
    """Raises `InternalSecretNeeded`.

    Feeds are open without a secret; a link opens an account, and an address is personal data.
    """
    secret = services.internal_secret
    open_to_all = not secret and services.settings.development
    if not open_to_all and not (secret and secret.authorizes(request.headers, purpose)):
        raise InternalSecretNeeded(
            Text(
                "Envíe el token que se deriva de INTERNAL_SECRET, que auth debe tener también.",
                "Send the token that is derived from INTERNAL_SECRET, which auth must have too.",
            )
        )


HANDLERS = (create_reset_link, read_contact)
