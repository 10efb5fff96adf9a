"""Looking for books, and one book."""

import asyncio
import re
from collections.abc import Mapping
from typing import Any

from litestar import Response, get

from functions.kit.http.requests import AnyRequest
from functions.storefront.clients.catalog import Suggestion
from functions.storefront.clients.service import Refused
from functions.storefront.controllers.narrowing import Narrowing, total
from functions.storefront.errors import PageNotFound
from functions.storefront.translations import N_
from functions.storefront.visits import Visit, open_visit

PAGE = 24
"""Books on a page."""

SORTS = ("newest", "popular", "-year", "title", "-title", "price", "-price")

TEXTS = ("q", "author", "category", "language")
MAX_TEXT = 200
MAX_TYPED = 100
"""Characters that are completed; catalog takes no more."""
_NO_PAGE = N_("This part of the list is not there any more. Start with its first page.")
_AMOUNT = re.compile(r"[0-9]{1,9}(\.[0-9]{1,2})?")


@get("/{language:str}/books", include_in_schema=False)
async def search(request: AnyRequest) -> Response[bytes]:
    """Books that match; a filter that makes no sense is left out, with a message beside it."""
    visit = open_visit(request)
    chosen, problems = _filters(visit, request.query_params)
    after = request.query_params.get("after")
    catalog = visit.services.catalog
    counted = asyncio.create_task(
        catalog.facets(visit.caller, {name: chosen[name] for name in chosen if name != "sort"})
    )
    try:
        page = await catalog.listed(visit.caller, {**chosen, "limit": PAGE, "after": after})
    except Refused as refusal:
        # A cursor of another search, or a text that catalog refuses: the visitor can change it.
        return visit.page(
            "search.html",
            status=refusal.status,
            books=[],
            chosen=chosen,
            problems={**problems, **refusal.fields},
            refused=visit.gettext(_NO_PAGE)
            if "after" in refusal.fields
            else refusal.problem.detail,
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
        books=page.books,
        chosen=chosen,
        problems=problems,
        refused=None,
        next_url=next_url,
        later=after is not None,
        narrowing=Narrowing(visit, chosen, facets),
        total=total(
            facets, len(page.books) if after is None and page.next_cursor is None else None
        ),
    )


def _filters(visit: Visit, query: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Filters for catalog, and messages by field for those that were left out."""
    chosen: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for name in TEXTS:
        text = " ".join(query.get(name, "").split())
        if len(text) > MAX_TEXT or not text.isprintable():
            problems[name] = visit.gettext("Use at most 200 characters.")
        elif text:
            chosen[name] = text
    for name in ("min_price", "max_price"):
        typed = query.get(name, "").strip().replace(",", ".")
        if not typed:
            continue
        amount = _amount(typed)
        if amount is None:
            problems[name] = visit.gettext("Write an amount such as 12.50.")
        else:
            chosen[name] = amount
    if query.get("in_stock") == "true":
        chosen["in_stock"] = "true"
    if query.get("sort") in SORTS:
        chosen["sort"] = query["sort"]
    return chosen, problems


def _amount(typed: str) -> str | None:
    """An amount as catalog reads it; None where it is not one."""
    return typed if _AMOUNT.fullmatch(typed) else None


@get("/{language:str}/suggestions", include_in_schema=False)
async def suggestions(request: AnyRequest) -> Response[list[dict[str, str]]]:
    """What completes the text in the field of the search, for `shop.js`."""
    visit = open_visit(request)
    typed = " ".join(request.query_params.get("q", "").split())[:MAX_TYPED]
    found: list[Suggestion] | None = []
    if typed and typed.isprintable():
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
    found = await visit.services.catalog.book(visit.caller, book_id)
    return visit.page("book.html", book=found)


def id_in_path(request: AnyRequest, name: str) -> int:
    """An id of the path, in its one spelling. Raises `PageNotFound` for anything else."""
    text: str = request.path_params[name]
    if not (text.isascii() and text.isdecimal() and len(text) <= 18 and text[0] != "0"):
        raise PageNotFound
    return int(text)


HANDLERS = (search, suggestions, book)
