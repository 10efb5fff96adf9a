"""A supplier's file of books. The page and the upload are in `book_imports.py`."""

from litestar import Response, get, post

from functions.kit.http.requests import AnyRequest
from functions.storefront.back_office import STAFF
from functions.storefront.controllers.book_imports import import_file, import_page
from functions.storefront.visits import open_area


@get("/{language:str}/staff/import", include_in_schema=False)
async def show_import(request: AnyRequest) -> Response[bytes]:
    visit = await open_area(request, STAFF)
    return import_page(visit, STAFF)


@post("/{language:str}/staff/import", include_in_schema=False, request_max_body_size=None)
async def import_books(request: AnyRequest) -> Response[bytes]:
    visit = await open_area(request, STAFF)
    return await import_file(visit, STAFF)


HANDLERS = (show_import, import_books)
