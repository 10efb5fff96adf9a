"""Look through reviews, hide and restore them; for staff."""

from typing import Annotated

from litestar import Response, get, post
from litestar.params import JSONBody, QueryParameter

from functions.catalog.commands import reviews as commands
from functions.catalog.domain.reviews import checked_reason
from functions.catalog.entity_tags import review_etag
from functions.catalog.queries import reviews as queries
from functions.catalog.queries.reviews import Moderation, ModerationSort
from functions.catalog.schemas_reviews import HidingReason, ModeratedReviewView, ReviewWritten
from functions.catalog.services import services_of
from functions.kit.base.errors import Text
from functions.kit.base.language import localized
from functions.kit.base.money import MAX_ID
from functions.kit.http.guards import staff
from functions.kit.http.operations import ETAG, described
from functions.kit.http.pagination import After, Limit, page_response
from functions.kit.http.problems import problems
from functions.kit.http.requests import AuthenticatedRequest, PathId

HIDDEN = Text("Reseña oculta", "Review hidden")
RESTORED = Text("Reseña publicada", "Review published")

StateName = Annotated[
    Moderation,
    QueryParameter(
        name="state",
        description="`reported`: published and reported, most reports first; the others newest"
        " first",
    ),
]


SortedReviews = Annotated[
    ModerationSort | None,
    QueryParameter(
        name="sort", description="`-` for descending order; left out, it is that of the state"
    ),
]

ReviewId = Annotated[
    int | None,
    QueryParameter(name="id", ge=1, le=MAX_ID, description="This review alone, in any state"),
]


@get("/reviews", guards=[staff], responses=problems(400))
async def list_reviews_to_moderate(
    request: AuthenticatedRequest,
    listed: StateName = Moderation.REPORTED,
    review_id: ReviewId = None,
    limit: Limit = 50,
    after: After = None,
    sort: SortedReviews = None,
) -> Response[list[ModeratedReviewView]]:
    """List reviews with their open reports."""
    reviews, cursor = await queries.reviews_to_moderate(
        services_of(request).database, listed, sort, review_id=review_id, after=after, limit=limit
    )
    return page_response(request, reviews, cursor)


@post(
    "/reviews/{review_id:int}/hide",
    status_code=200,
    guards=[staff],
    responses=problems(404),
    opt=described(response_headers=[ETAG]),
)
async def hide_review(
    request: AuthenticatedRequest, review_id: PathId, data: JSONBody[HidingReason]
) -> Response[ReviewWritten]:
    """Hide a review, and close its reports. Its author sees the reason.

    It does not count in the ratings of its book. The request can be sent again safely.
    """
    services = services_of(request)
    why = checked_reason(data.reason)
    review = await commands.hide_review(services.database, review_id, why, outbox=services.outbox)
    body = ReviewWritten(message=localized(request.headers, HIDDEN))
    return Response(body, headers={"etag": review_etag(review)})


@post(
    "/reviews/{review_id:int}/restore",
    status_code=200,
    guards=[staff],
    responses=problems(404),
    opt=described(response_headers=[ETAG]),
)
async def restore_review(
    request: AuthenticatedRequest, review_id: PathId
) -> Response[ReviewWritten]:
    """Publish a review that is hidden or reported, and close its reports.

    The request can be sent again safely.
    """
    services = services_of(request)
    review = await commands.restore_review(services.database, review_id, outbox=services.outbox)
    body = ReviewWritten(message=localized(request.headers, RESTORED))
    return Response(body, headers={"etag": review_etag(review)})


HANDLERS = (list_reviews_to_moderate, hide_review, restore_review)
