"""Reviews by people who bought the book: read, post, edit, delete, report."""

from typing import Annotated, Any

from litestar import Response, delete, get, patch, post
from litestar.params import FromPath, JSONBody, QueryParameter

from functions.catalog.commands import reviews as commands
from functions.catalog.controllers.answers import (
    CACHE,
    NOT_MODIFIED_RESPONSE,
    cached,
    unless_known,
)
from functions.catalog.domain.ratings import MAX_STARS, MIN_STARS
from functions.catalog.domain.reviews import Review, ReviewState, checked_note
from functions.catalog.entity_tags import require_if_match, review_etag
from functions.catalog.errors import ReviewNotFound
from functions.catalog.queries import reviews as queries
from functions.catalog.queries.reviews import ReviewSort
from functions.catalog.response_cache import CachedAnswer
from functions.catalog.schemas_reviews import (
    NewReport,
    NewReview,
    OwnReviewView,
    ReviewChanges,
    ReviewingView,
    ReviewPosted,
    ReviewView,
    ReviewWritten,
)
from functions.catalog.services import services_of
from functions.kit.base.errors import Text
from functions.kit.base.language import localized
from functions.kit.http import etags
from functions.kit.http.guards import bearer, signed_in
from functions.kit.http.idempotency import IDEMPOTENCY_KEY, IDEMPOTENCY_REPLAYED, respond_once
from functions.kit.http.operations import ETAG, IF_MATCH, IF_NONE_MATCH, Link, described
from functions.kit.http.pagination import (
    After,
    Limit,
    decode_cursor,
    encode_cursor,
    link_to_next,
    page_response,
)
from functions.kit.http.problems import problems
from functions.kit.http.requests import AnyRequest, AuthenticatedRequest, PathId
from functions.kit.http.responses import JSONResponse, encode

POSTED = Text("Reseña publicada", "Review posted")
EDITED = Text("Reseña actualizada", "Review updated")
DELETED = Text("Reseña eliminada", "Review deleted")
REPORTED = Text("Gracias: la tienda revisará la reseña", "Thank you: the shop will look at it")

RatingFilter = Annotated[
    int | None,
    QueryParameter(ge=MIN_STARS, le=MAX_STARS, description="Only reviews of so many stars"),
]
SortName = Annotated[
    ReviewSort, QueryParameter(description="What the list is sorted by; newest by default")
]

_IT = {"review_id": "$response.body#/review_id"}
_IDENTITY = {"review_id": "$request.path.review_id", IF_MATCH.name: "$response.header.ETag"}


@get(
    "/books/{book_id:int}/reviews",
    responses={**NOT_MODIFIED_RESPONSE, **problems(400, 404, 410)},
    opt=described(request_headers=[IF_NONE_MATCH], response_headers=[ETAG]),
)
async def list_reviews(
    request: AnyRequest,
    book_id: FromPath[int],
    sort: SortName = ReviewSort.NEWEST,
    rating: RatingFilter = None,
    limit: Limit = 50,
    after: After = None,
) -> Response[list[ReviewView]]:
    """List the published reviews of a book, page by page.

    Their average and number are members of the book.
    """

    async def read() -> CachedAnswer:
        page = await queries.list_reviews(
            services_of(request).database, book_id, sort, rating=rating, after=after, limit=limit
        )
        headers = {**CACHE, "etag": page.etag, **link_to_next(request, page.cursor)}
        return CachedAnswer(headers, lambda: encode(page.views()))

    return await cached(request, read, services_of(request).answers)


@get("/books/{book_id:int}/reviews/own", guards=[signed_in], responses=problems(404, 410))
async def get_own_review(
    request: AuthenticatedRequest, book_id: FromPath[int]
) -> Response[ReviewingView]:
    """Whether the caller may review a book, and the review that the caller has written.

    Where there is one, the ETag is its `If-Match`.
    """
    database, user_id = services_of(request).database, request.user.user_id
    review = await queries.review_of(database, user_id, book_id)
    bought = await queries.has_bought(database, user_id, book_id)
    view = ReviewingView(bought=bought, review=None if review is None else ReviewView.of(review))
    return JSONResponse(view, headers={} if review is None else {"etag": review_etag(review)})


@get("/me/reviews", guards=[signed_in], responses=problems(400))
async def list_own_reviews(
    request: AuthenticatedRequest, limit: Limit = 50, after: After = None
) -> Response[list[OwnReviewView]]:
    """List the caller's own reviews, hidden ones too, newest first."""
    reviews = await queries.reviews_by(
        services_of(request).database,
        request.user.user_id,
        after=None if after is None else decode_cursor(after, int)[0],
        limit=limit,
    )
    page = reviews[:limit]
    cursor = encode_cursor(page[-1].id) if len(reviews) > limit else None
    return page_response(request, page, cursor)


@post(
    "/books/{book_id:int}/reviews",
    guards=[signed_in],
    responses=problems(403, 404, 409, 410, 422, 429),
    opt=described(
        request_headers=[IDEMPOTENCY_KEY],
        response_headers=[IDEMPOTENCY_REPLAYED],
        location="/reviews/{review_id}",
        links={
            "read": Link("GET /reviews/{review_id}", _IT),
            "delete": Link("DELETE /reviews/{review_id}", _IT),
        },
    ),
)
async def post_review(
    request: AuthenticatedRequest, book_id: FromPath[int], data: JSONBody[NewReview]
) -> Response[ReviewPosted]:
    """Review a book that the caller has bought here, once.

    Purchase's events say who has bought what, so a payment counts a moment later. With an
    `Idempotency-Key` header the same request can be sent again safely.
    """
    services = services_of(request)
    content = data.content()

    async def command() -> Review:
        return await commands.post_review(
            services.database,
            _writer(request),
            book_id,
            content,
            outbox=services.outbox,
            now=services.clock(),
        )

    def render(review: Review) -> tuple[int, bytes]:
        message = localized(request.headers, POSTED)
        return 201, encode(ReviewPosted(message=message, review_id=review.id))

    return await respond_once(request, f"POST /books/{book_id}/reviews", command, render)


@get(
    "/reviews/{review_id:int}",
    responses={**NOT_MODIFIED_RESPONSE, **problems(401, 404)},
    opt=described(
        request_headers=[IF_NONE_MATCH],
        response_headers=[ETAG],
        links={"edit": Link("PATCH /reviews/{review_id}", _IDENTITY)},
    ),
)
async def get_review(request: AnyRequest, review_id: PathId) -> Response[ReviewView]:
    """Read a review. One that staff have hidden is there for its author and for staff alone.

    Its ETag is the `If-Match` of `PATCH`.
    """
    services = services_of(request)
    review = await queries.get_review(services.database, review_id)
    headers = {**CACHE, "etag": review_etag(review)}
    if review.state is not ReviewState.PUBLISHED:
        token = bearer(request.headers.get("authorization"))
        principal = None if token is None else await services.verifier.authenticate(token)
        if principal is None or not (principal.is_staff or principal.user_id == review.user_id):
            raise ReviewNotFound(
                Text(f"No hay ninguna reseña {review_id}.", f"There is no review {review_id}.")
            )
        headers["cache-control"] = "private, no-store"
    response = JSONResponse(ReviewView.of(review), headers=headers)
    return unless_known(request, headers["etag"], response)


@patch(
    "/reviews/{review_id:int}",
    guards=[signed_in],
    responses=problems(404, 412, 428, 429),
    opt=described(request_headers=[IF_MATCH._replace(required=True)], response_headers=[ETAG]),
)
async def edit_review(
    request: AuthenticatedRequest, review_id: PathId, data: JSONBody[ReviewChanges]
) -> Response[ReviewWritten]:
    """Edit a review of the caller's by a JSON merge patch (RFC 7396). `If-Match` is required.

    One that staff have hidden stays hidden until they restore it.
    """
    require_if_match(request.headers)
    services = services_of(request)
    review = await commands.edit_review(
        services.database,
        _writer(request),
        review_id,
        data.applied_to,
        precondition=_precondition(request),
        outbox=services.outbox,
        now=services.clock(),
    )
    body = ReviewWritten(message=localized(request.headers, EDITED))
    return Response(body, headers={"etag": review_etag(review)})


@delete(
    "/reviews/{review_id:int}",
    status_code=200,
    guards=[signed_in],
    responses=problems(404, 409, 412),
    opt=described(request_headers=[IF_MATCH]),
)
async def delete_review(request: AuthenticatedRequest, review_id: PathId) -> ReviewWritten:
    """Delete a review: its author unless staff have hidden it, and staff."""
    services = services_of(request)
    await commands.delete_review(
        services.database,
        None if request.user.is_staff else request.user.user_id,
        review_id,
        precondition=_precondition(request),
        outbox=services.outbox,
    )
    return ReviewWritten(message=localized(request.headers, DELETED))


@post(
    "/reviews/{review_id:int}/reports",
    status_code=200,
    guards=[signed_in],
    responses=problems(404, 409, 429),
)
async def report_review(
    request: AuthenticatedRequest, review_id: PathId, data: JSONBody[NewReport]
) -> ReviewWritten:
    """Ask staff to look at a review; once per account."""
    services = services_of(request)
    await commands.report_review(
        services.database,
        _writer(request),
        review_id,
        data.reason,
        checked_note(data.note),
        now=services.clock(),
    )
    return ReviewWritten(message=localized(request.headers, REPORTED))


def _writer(request: AuthenticatedRequest) -> commands.Writer:
    limit = services_of(request).settings.review_writes_per_hour
    return commands.Writer(request.user.user_id, limit)


def _precondition(request: AuthenticatedRequest) -> commands.Precondition:
    return lambda review: etags.check(request.headers, review_etag(review))


HANDLERS: tuple[Any, ...] = (
    list_reviews,
    get_own_review,
    list_own_reviews,
    post_review,
    get_review,
    edit_review,
    delete_review,
    report_review,
)
