"""The queue of mails for an operator. Part of the internal API, imported only where it is served.

No answer has an address or a text: what a mail was about is enough to find out why it was not sent.
"""

import logging
from datetime import timedelta
from typing import Annotated

from litestar import Response, get, post
from litestar.params import QueryParameter

from functions.kit.base.errors import Text
from functions.kit.base.language import localized
from functions.kit.http.guards import admin
from functions.kit.http.pagination import After, Limit, decode_cursor, encode_cursor, page_response
from functions.kit.http.problems import problems
from functions.kit.http.requests import AnyRequest, AuthenticatedRequest, PathId
from functions.notifications import queries
from functions.notifications.commands.mails import retry_mail
from functions.notifications.domain import State
from functions.notifications.queries import StoredMail
from functions.notifications.schemas import MailView, Retried
from functions.notifications.services import services_of

logger = logging.getLogger(__name__)

RETRIED = Text("se envía de nuevo", "it is sent again")

RETRIED_FOR = timedelta(days=1)
"""How long a mail that an operator has sent again is tried."""

OfState = Annotated[
    State | None,
    QueryParameter(description="Only mails in this state, such as `put-aside`"),
]


@get("/internal/mails", guards=[admin], responses=problems(400))
async def list_mails(
    request: AnyRequest,
    limit: Limit = 50,
    after: After = None,
    status: OfState = None,
) -> Response[list[MailView]]:
    """List mails, oldest first, each with its state and the reason why it was not sent."""
    start = decode_cursor(after, int)[0] if after is not None else 0
    rows = await queries.list_mails(
        services_of(request).database, after=start, limit=limit + 1, state=status
    )
    cursor = encode_cursor(rows[limit - 1].id) if len(rows) > limit else None
    return page_response(request, [_view(each) for each in rows[:limit]], cursor)


@post(
    "/internal/mails/{mail_id:int}/retry",
    status_code=200,
    guards=[admin],
    responses=problems(404, 409),
)
async def retry(request: AuthenticatedRequest, mail_id: PathId) -> Retried:
    """Send a mail that was put aside once more, for one day; the log records it."""
    services = services_of(request)
    now = services.clock()
    await retry_mail(
        services.database,
        mail_id,
        now,
        until=now + RETRIED_FOR,
        wake=services.run_background_tasks,
    )
    logger.warning("mail %d is sent again by user %d", mail_id, request.user.user_id)
    return Retried(id=mail_id, message=localized(request.headers, RETRIED))


def _view(mail: StoredMail) -> MailView:
    return MailView(**(mail._asdict() | {"state": State(mail.state)}))


HANDLERS = (list_mails, retry)
