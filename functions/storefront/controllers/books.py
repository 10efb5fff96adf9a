"""Looking for books, and one book."""

import asyncio
from collections.abc import Mapping
from typing import Any

from litestar import Response, get

from functions.kit.http.requests import AnyRequest
from functions.storefront.clients.catalog import Suggestion
from functions.storefront.clients.reviews import ReviewPage
from functions.storefront.clients.service import Refused, ServiceAway
from functions.storefront.controllers.narrowing import Narrowing, total
from functions.storefront.domain.amounts import amount
from functions.storefront.domain.search_texts import MAX_TEXT, one_line
from functions.storefront.errors import PageNotFound
from functions.storefront.forms import new_key
from functions.storefront.translations import N_
from functions.storefront.visits import NO_PAGE, Visit, open_visit, side_by_side

PAGE = 24
"""Books on a page."""
REVIEWS = 10
"""Reviews on a book's page."""
REVIEW_SORTS = {
    "newest": N_("Newest first"),
    "highest": N_("Most stars first"),
    "lowest": N_("Fewest stars first"),
}
"""Orders of a book's reviews, with their labels. The first one is that without a choice."""
_NO_REVIEWS = ReviewPage([], None)

SORTS = {
    "newest": N_("Newest first"),
    "popular": N_("Most popular first"),
    "rating": N_("Best reviewed first"),
    "-year": N_("Year of publication, latest first"),
    "year": N_("Year of publication, earliest first"),
    "title": N_("Title, A to Z"),
    "-title": N_("Title, Z to A"),
    "price": N_("Price, lowest first"),
    "-price": N_("Price, highest first"),
}
"""Orders of a list of books, with their labels. The first one is that of an address that names
none."""

TEXTS = ("q", "author", "category", "language")
MAX_SELLER = 10**18
MAX_TYPED = 100
"""Characters that are completed; catalog takes no more."""


@get("/{language:str}/books", include_in_schema=False)
async def search(request: AnyRequest) -> Response[bytes]:
    """Books that match; a filter that makes no sense is left out, with a message beside it."""
    visit = open_visit(request)
    chosen, typed, problems = _filters(visit, request.query_params)
    after = request.query_params.get("after")
    catalog = visit.services.catalog
    counted = asyncio.create_task(
        catalog.facets(visit.caller, {name: chosen[name] for name in chosen if name != "sort"})
    )
    try:
        page = await catalog.listed(
            visit.caller, {"sort": next(iter(SORTS)), **chosen, "limit": PAGE, "after": after}
        )
    except Refused as refusal:
        # A cursor of another search, or a text that catalog refuses: the visitor can change it.
        return visit.page(
            "search.html",
            sorts=SORTS,
            status=refusal.status,
            books=[],
            chosen=chosen,
            typed={**chosen, **typed},
            problems={**problems, **refusal.fields},
            refused=visit.gettext(NO_PAGE) if "after" in refusal.fields else refusal.text or None,
            next_url=None,
            later=after is not None,
            narrowing=Narrowing(visit, chosen, None),
            total=None,
        )
    finally:
        facets = await counted
    next_url = None
    if page.next_cursor is not None:
        next_url = visit.url("books", **chosen, after=page.next_cursor)
    return visit.page(
        "search.html",
        sorts=SORTS,
        books=page.books,
        chosen=chosen,
        typed={**chosen, **typed},
        problems=problems,
        refused=None,
        next_url=next_url,
        later=after is not None,
        narrowing=Narrowing(visit, chosen, facets),
        total=total(
            facets, len(page.books) if after is None and page.next_cursor is None else None
        ),
    )


def _filters(
    visit: Visit, query: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, str], dict[str, str]]:
    """Filters for catalog, and those that were left out: as they were typed, and why."""
    chosen: dict[str, Any] = {}
    typed: dict[str, str] = {}
    problems: dict[str, str] = {}
    for name in TEXTS:
        text = one_line(query.get(name, ""))
        if len(text) > MAX_TEXT:
            typed[name], problems[name] = text, visit.gettext("Use at most 200 characters.")
        elif text:
            chosen[name] = text
    for name in ("min_price", "max_price"):
        text = one_line(query.get(name, ""))
        if not text:
            continue
        bound = _amount(text, visit.language)
        if bound is None:
            typed[name], problems[name] = text, visit.gettext("Write an amount such as 12.50.")
        else:
            chosen[name] = bound
    seller = query.get("seller", "")
    if seller.isascii() and seller.isdecimal() and 0 < int(seller[:19]) <= MAX_SELLER:
        chosen["seller"] = str(int(seller[:19]))
    if query.get("in_stock") == "true":
        chosen["in_stock"] = "true"
    if query.get("sort") in SORTS:
        chosen["sort"] = query["sort"]
    return chosen, typed, problems


def _amount(typed: str, language: str) -> str | None:
    """An amount as catalog reads it; None where it is not one.

    Before two digits at the end a comma and a point are the same; thousands are divided as the
    pages do it.
    """
    if (plain := amount(typed)) is not None:
        return plain
    from functions.storefront.rendering import read_amount  # noqa: PLC0415 - loads Babel

    read = read_amount(typed, language)
    return None if read is None else f"{read:f}"


@get("/{language:str}/suggestions", include_in_schema=False)
async def suggestions(request: AnyRequest) -> Response[list[dict[str, str]]]:
    """What completes the text in the field of the search, for `shop.js`."""
    visit = open_visit(request)
    typed = one_line(request.query_params.get("q", ""))[:MAX_TYPED].rstrip()
    found: list[Suggestion] | None = []
    if typed:
        found = await visit.services.catalog.suggestions(visit.caller, typed)
    return Response(
        [
            {
                "text": each.text,
                "kind": each.kind,
                "url": visit.url("books", each.book_id)
                if each.book_id is not None
                else visit.url("books", author=each.text),
            }
            for each in found or ()
        ],
        # Where catalog could not answer, the next try asks it again.
        headers={"cache-control": "no-store" if found is None else "public, max-age=60"},
    )


@get("/{language:str}/books/{book_id:str}", include_in_schema=False)
async def book(request: AnyRequest) -> Response[bytes]:
    """One book."""
    visit = open_visit(request)
    book_id = id_in_path(request, "book_id")
    chosen = _chosen_reviews(request.query_params)
    found, (reviews, refused) = await side_by_side(
        visit.services.catalog.book(visit.caller, book_id), _reviews(visit, book_id, chosen)
    )
    return visit.page(
        "book.html",
        review_sorts=REVIEW_SORTS,
        book=found,
        reviews=reviews,
        reviews_refused=refused,
        chosen_reviews=chosen,
        form_key=new_key(),
    )


def _chosen_reviews(query: Mapping[str, str]) -> dict[str, str]:
    """Parameters of the list of reviews; what makes no sense is left out."""
    chosen: dict[str, str] = {}
    if query.get("sort") in REVIEW_SORTS:
        chosen["sort"] = query["sort"]
    if query.get("rating") in {"1", "2", "3", "4", "5"}:
        chosen["rating"] = query["rating"]
    if after := query.get("after", "")[:600]:
        chosen["after"] = after
    return chosen


async def _reviews(
    visit: Visit, book_id: int, chosen: Mapping[str, str]
) -> tuple[ReviewPage | None, str | None]:
    """A page of reviews, and why a later one is not there; None where catalog cannot answer.

    The book's page is shown without them too.
    """
    try:
        return await visit.services.reviews.of_book(
            visit.caller, book_id, {**chosen, "limit": REVIEWS}
        ), None
    except Refused as refusal:
        return (_NO_REVIEWS, visit.gettext(NO_PAGE)) if "after" in refusal.fields else (None, None)
    except ServiceAway:
        return None, None


def id_in_path(request: AnyRequest, name: str) -> int:
    """An id of the path, in its one spelling. Raises `PageNotFound` for anything else."""
    text: str = request.path_params[name]
    if not (text.isascii() and text.isdecimal() and len(text) <= 18 and text[0] != "0"):
        raise PageNotFound
    return int(text)


HANDLERS = (search, suggestions, book)
