"""A customer's review of a book, the list of all own ones, and reports of others'."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from litestar import Response, get, post

from functions.kit.http.requests import AnyRequest
from functions.storefront.clients.catalog import Book
from functions.storefront.clients.reviews import OwnReview, Review, ReviewClient, ReviewPage
from functions.storefront.clients.service import Caller, Refused
from functions.storefront.controllers.books import id_in_path
from functions.storefront.domain.paths import local_path
from functions.storefront.errors import BadForm
from functions.storefront.forms import Form, new_key, read_form
from functions.storefront.translations import N_
from functions.storefront.visits import INFO, SUCCESS, Visit, open_visit, side_by_side

REASONS = ("spam", "offensive", "off-topic", "private", "other")


@get("/{language:str}/books/{book_id:str}/review", include_in_schema=False)
async def show_review(request: AnyRequest) -> Response[bytes]:
    """The form to write a review or to edit one's own; for others, why they cannot."""
    visit = open_visit(request)
    book_id = id_in_path(request, "book_id")
    try:
        own, book = await side_by_side(
            _own(visit, book_id), visit.services.catalog.book(visit.caller, book_id)
        )
    except Refused as refusal:
        review = await _of_retired_book(visit, book_id) if refusal.status == 410 else None
        if review is None:
            raise
        return visit.page("review_of_retired_book.html", review=review)
    return _page(visit, book, own, typed=_typed(visit, own.reviewing.review))


@post("/{language:str}/books/{book_id:str}/review", include_in_schema=False)
async def save_review(request: AnyRequest) -> Response[bytes]:
    visit = open_visit(request)
    book_id = id_in_path(request, "book_id")
    visit.returns_to = visit.url("books", book_id, "review")
    form = await read_form(request)
    visit.keeps_form = True
    review_id = form.id("review_id")
    rating = form.whole("rating", least=1, most=5)
    content = {
        "rating": rating,
        "text": form.text("text") or None,
        "reviewer": form.text("reviewer") or None,
    }
    status, problems = 400, dict[str, str]()
    if rating is None:
        problems["rating"] = visit.gettext("Choose one to five stars.")
    else:
        try:
            await visit.as_customer(lambda caller: _save(visit, caller, book_id, form, content))
        except Refused as refusal:
            is_deleted = refusal.code == "review-not-found"
            if refusal.status in {404, 410} and not is_deleted:
                raise
            status, problems = refusal.status, _problems(visit, refusal)
            if is_deleted:  # in another window, or by staff: what was typed is another review
                status, problems = 409, {"": visit.gettext(_DELETED)}
    own = await _own(visit, book_id)
    if status in {409, 412} and _is_stored(own.reviewing.review, content):
        problems = {}  # sent again, after an answer that was lost
    if not problems:
        hidden = own.reviewing.review is not None and own.reviewing.review.hidden
        if hidden:
            visit.tell(
                INFO, "Your review is saved. It stays hidden until the shop publishes it again."
            )
        elif review_id is not None:
            visit.tell(SUCCESS, "Your review is changed.")
        else:
            visit.tell(SUCCESS, "Thank you: your review is published.")
        return visit.redirect(visit.url("books", book_id) + "#reviews")
    book = await visit.services.catalog.book(visit.caller, book_id)
    return _page(visit, book, own, typed=form.values, problems=problems, status=status)


@post("/{language:str}/books/{book_id:str}/review/delete", include_in_schema=False)
async def delete_review(request: AnyRequest) -> Response[bytes]:
    visit = open_visit(request)
    book_id = id_in_path(request, "book_id")
    visit.returns_to = visit.url("books", book_id, "review")
    form = await read_form(request)
    review_id = form.id("review_id")
    if review_id is None:
        raise BadForm
    reviews = visit.services.reviews
    try:
        await visit.as_customer(lambda caller: reviews.delete(caller, review_id))
    except Refused as refusal:
        if refusal.status == 409:
            visit.tell_refusal(refusal)
            return visit.redirect(visit.url("books", book_id, "review"))
        if refusal.status != 404:  # deleted already, in another tab
            raise
    visit.tell(SUCCESS, "Your review is deleted.")
    back = local_path(form.text("next"))
    return visit.redirect(back or visit.url("books", book_id) + "#reviews")


@get("/{language:str}/account/reviews", include_in_schema=False)
async def list_own_reviews(request: AnyRequest) -> Response[bytes]:
    visit = open_visit(request)
    after = request.query_params.get("after")
    reviews = visit.services.reviews
    try:
        page = await visit.as_customer(lambda caller: reviews.all_own(caller, after=after))
    except Refused as refusal:
        return visit.first_page(refusal, "account", "reviews")
    next_url = visit.url("account", "reviews", after=page.next_cursor) if page.next_cursor else None
    return visit.page(
        "own_reviews.html", reviews=page.reviews, next_url=next_url, later=bool(after)
    )


@get("/{language:str}/reviews/{review_id:str}/report", include_in_schema=False)
async def show_report(request: AnyRequest) -> Response[bytes]:
    visit = open_visit(request)
    review_id = id_in_path(request, "review_id")
    reviews = visit.services.reviews
    review = await visit.as_customer(lambda caller: reviews.one(caller, review_id))
    return _report_page(visit, review)


@post("/{language:str}/reviews/{review_id:str}/report", include_in_schema=False)
async def report_review(request: AnyRequest) -> Response[bytes]:
    visit = open_visit(request)
    review_id = id_in_path(request, "review_id")
    visit.returns_to = visit.url("reviews", review_id, "report")
    form = await read_form(request)
    visit.keeps_form = True
    reviews = visit.services.reviews
    review = await visit.as_customer(lambda caller: reviews.one(caller, review_id))
    reason, note = form.text("reason"), form.text("note") or None
    if reason not in REASONS:
        problems = {"reason": visit.gettext("Choose a reason.")}
        return _report_page(visit, review, typed=form.values, problems=problems, status=400)
    try:
        await visit.as_customer(
            lambda caller: reviews.report(caller, review_id, reason=reason, note=note)
        )
    except Refused as refusal:
        if refusal.status == 404:
            raise
        if refusal.status != 409:
            problems = refusal.fields or {"": visit.reason(refusal)}
            return _report_page(
                visit, review, typed=form.values, problems=problems, status=refusal.status
            )
        visit.tell_refusal(refusal)
    else:
        visit.tell(SUCCESS, "Thank you: the shop will look at this review.")
    return visit.redirect(visit.url("books", review.book_id) + "#reviews")


async def _own(visit: Visit, book_id: int) -> OwnReview:
    reviews = visit.services.reviews
    return await visit.as_customer(lambda caller: reviews.own(caller, book_id))


async def _of_retired_book(visit: Visit, book_id: int) -> Review | None:
    """The customer's review of a book that is no longer sold: catalog has it in their list only."""
    reviews, after = visit.services.reviews, None
    while True:
        page = await visit.as_customer(_own_page(reviews, after))
        found = next((each for each in page.reviews if each.book_id == book_id), None)
        after = page.next_cursor
        if found is not None or after is None:
            return found


def _own_page(
    reviews: ReviewClient, after: str | None
) -> Callable[[Caller], Awaitable[ReviewPage]]:
    return lambda caller: reviews.all_own(caller, after=after)


async def _save(
    visit: Visit, caller: Caller, book_id: int, form: Form, content: Mapping[str, object]
) -> None:
    """Edit the review that the form was filled from, or post a new one."""
    reviews = visit.services.reviews
    review_id = form.id("review_id")
    if review_id is None:
        await reviews.post(caller, book_id, content, key=form.key)
        return
    etag = form.text("etag")
    if not (etag.isascii() and etag.isprintable() and etag.startswith('"')):
        raise BadForm
    await reviews.edit(caller, review_id, content, etag=etag)


_DELETED = N_(
    "Your review was deleted meanwhile. What you have typed is kept: publish it if you want to."
)
_CHANGED = N_("Your review was changed in another window. Look at this one, and save it again.")


def _problems(visit: Visit, refusal: Refused) -> dict[str, str]:
    """By field. The form is shown again for the present state of the review."""
    if refusal.status in {409, 412} and refusal.code != "not-bought":
        return {"": visit.gettext(_CHANGED)}
    return refusal.fields or {"": visit.reason(refusal)}


def _is_stored(review: Review | None, content: Mapping[str, object]) -> bool:
    return review is not None and all(
        (getattr(review, name) or None) == value for name, value in content.items()
    )


def _typed(visit: Visit, review: Review | None) -> dict[str, Any]:
    if review is None:
        signed_in = visit.signed_in
        return {"reviewer": signed_in.name[:60] if signed_in is not None else ""}
    return {
        "rating": str(review.rating),
        "text": review.text or "",
        "reviewer": review.reviewer or "",
    }


def _page(
    visit: Visit,
    book: Book,
    own: OwnReview,
    *,
    typed: dict[str, Any],
    problems: dict[str, str] | None = None,
    status: int = 200,
) -> Response[bytes]:
    return visit.page(
        "review.html",
        status=status,
        book=book,
        bought=own.reviewing.bought,
        review=own.reviewing.review,
        etag=own.etag,
        typed=typed,
        problems=problems or {},
        form_key=new_key(),
    )


def _report_page(
    visit: Visit,
    review: Review,
    *,
    typed: dict[str, Any] | None = None,
    problems: dict[str, str] | None = None,
    status: int = 200,
) -> Response[bytes]:
    return visit.page(
        "report_review.html",
        status=status,
        review=review,
        reasons=REASONS,
        typed=typed or {},
        problems=problems or {},
    )


HANDLERS = (
    show_review,
    save_review,
    delete_review,
    list_own_reviews,
    show_report,
    report_review,
)
