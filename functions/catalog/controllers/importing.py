"""Take in a supplier's file of books; for staff. Neither the file nor its rows are held whole."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

from litestar import Request, post
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType
from litestar.params import QueryParameter

from functions.catalog.commands.imports import import_books
from functions.catalog.domain.books import MAX_STOCK, minor_units
from functions.catalog.domain.import_rows import Defaults
from functions.catalog.schemas import ImportReport
from functions.kit import forms
from functions.kit.errors import TooLarge, UnsupportedMediaType
from functions.kit.problems import problems
from functions.kit.requests import refuse_coding
from functions.kit.tokens import Principal, staff

MEDIA_TYPES = {
    "text/csv",
    # What is said of a file where nobody knows better; the last one by curl's --data-binary.
    "",
    "text/plain",
    "application/octet-stream",
    "application/x-www-form-urlencoded",
}


_FILE = Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY)
EXAMPLE = "title,author,isbn,price,stock\nRayuela,Julio Cortázar,9788437604572,21.90,5\n"


@dataclass
class CsvOperation(Operation):
    """A body that is a stream has no parameter from which it would be described."""

    def __post_init__(self) -> None:
        self.request_body = RequestBody(
            content={
                "multipart/form-data": OpenAPIMediaType(
                    schema=Schema(
                        type=OpenAPIType.OBJECT,
                        properties={
                            "file": Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY)
                        },
                        required=["file"],
                    )
                ),
                "text/csv": OpenAPIMediaType(
                    schema=Schema(type=OpenAPIType.STRING), example=EXAMPLE
                ),
            },
            description="UTF-8, with a header; commas, semicolons or tabs between the fields",
            required=True,
        )


@post(
    "/books/import",
    status_code=200,
    guards=[staff],
    operation_class=CsvOperation,
    request_max_body_size=None,
    responses=problems(400, 413, 415),
)
async def import_file(
    request: Request[Principal, Any, Any],
    default_price: Annotated[
        Decimal | None, QueryParameter(description="For new books whose line has no price")
    ] = None,
    default_stock: Annotated[
        int,
        QueryParameter(ge=0, le=MAX_STOCK, description="For new books whose line has no stock"),
    ] = 0,
) -> ImportReport:
    """Add and correct books from a CSV file, line by line; safe to send again.

    Columns are found by their names (title, author or authors, isbn13, isbn, price, stock,
    description, category; Spanish names too). A book is known again by its ISBN, else by title
    and author; what the file says of it takes the place of what was there. Send it with
    `curl --data-binary @books.csv`, or as a form with `curl -F file=@books.csv`.
    """
    state = request.app.state
    refuse_coding(request)
    content_type = request.headers.get("content-type", "")
    body = _body(request, state.settings.import_max_bytes)
    if content_type.strip().lower().startswith(forms.MEDIA_TYPE):
        body = forms.file_in(content_type, body)
    else:
        _check_media_type(content_type)
    if default_price is not None:
        minor_units("default_price", default_price)
    return await import_books(
        state.database,
        body,
        Defaults(default_price, default_stock),
        currency=state.settings.currency,
        outbox=state.outbox,
        clock=state.clock,
    )


def _check_media_type(header: str) -> None:
    media_type, *parameters = (part.strip().lower() for part in header.split(";"))
    charset = next((part for part in parameters if part.startswith("charset=")), "")
    if media_type not in MEDIA_TYPES:
        raise UnsupportedMediaType(f"Send text/csv, not {media_type[:80]}.")
    if charset.removeprefix("charset=").strip('"') not in {"", "utf-8", "utf8", "us-ascii"}:
        raise UnsupportedMediaType("Send the file in UTF-8.")


async def _body(request: Request[Any, Any, Any], max_bytes: int) -> AsyncIterator[bytes]:
    too_large = f"A file has at most {max_bytes} bytes; send it in parts."
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > max_bytes:
        raise TooLarge(too_large)
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > max_bytes:
            raise TooLarge(too_large)
        yield chunk


HANDLERS = (import_file,)
