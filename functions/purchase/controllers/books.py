"""Books are catalog's; who asks for them here, as in the original, is led there."""

import msgspec
from litestar import Response, get, route
from litestar.response import Redirect

from functions.kit.base.errors import Text
from functions.kit.base.language import localized
from functions.kit.http.problems import problems
from functions.kit.http.requests import AnyRequest, PathId
from functions.purchase.services import services_of

MOVED = Text(
    "Los libros se escriben en catalog: envía la misma solicitud, con su token, a {}",
    "Books are written in catalog: send the same request, with its token, to {}",
)


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    detail: str
    """Where to send the request: many clients follow no 308, or drop the token on the way."""


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
def add_book(request: AnyRequest) -> Response[Moved]:
    """Leads to catalog, which owns the books."""
    return _moved(request)


@route(
    "/books/{book_id:int}",
    http_method=["PUT", "PATCH", "DELETE"],
    status_code=308,
    sync_to_thread=False,
    include_in_schema=False,
)
def write_book(request: AnyRequest, book_id: PathId) -> Response[Moved]:
    """Leads to catalog, which owns the books."""
    del book_id
    return _moved(request)


def _moved(request: AnyRequest) -> Response[Moved]:
    location = _location(request)
    moved = Moved(detail=localized(request.headers, MOVED).format(location))
    return Response(moved, status_code=308, headers={"location": location})


HANDLERS = (list_books, get_book, add_book, write_book)
