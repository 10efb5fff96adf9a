"""Which mails a customer wants: by the link in a mail, or signed in."""

from litestar import get, patch, post
from litestar.params import JSONBody
from msgspec import UNSET

from functions.kit.base.errors import Text
from functions.kit.base.language import localized
from functions.kit.http.guards import signed_in
from functions.kit.http.problems import problems
from functions.kit.http.requests import AnyRequest, AuthenticatedRequest
from functions.notifications import queries
from functions.notifications.commands import preferences
from functions.notifications.domain import Topic
from functions.notifications.schemas import (
    PreferencesChange,
    PreferencesView,
    Unsubscribed,
    Unsubscribing,
)
from functions.notifications.services import services_of

UNSUBSCRIBED = {
    Topic.DELIVERIES: Text(
        "ya no se envían correos sobre entregas", "no more mails about deliveries are sent"
    ),
    Topic.REVIEWS: Text(
        "ya no se envían correos que piden reseñas", "no more mails that ask for reviews are sent"
    ),
}


@post("/unsubscribe", status_code=200, responses=problems(404))
async def unsubscribe(request: AnyRequest, data: JSONBody[Unsubscribing]) -> Unsubscribed:
    """End the mails about deliveries, or those that ask for reviews, by the token of a link.

    Using it again changes nothing.

    The token needs no login, and opens nothing else.
    """
    services = services_of(request)
    await preferences.unsubscribe(services.database, data.token, data.mails, services.clock())
    return Unsubscribed(message=localized(request.headers, UNSUBSCRIBED[data.mails]))


@get("/preferences", guards=[signed_in])
async def read_preferences(request: AuthenticatedRequest) -> PreferencesView:
    """Read which of the mails that can be chosen the caller gets."""
    found = await queries.preferences_of(services_of(request).database, request.user.user_id)
    return PreferencesView(**found._asdict())


@patch("/preferences", guards=[signed_in])
async def change_preferences(
    request: AuthenticatedRequest, data: JSONBody[PreferencesChange]
) -> PreferencesView:
    """Choose mails. Those about payments, refunds and the account cannot be ended."""
    services = services_of(request)
    given = {Topic.DELIVERIES: data.delivery_updates, Topic.REVIEWS: data.review_requests}
    wanted = {topic: wants for topic, wants in given.items() if wants is not UNSET}
    changed = await preferences.change_preferences(
        services.database, request.user.user_id, services.clock(), wanted
    )
    return PreferencesView(**changed._asdict())


HANDLERS = (unsubscribe, read_preferences, change_preferences)
