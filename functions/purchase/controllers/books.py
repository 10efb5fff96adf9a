"""Books are catalog's; who asks for them here, as in the original, is shown the way."""

from typing import Any

from litestar import Request, get
from litestar.response import Redirect

from functions.kit.problems import problems
from functions.kit.requests import PathId


def _to_catalog(request: Request[Any, Any, Any], path: str) -> Redirect:
    query = request.scope["query_string"].decode("latin-1")
    base = request.app.state.settings.catalog_url
    return Redirect(f"{base}{path}" + (f"?{query}" if query else ""), status_code=308)


@get("/books", status_code=308, sync_to_thread=False)
def list_books(request: Request[Any, Any, Any]) -> Redirect:
    """Leads to catalog."""
    return _to_catalog(request, "/books")


@get("/books/{book_id:int}", status_code=308, sync_to_thread=False, responses=problems(404))
def get_book(request: Request[Any, Any, Any], book_id: PathId) -> Redirect:
    """Leads to catalog."""
    return _to_catalog(request, f"/books/{book_id}")


HANDLERS = (list_books, get_book)
