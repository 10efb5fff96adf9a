"""Add, change, retire and restore a book; for staff, and for the seller of the book."""

from litestar import Response, delete, patch, post, put
from litestar.params import FromPath, JSONBody

from functions.catalog.commands import books as commands
from functions.catalog.domain.books import Book, BookDetails
from functions.catalog.domain.sellers import Editor
from functions.catalog.entity_tags import Precondition, Version, parse_precondition
from functions.catalog.schemas import BookAdded, BookChanges, BookWritten, NewBook
from functions.catalog.services import services_of
from functions.kit.base.errors import Text
from functions.kit.base.language import localized
from functions.kit.http.guards import seller_or_staff
from functions.kit.http.idempotency import IDEMPOTENCY_KEY, IDEMPOTENCY_REPLAYED, respond_once
from functions.kit.http.operations import ETAG, IF_MATCH, Link, described
from functions.kit.http.problems import problems
from functions.kit.http.requests import AnyRequest, AuthenticatedRequest
from functions.kit.http.responses import encode

ADDED = Text("Libro agregado", "Book added")
UPDATED = Text("Libro actualizado", "Book updated")
RETIRED = Text("Libro eliminado", "Book removed")
RESTORED = Text("Libro restaurado", "Book restored")

_BOOK = {"book_id": "$response.body#/book_id"}


@post(
    "/books",
    guards=[seller_or_staff],
    responses=problems(409, 422),
    opt=described(
        request_headers=[IDEMPOTENCY_KEY],
        response_headers=[IDEMPOTENCY_REPLAYED],
        location="/books/{book_id}",
        links={
            "read": Link("GET /books/{book_id}", _BOOK),
            "replace": Link("PUT /books/{book_id}", _BOOK),
            "retire": Link("DELETE /books/{book_id}", _BOOK),
        },
    ),
)
async def add_book(request: AuthenticatedRequest, data: JSONBody[NewBook]) -> Response[BookAdded]:
    """Add a book. `stock` is its initial stock in purchase.

    A seller's book is the seller's own; one that staff adds is the shop's own.
    With an `Idempotency-Key` header the same request can be sent again safely.
    """
    services = services_of(request)
    details = BookDetails.checked(**data.details())
    seller_id = editor_of(request).seller_id
    new = commands.NewBook(details, services.settings.currency, data.stock, seller_id)

    async def command() -> Book:
        return await commands.add_book(
            services.database, new, outbox=services.outbox, now=services.clock()
        )

    def render(book: Book) -> tuple[int, bytes]:
        return 201, encode(BookAdded(message=localized(request.headers, ADDED), book_id=book.id))

    return await respond_once(request, "POST /books", command, render)


@put(
    "/books/{book_id:int}",
    guards=[seller_or_staff],
    responses=problems(404, 409, 410, 412),
    opt=described(request_headers=[IF_MATCH], response_headers=[ETAG]),
)
async def replace_book(
    request: AuthenticatedRequest, book_id: FromPath[int], data: JSONBody[BookChanges]
) -> Response[BookWritten]:
    """Change a book. Omitted fields keep their values; `If-Match` is optional.

    The body may be a whole book as `GET` returns it: a read-only field is accepted with its
    present value, and refused with any other. Stock is changed in purchase.
    """
    return await _change(request, book_id, data, precondition_of(request))


@patch(
    "/books/{book_id:int}",
    guards=[seller_or_staff],
    responses=problems(404, 409, 410, 412, 428),
    opt=described(request_headers=[IF_MATCH._replace(required=True)], response_headers=[ETAG]),
)
async def change_book(
    request: AuthenticatedRequest, book_id: FromPath[int], data: JSONBody[BookChanges]
) -> Response[BookWritten]:
    """Change fields of a book by a JSON merge patch (RFC 7396). `If-Match` is required.

    Its ETag is of the book without its stock, so a sale in between does not refuse the change.
    """
    precondition = precondition_of(request, required=True)
    return await _change(request, book_id, data, precondition)


@delete(
    "/books/{book_id:int}",
    status_code=200,
    guards=[seller_or_staff],
    responses=problems(404, 410, 412),
    opt=described(request_headers=[IF_MATCH]),
)
async def retire_book(request: AuthenticatedRequest, book_id: FromPath[int]) -> BookWritten:
    """Retire a book. Purchases of it stay, and another book may have its ISBN."""
    services = services_of(request)
    await commands.retire_book(
        services.database,
        book_id,
        editor=editor_of(request),
        precondition=precondition_of(request),
        outbox=services.outbox,
        now=services.clock(),
    )
    return BookWritten(message=localized(request.headers, RETIRED))


def editor_of(request: AuthenticatedRequest) -> Editor:
    """The caller; somebody who is both staff and a seller acts as staff."""
    return Editor(request.user.user_id, request.user.is_staff)


def precondition_of(request: AuthenticatedRequest, *, required: bool = False) -> Precondition:
    headers = request.headers
    return parse_precondition(
        headers.get("if-match"), headers.get("if-none-match"), required=required
    )


@post(
    "/books/{book_id:int}/restore",
    status_code=200,
    guards=[seller_or_staff],
    responses=problems(404, 409),
    opt=described(response_headers=[ETAG]),
)
async def restore_book(
    request: AuthenticatedRequest, book_id: FromPath[int]
) -> Response[BookWritten]:
    """Put a retired book on sale again, unchanged. The request can be sent again safely.

    A seller brings back what the seller retired; what staff retired, staff brings back.
    """
    services = services_of(request)
    version = await commands.restore_book(
        services.database,
        book_id,
        editor=editor_of(request),
        outbox=services.outbox,
        now=services.clock(),
    )
    return written(request, version, RESTORED)


async def _change(
    request: AuthenticatedRequest, book_id: int, data: BookChanges, precondition: Precondition
) -> Response[BookWritten]:
    services = services_of(request)
    version = await commands.change_book(
        services.database,
        book_id,
        data.details(),
        data.read_only(),
        editor=editor_of(request),
        precondition=precondition,
        outbox=services.outbox,
        now=services.clock(),
    )
    return written(request, version)


def written(
    request: AnyRequest, version: Version, message: Text = UPDATED
) -> Response[BookWritten]:
    body = BookWritten(message=localized(request.headers, message))
    return Response(body, headers={"etag": version.etag})


HANDLERS = (add_book, replace_book, change_book, retire_book, restore_book)
