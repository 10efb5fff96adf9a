"""Import a file of books; for staff and sellers. The file is streamed, never held whole."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from litestar import post
from litestar.openapi.spec import Encoding, OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType
from litestar.params import QueryParameter

from functions.catalog.commands.imports import import_books
from functions.catalog.controllers.writing import editor_of
from functions.catalog.domain.books import MAX_STOCK
from functions.catalog.errors import MalformedCsv
from functions.catalog.importing.numbers import DecimalSign
from functions.catalog.importing.rows import Defaults
from functions.catalog.schemas import ImportReport
from functions.catalog.services import services_of
from functions.kit.base.errors import FieldError, Text, TooLarge, UnsupportedMediaType
from functions.kit.base.language import listed, preferred
from functions.kit.base.money import minor_units
from functions.kit.http.guards import seller_or_staff
from functions.kit.http.problems import problems
from functions.kit.http.requests import AnyRequest, AuthenticatedRequest, refuse_coding

MEDIA_TYPES = {
    "text/csv",
    # Sent for files of unknown type; the last one by curl's --data-binary.
    "",
    "text/plain",
    "application/octet-stream",
    "application/x-www-form-urlencoded",
    # Sent for CSV files by browsers on Windows.
    "application/vnd.ms-excel",
}
FORM = "multipart/form-data"
FORM_OVERHEAD = 16 * 1024
"""Bytes of a multipart body besides the file."""


_FILE = Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY)
EXAMPLE = "title,author,isbn,price,stock\nRayuela,Julio Cortázar,9788437604572,21.90,5\n"


@dataclass
class CsvOperation(Operation):
    """Describes the request body: the handler streams it, so that no parameter does."""

    def __post_init__(self) -> None:
        file = Schema(
            type=OpenAPIType.STRING,
            format=OpenAPIFormat.BINARY,
            content_media_type="text/csv",
            description="A CSV file in UTF-8, with a header",
        )
        form = Schema(
            type=OpenAPIType.OBJECT,
            properties={"file": file},
            required=["file"],
            additional_properties=False,
        )
        self.request_body = RequestBody(
            # The form is first, so that Swagger UI offers it, with a button to choose a file.
            content={
                FORM: OpenAPIMediaType(
                    schema=form, encoding={"file": Encoding(content_type="text/csv")}
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
    guards=[seller_or_staff],
    operation_class=CsvOperation,
    request_max_body_size=None,
    responses=problems(400, 409, 413, 415),
)
async def import_file(
    request: AuthenticatedRequest,
    default_price: Annotated[
        Decimal | None, QueryParameter(description="For new books whose line has no price")
    ] = None,
    default_stock: Annotated[
        int,
        QueryParameter(ge=0, le=MAX_STOCK, description="For new books whose line has no stock"),
    ] = 0,
    decimal: Annotated[
        DecimalSign | None,
        QueryParameter(
            description="What stands before the decimals in the file: `point` or `comma`. Without"
            " it, a number that can mean two, such as `1,000`, is refused."
        ),
    ] = None,
) -> ImportReport:
    """Add and change books from a CSV file, line by line. The same file can be sent again safely.

    Columns are found by their names (title, author or authors, isbn13, isbn, price, stock,
    description, category; Spanish names too). A book is identified by its ISBN, or by title and
    author where it has none. The file's values replace the stored ones, except the stock, which
    purchase owns. A line that could mean more than one book is refused. A seller's new books are
    the seller's own, and a line about a book of somebody else is refused. Send the file with
    `curl -F file=@books.csv` or `curl --data-binary @books.csv`.
    """
    services = services_of(request)
    refuse_coding(request)
    limit = services.settings.import_max_bytes
    content_type = request.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() == FORM:
        body = _limited(_file_of(request, content_type, limit + FORM_OVERHEAD), limit)
    else:
        _check_media_type(content_type)
        body = _body(request, limit)
    if default_price is not None:
        minor_units("default_price", default_price)
    return await import_books(
        services.database,
        body,
        Defaults(default_price, default_stock, decimal, services.settings.currency),
        editor=editor_of(request),
        language=preferred(request.headers.get("accept-language")),
        outbox=services.outbox,
        clock=services.clock,
    )


def _check_media_type(header: str) -> None:
    media_type, *parameters = (part.strip().lower() for part in header.split(";"))
    charset = next((part for part in parameters if part.startswith("charset=")), "")
    if media_type not in MEDIA_TYPES:
        raise UnsupportedMediaType(
            Text(
                f"Envíe text/csv o un formulario con el archivo, no {media_type[:80]}.",
                f"Send text/csv or a form with the file, not {media_type[:80]}.",
            )
        )
    if charset.removeprefix("charset=").strip('"') not in {"", "utf-8", "utf8", "us-ascii"}:
        raise UnsupportedMediaType(
            Text(
                "Envíe el archivo en UTF-8; en Excel: Guardar como, «CSV UTF-8».",
                "Send the file in UTF-8; in Excel: Save As, “CSV UTF-8”.",
            )
        )


async def _body(request: AnyRequest, max_bytes: int) -> AsyncIterator[bytes]:
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > max_bytes:
        raise _too_large(max_bytes)
    async for chunk in _limited(request.stream(), max_bytes):
        yield chunk


async def _limited(chunks: AsyncIterator[bytes], max_bytes: int) -> AsyncIterator[bytes]:
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > max_bytes:
            raise _too_large(max_bytes)
        yield chunk


def _too_large(max_bytes: int) -> TooLarge:
    return TooLarge(
        Text(
            f"Un archivo tiene como máximo {max_bytes} bytes; envíelo en partes.",
            f"A file has at most {max_bytes} bytes; send it in parts.",
        )
    )


async def _file_of(request: AnyRequest, content_type: str, max_bytes: int) -> AsyncIterator[bytes]:
    """Streams the one file of a form (RFC 7578).

    Raises `MalformedCsv` for a form that is truncated or has other parts.
    """
    # Imported late: only forms need it.
    from multipart import (  # noqa: PLC0415
        MultipartError,
        MultipartSegment,
        PushMultipartParser,
        parse_options_header,
    )

    body = _body(request, max_bytes)
    files = 0
    try:
        boundary = parse_options_header(content_type)[1].get("boundary", "")
        with PushMultipartParser(boundary, strict=True) as parser:
            async for chunk in body:
                for part in parser.parse(chunk):
                    if isinstance(part, MultipartSegment):
                        files += 1
                        _check_part(part.name, part.filename, files)
                        _check_media_type(part.header("content-type", ""))
                    elif part:
                        yield bytes(part)
    except MultipartError as error:
        raise MalformedCsv(
            Text(
                "El formulario está incompleto o mal escrito: con curl, -F file=@books.csv.",
                "The form is broken off or malformed: with curl, -F file=@books.csv.",
            )
        ) from error


def _check_part(name: str, filename: str | None, number: int) -> None:
    if filename is None and name != "file":
        message = Text(
            f"va en la dirección, como ?{name[:40]}=..., no en el formulario",
            f"is given in the address, as in ?{name[:40]}=..., not in the form",
        )
    elif number > 1:
        message = Text("sobra: envíe un solo archivo", "is too many: send one file")
    else:
        return
    raise MalformedCsv(listed([(name[:40], message)]), errors=[FieldError(name[:40], message)])


HANDLERS = (import_file,)
