"""Add, correct and retire a book; for staff."""

from typing import Any

import msgspec
from litestar import Request, Response, delete, patch, post, put
from litestar.params import FromPath, JSONBody
from msgspec import UNSET

from functions.catalog.commands import books as commands
from functions.catalog.domain.books import Book, BookDetails
from functions.catalog.domain.versions import Version, expected
from functions.catalog.errors import StockIsPurchases
from functions.catalog.schemas import (
    BookAdded,
    BookChanges,
    BookReplacement,
    BookWritten,
    NewBook,
)
from functions.kit.errors import FieldError, Text
from functions.kit.language import say
from functions.kit.openapi import (
    ETAG,
    IDEMPOTENCY_KEY,
    IDEMPOTENCY_REPLAYED,
    IF_MATCH,
    Link,
    described,
)
from functions.kit.problems import problems
from functions.kit.responses import answered_once, encode
from functions.kit.tokens import Principal, staff

ADDED = Text("Libro agregado", "Book added")
UPDATED = Text("Libro actualizado", "Book updated")
RETIRED = Text("Libro eliminado", "Book removed")

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
    details = BookDetails.checked(
        title=data.title,
        author=data.author,
        price=data.price,
        description=data.description,
        isbn=data.isbn,
        category=data.category,
    )
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
    request: Request[Principal, Any, Any],
    book_id: FromPath[int],
    data: JSONBody[BookReplacement],
) -> Response[BookWritten]:
    """Put another description of a book in place of the one there is; `If-Match` is optional."""
    _refuse_stock(data)
    state = request.app.state
    version = await commands.replace_book(
        state.database,
        book_id,
        BookDetails.checked(
            title=data.title,
            author=data.author,
            price=data.price,
            description=data.description,
            isbn=data.isbn,
            category=data.category,
        ),
        expected=expected(request.headers.get("if-match"), request.headers.get("if-none-match")),
        outbox=state.outbox,
        now=state.clock(),
    )
    return _written(request, version)


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
    _refuse_stock(data)
    state = request.app.state
    given = msgspec.structs.asdict(data)
    version = await commands.change_book(
        state.database,
        book_id,
        {name: value for name, value in given.items() if value is not UNSET},
        expected=expected(
            request.headers.get("if-match"), request.headers.get("if-none-match"), required=True
        ),
        outbox=state.outbox,
        now=state.clock(),
    )
    return _written(request, version)


@delete(
    "/books/{book_id:int}",
    status_code=200,
    guards=[staff],
    responses=problems(404, 412),
    opt=described(takes=[IF_MATCH]),
)
async def retire_book(request: Request[Principal, Any, Any], book_id: FromPath[int]) -> BookWritten:
    """Sell a book no more. Who bought it keeps it in their purchases, and its ISBN is free."""
    state = request.app.state
    await commands.retire_book(
        state.database,
        book_id,
        expected=expected(request.headers.get("if-match"), request.headers.get("if-none-match")),
        outbox=state.outbox,
        now=state.clock(),
    )
    return BookWritten(message=say(request.headers, RETIRED))


def _refuse_stock(data: BookReplacement | BookChanges) -> None:
    if data.stock is not UNSET:
        raise StockIsPurchases(
            "Purchase owns the stock: send POST /inventory/{book_id}/adjustments there.",
            errors=[FieldError("stock", "is changed by POST /inventory/{book_id}/adjustments")],
        )


def _written(request: Request[Any, Any, Any], version: Version) -> Response[BookWritten]:
    body = BookWritten(message=say(request.headers, UPDATED))
    return Response(body, headers={"etag": version.etag})


HANDLERS = (add_book, replace_book, change_book, retire_book)
