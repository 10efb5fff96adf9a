"""A seller's file of books. The page and the upload are in `book_imports.py`.

Catalog takes the file of somebody who is both a seller and staff as that of staff, so that person
is sent to the page that says so.
"""

from litestar import Response, get, post

from functions.kit.http.requests import AnyRequest
from functions.storefront.back_office import SELLER, STAFF
from functions.storefront.controllers.book_imports import import_file, import_page
from functions.storefront.controllers.seller.books import ask_for_name
from functions.storefront.visits import open_area


@get("/{language:str}/seller/import", include_in_schema=False)
async def show_import(request: AnyRequest) -> Response[bytes]:
    visit = await open_area(request, SELLER)
    if STAFF in visit.areas:
        return visit.redirect(visit.url("staff", "import"))
    if (asked := await ask_for_name(visit)) is not None:
        return asked
    return import_page(visit, SELLER)


@post("/{language:str}/seller/import", include_in_schema=False, request_max_body_size=None)
async def import_books(request: AnyRequest) -> Response[bytes]:
    visit = await open_area(request, SELLER)
    return await import_file(visit, SELLER)


HANDLERS = (show_import, import_books)
