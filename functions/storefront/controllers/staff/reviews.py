"""Reviews that customers have reported, and what staff decide about them."""

from litestar import Response, get, post
from litestar.response import Stream

from functions.kit.http.requests import AnyRequest
from functions.storefront.back_office import STAFF
from functions.storefront.clients.reviews import ModeratedReview
from functions.storefront.clients.service import Refused
from functions.storefront.controllers.books import id_in_path
from functions.storefront.controllers.csv_export import Cell, csv_of
from functions.storefront.controllers.lists import (
    CHOICE,
    Column,
    Filter,
    Listing,
    ListOf,
    confirmation_page,
)
from functions.storefront.errors import PageNotFound
from functions.storefront.forms import read_form
from functions.storefront.translations import N_
from functions.storefront.visits import SUCCESS, Visit, open_area

REPORTED = "reported"
STATES = (
    (REPORTED, N_("Reported")),
    ("hidden", N_("Hidden reviews")),
    ("published", N_("Published reviews")),
)

REVIEWS = ListOf(
    path=("staff", "reviews"),
    columns=(
        Column("review", N_("Review")),
        Column("rating", N_("Stars"), ("rating", "-rating"), "amount"),
        Column("reports", N_("Reports"), ("reports", "-reports")),
        Column("at", N_("Written"), ("created", "-created")),
        Column("state", N_("State")),
    ),
    filters=(Filter("state", N_("State"), CHOICE, STATES),),
    exported=True,
)
_HEADER = (
    *("id", "book_id", "book", "rating", "text", "reviewer", "state", "hidden_reason"),
    *("created_at", "edited_at", "open_reports", "reports"),
)


@get("/{language:str}/staff/reviews", include_in_schema=False)
async def list_reviews(request: AnyRequest) -> Response[bytes]:
    visit = await open_area(request, STAFF)
    listing = Listing(visit, REVIEWS)
    reviews = await listing.read(visit.services.reviews.to_moderate)
    return visit.page(
        "staff/reviews.html",
        status=listing.status,
        listing=listing,
        reviews=reviews,
        states=[(value, visit.gettext(label)) for value, label in STATES],
        state=listing.chosen.get("state", REPORTED),
    )


@get("/{language:str}/staff/reviews.csv", include_in_schema=False)
async def export_reviews(request: AnyRequest) -> Stream:
    """What people wrote as they wrote it, each report as its reason and note."""
    visit = await open_area(request, STAFF)
    read = visit.services.reviews.to_moderate
    return await csv_of(Listing(visit, REVIEWS), "reviews", _HEADER, read, _cells)


def _cells(each: ModeratedReview) -> list[Cell]:
    reports = "\n".join(
        f"{report.reason}: {report.note}" if report.note else report.reason
        for report in each.reports
    )
    written = (each.id, each.book_id, each.book_title, each.rating, each.text, each.reviewer)
    dates = (each.created_at, each.edited_at)
    return [*written, each.state, each.hidden_reason, *dates, each.open_reports, reports]


@get("/{language:str}/staff/reviews/{review_id:str}", include_in_schema=False)
async def show_review(request: AnyRequest) -> Response[bytes]:
    visit = await open_area(request, STAFF)
    return _page(visit, await _review(visit, id_in_path(request, "review_id")))


@post("/{language:str}/staff/reviews/{review_id:str}/hide", include_in_schema=False)
async def hide_review(request: AnyRequest) -> Response[bytes]:
    visit = await open_area(request, STAFF, keeps_form=True)
    review_id = id_in_path(request, "review_id")
    visit.returns_to = visit.url("staff", "reviews", review_id)
    form = await read_form(request)
    reason = form.text("reason")
    reviews = visit.services.reviews
    try:
        await visit.as_customer(lambda caller: reviews.hide(caller, review_id, reason=reason))
    except Refused as refusal:
        if refusal.status != 400:
            raise
        review = await _review(visit, review_id)
        problems = refusal.fields or {"reason": visit.reason(refusal)}
        return _page(visit, review, typed=form.values, problems=problems, status=400)
    visit.tell(SUCCESS, "The review is hidden.")
    return visit.redirect(visit.url("staff", "reviews"))


@post("/{language:str}/staff/reviews/{review_id:str}/restore", include_in_schema=False)
async def restore_review(request: AnyRequest) -> Response[bytes]:
    visit = await open_area(request, STAFF)
    review_id = id_in_path(request, "review_id")
    visit.returns_to = visit.url("staff", "reviews", review_id)
    reviews = visit.services.reviews
    await visit.as_customer(lambda caller: reviews.restore(caller, review_id))
    visit.tell(SUCCESS, "The review is published, and its reports are closed.")
    return visit.redirect(visit.url("staff", "reviews"))


@get("/{language:str}/staff/reviews/{review_id:str}/delete", include_in_schema=False)
async def confirm_deletion(request: AnyRequest) -> Response[bytes]:
    visit = await open_area(request, STAFF)
    review = await _review(visit, id_in_path(request, "review_id"))
    return confirmation_page(
        visit,
        title=visit.gettext(_DELETE),
        text=visit.gettext(_GONE_FOR_GOOD),
        button=visit.gettext(_DELETE),
        back=visit.url("staff", "reviews", review.id),
    )


@post("/{language:str}/staff/reviews/{review_id:str}/delete", include_in_schema=False)
async def delete_review(request: AnyRequest) -> Response[bytes]:
    visit = await open_area(request, STAFF)
    review_id = id_in_path(request, "review_id")
    visit.returns_to = visit.url("staff", "reviews", review_id)
    reviews = visit.services.reviews
    try:
        await visit.as_customer(lambda caller: reviews.delete(caller, review_id))
    except Refused as refusal:
        if refusal.status != 404:  # deleted already, by its author or another member of staff
            raise
    visit.tell(SUCCESS, "The review is deleted.")
    return visit.redirect(visit.url("staff", "reviews"))


_DELETE = N_("Delete the review")
_GONE_FOR_GOOD = N_(
    "It is gone for good, and its author may write another one. Hide it instead where it breaks the"
    " rules: then its author reads why, and cannot write it again."
)


async def _review(visit: Visit, review_id: int) -> ModeratedReview:
    """Raises `PageNotFound`."""
    reviews = visit.services.reviews
    found, _ = await visit.as_customer(
        lambda caller: reviews.to_moderate(caller, {"id": review_id})
    )
    if not found:
        raise PageNotFound
    return found[0]


def _page(
    visit: Visit,
    review: ModeratedReview,
    *,
    typed: dict[str, str] | None = None,
    problems: dict[str, str] | None = None,
    status: int = 200,
) -> Response[bytes]:
    return visit.page(
        "staff/review.html",
        status=status,
        review=review,
        typed=typed or {},
        problems=problems or {},
    )


HANDLERS = (
    list_reviews,
    export_reviews,
    show_review,
    hide_review,
    restore_review,
    confirm_deletion,
    delete_review,
)
