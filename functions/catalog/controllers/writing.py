"""Add, correct, retire and restore a book; for staff."""

from typing import Any

from litestar import Request, Response, delete, patch, post, put
from litestar.params import FromPath, JSONBody

from functions.catalog.commands import books as commands
from functions.catalog.domain.books import Book, BookDetails
from functions.catalog.domain.versions import Expected, Version, expected
from functions.catalog.schemas import BookAdded, BookChanges, BookWritten, NewBook
from functions.kit.base.errors import Text
from functions.kit.base.language import say
from functions.kit.http.guards import staff
from functions.kit.http.openapi import (
    ETAG,
    IDEMPOTENCY_KEY,
    IDEMPOTENCY_REPLAYED,
    IF_MATCH,
    Link,
    described,
)
from functions.kit.http.problems import problems
from functions.kit.http.responses import answered_once, encode
from functions.kit.security.principal import Principal

ADDED = Text("Libro agregado", "Book added")
UPDATED = Text("Libro actualizado", "Book updated")
RETIRED = Text("Libro eliminado", "Book removed")
RESTORED = Text("Libro restaurado", "Book restored")

_IT = {"book_id": "$response.body#/book_id"}


@post(
    "/books",
    guards=[staff],
    responses=problems(409, 422),
    opt=described(
        takes=[IDEMPOTENCY_KEY],
        gives=[IDEMPOTENCY_REPLAYED],
        location="/books/{book_id}",
        leads_to={
            "read": Link("GET /books/{book_id}", _IT),
            "replace": Link("PUT /books/{book_id}", _IT),
            "retire": Link("DELETE /books/{book_id}", _IT),
        },
    ),
)
async def add_book(
    request: Request[Principal, Any, Any], data: JSONBody[NewBook]
) -> Response[BookAdded]:
    """Add a book. `stock` is what purchase begins to sell from.

    With an `Idempotency-Key` header the same request can be sent again safely.
    """
    state = request.app.state
    details = BookDetails.checked(**data.details())
    new = commands.NewBook(details, state.settings.currency, data.stock)

    async def command() -> Book:
        return await commands.add_book(state.database, new, outbox=state.outbox, now=state.clock())

    def render(book: Book) -> tuple[int, bytes]:
        return 201, encode(BookAdded(message=say(request.headers, ADDED), book_id=book.id))

    return await answered_once(request, "POST /books", command, render)


@put(
    "/books/{book_id:int}",
    guards=[staff],
    responses=problems(404, 409, 410, 412),
    opt=described(takes=[IF_MATCH], gives=[ETAG]),
)
async def replace_book(
    request: Request[Principal, Any, Any], book_id: FromPath[int], data: JSONBody[BookChanges]
) -> Response[BookWritten]:
    """Write what is said of a book; what is left out stays. `If-Match` is optional.

    A book as `GET` shows it may be sent back: what cannot be changed is passed over where it is
    the same, and refused where it is not. Stock is changed in purchase.
    """
    return await _change(request, book_id, data, _expected(request))


@patch(
    "/books/{book_id:int}",
    guards=[staff],
    responses=problems(404, 409, 410, 412, 428),
    opt=described(takes=[IF_MATCH._replace(required=True)], gives=[ETAG]),
)
async def change_book(
    request: Request[Principal, Any, Any], book_id: FromPath[int], data: JSONBody[BookChanges]
) -> Response[BookWritten]:
    """Change some of what is said of a book (RFC 7396); `If-Match` is required.

    `If-Match` looks at the book alone: a sale in between does not refuse the change.
    """
    seen = _expected(request, required=True)
    return await _change(request, book_id, data, seen)


@delete(
    "/books/{book_id:int}",
    status_code=200,
    guards=[staff],
    responses=problems(404, 410, 412),
    opt=described(takes=[IF_MATCH]),
)
async def retire_book(request: Request[Principal, Any, Any], book_id: FromPath[int]) -> BookWritten:
    """Sell a book no more. Who bought it keeps it in their purchases, and its ISBN is free."""
    state = request.app.state
    await commands.retire_book(
        state.database,
        book_id,
        expected=_expected(request),
        outbox=state.outbox,
        now=state.clock(),
    )
    return BookWritten(message=say(request.headers, RETIRED))


def _expected(request: Request[Principal, Any, Any], *, required: bool = False) -> Expected:
    headers = request.headers
    return expected(headers.get("if-match"), headers.get("if-none-match"), required=required)


@post(
    "/books/{book_id:int}/restore",
    status_code=200,
    guards=[staff],
    responses=problems(404, 409),
    opt=described(gives=[ETAG]),
)
async def restore_book(
    request: Request[Principal, Any, Any], book_id: FromPath[int]
) -> Response[BookWritten]:
    """Undo a retirement: the book is sold again, as it was; safe to send again."""
    state = request.app.state
    version = await commands.restore_book(
        state.database, book_id, outbox=state.outbox, now=state.clock()
    )
    return _written(request, version, RESTORED)


async def _change(
    request: Request[Principal, Any, Any], book_id: int, data: BookChanges, seen: Expected
) -> Response[BookWritten]:
    state = request.app.state
    version = await commands.change_book(
        state.database,
        book_id,
        data.details(),
        data.shown(),
        expected=seen,
        outbox=state.outbox,
        now=state.clock(),
    )
    return _written(request, version)


def _written(
    request: Request[Any, Any, Any], version: Version, message: Text = UPDATED
) -> Response[BookWritten]:
    body = BookWritten(message=say(request.headers, message))
    return Response(body, headers={"etag": version.etag})


HANDLERS = (add_book, replace_book, change_book, retire_book, restore_book)
