"""Redirects of the original's book routes to catalog, which owns the books."""

import msgspec
from litestar import Response, get, route
from litestar.response import Redirect

from functions.kit.base.errors import Text
from functions.kit.base.language import localized
from functions.kit.http.problems import problems
from functions.kit.http.requests import AnyRequest, PathId
from functions.purchase.services import services_of

BOOKS_ELSEWHERE = Text(
    "Los libros se escriben en catalog: envía la misma solicitud, con su token, a {}",
    "Books are written in catalog: send the same request, with its token, to {}",
)


class BooksElsewhere(msgspec.Struct, frozen=True, kw_only=True):
    detail: str
    """The URL, for clients that do not follow a 308, or drop the token when they do."""


def _location(request: AnyRequest) -> str:
    query = request.scope["query_string"].decode("latin-1")
    base: str = services_of(request).settings.catalog_url
    return base + request.scope["path"] + (f"?{query}" if query else "")


@get("/books", status_code=308, sync_to_thread=False)
def list_books(request: AnyRequest) -> Redirect:
    """Leads to catalog."""
    return Redirect(_location(request), status_code=308)


@get("/books/{book_id:int}", status_code=308, sync_to_thread=False, responses=problems(404))
def get_book(request: AnyRequest, book_id: PathId) -> Redirect:
    """Leads to catalog."""
    del book_id
    return Redirect(_location(request), status_code=308)


@route("/books", http_method="POST", status_code=308, sync_to_thread=False, include_in_schema=False)
def add_book(request: AnyRequest) -> Response[BooksElsewhere]:
    """Redirects to catalog, which owns the books."""
    return _redirect(request)


@route(
    "/books/{book_id:int}",
    http_method=["PUT", "PATCH", "DELETE"],
    status_code=308,
    sync_to_thread=False,
    include_in_schema=False,
)
def write_book(request: AnyRequest, book_id: PathId) -> Response[BooksElsewhere]:
    """Redirects to catalog, which owns the books."""
    del book_id
    return _redirect(request)


def _redirect(request: AnyRequest) -> Response[BooksElsewhere]:
    location = _location(request)
    body = BooksElsewhere(detail=localized(request.headers, BOOKS_ELSEWHERE).format(location))
    return Response(body, status_code=308, headers={"location": location})


HANDLERS = (list_books, get_book, add_book, write_book)
