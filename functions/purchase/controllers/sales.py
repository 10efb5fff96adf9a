"""What a seller has sold; staff reads it of any seller."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from litestar import Response, get
from litestar.params import QueryParameter

from functions.kit.base.errors import FieldError, Forbidden, InvalidInput, Text
from functions.kit.base.language import listed
from functions.kit.base.money import MAX_ID, from_minor
from functions.kit.data.database import Row
from functions.kit.http.guards import seller_or_staff
from functions.kit.http.pagination import (
    After,
    Limit,
    decode_cursor,
    encode_cursor,
    page_response,
)
from functions.kit.http.requests import AuthenticatedRequest
from functions.kit.security.principal import SELLER
from functions.purchase.domain.periods import Period
from functions.purchase.domain.purchases import Status
from functions.purchase.domain.sales import Earned, revenue_minor
from functions.purchase.queries import sales as queries
from functions.purchase.queries.sales import SalesFilter
from functions.purchase.schemas.sales import BookSums, SalesSummary, SalesSums, SaleView
from functions.purchase.services import services_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LATEST = (datetime(9998, 1, 1, tzinfo=UTC) - _EPOCH) // _MICROSECOND

_DAY = {"format": "date", "examples": ["2026-11-30"]}
SellerId = Annotated[
    int | None,
    QueryParameter(
        ge=1, le=MAX_ID, description="The seller: the caller by default; staff names anyone"
    ),
]
StatusFilter = Annotated[Status | None, QueryParameter(name="status")]
BookId = Annotated[
    int | None, QueryParameter(ge=1, le=MAX_ID, description="Only sales of this book")
]
CreatedFrom = Annotated[
    str | None, QueryParameter(description="First day, in UTC", schema_extra=_DAY)
]
CreatedTo = Annotated[
    str | None,
    QueryParameter(description="Last day, in UTC, which is included", schema_extra=_DAY),
]


@get("/sales", guards=[seller_or_staff])
async def list_sales(
    request: AuthenticatedRequest,
    seller_id: SellerId = None,
    status_filter: StatusFilter = None,
    book_id: BookId = None,
    created_from: CreatedFrom = None,
    created_to: CreatedTo = None,
    limit: Limit = 50,
    after: After = None,
) -> Response[list[SaleView]]:
    """List a seller's sales, newest first: one per book of each purchase, paid or not.

    The seller is the one that the book had when it was sold.
    """
    filters = SalesFilter(
        _seller(request, seller_id),
        Period.parse(created_from, created_to),
        () if status_filter is None else (status_filter,),
        book_id,
    )
    rows = await queries.sales(
        services_of(request).database, filters, after=_position(after), limit=limit + 1
    )
    cursor = None
    if len(rows) > limit:
        last = rows[limit - 1]
        cursor = encode_cursor((last["sold_at"] - _EPOCH) // _MICROSECOND, last["id"])
    return page_response(request, [_sale(row) for row in rows[:limit]], cursor)


@get("/sales/summary", guards=[seller_or_staff])
async def summarize_sales(
    request: AuthenticatedRequest,
    seller_id: SellerId = None,
    created_from: CreatedFrom = None,
    created_to: CreatedTo = None,
    limit: Limit = 50,
) -> SalesSummary:
    """Sum up a seller's sales that were paid, by currency, and by book for the best `limit` books.

    Sales count for the day on which they were placed. Revenue is net of refunds: what was given
    back of a purchase is shared among its lines and its delivery fee by their amounts.
    """
    period = Period.parse(created_from, created_to)
    found = await queries.summary(
        services_of(request).database,
        SalesFilter(_seller(request, seller_id), period),
        books=limit,
    )
    return SalesSummary(
        totals=[
            SalesSums(currency=currency, **_sums(brought))
            for currency, brought in found.totals.items()
        ],
        books=[
            BookSums(
                book_id=book.book_id,
                book_name=book.title,
                currency=book.currency,
                **_sums(book.earned),
            )
            for book in found.books
        ],
        more_books=found.more_books,
    )


def _seller(request: AuthenticatedRequest, seller_id: int | None) -> int:
    """The seller whose sales are read.

    Raises `Forbidden` for somebody else's, `InvalidInput` where staff names nobody.
    """
    caller = request.user
    if seller_id is None and SELLER not in caller.roles:
        message = Text("diga de qué vendedor", "say of which seller")
        raise InvalidInput(
            listed([("seller_id", message)]), errors=[FieldError("seller_id", message)]
        )
    if seller_id not in (None, caller.user_id) and not caller.is_staff:
        raise Forbidden(
            Text(
                "Las ventas de otra persona solo las ve el personal. Quite seller_id.",
                "Only staff sees the sales of somebody else. Leave seller_id out.",
            )
        )
    return caller.user_id if seller_id is None else seller_id


def _position(after: str | None) -> tuple[datetime, int] | None:
    """The time and the id in a cursor. Raises `InvalidInput`."""
    if after is None:
        return None
    microseconds, line_id = decode_cursor(after, int, int)
    # A forged cursor must not exceed the range of a date.
    return _EPOCH + min(max(microseconds, 0), _LATEST) * _MICROSECOND, line_id


def _sale(row: Row) -> SaleView:
    status = Status(row["status"])
    amount = row["quantity"] * row["unit_price_minor"]
    revenue = revenue_minor(status, amount, int(row["kept"]), row["total_minor"])
    return SaleView(
        id=row["id"],
        sold_at=row["sold_at"],
        purchase_id=row["purchase_id"],
        book_id=row["book_id"],
        book_name=row["title"],
        quantity=row["quantity"],
        unit_price=from_minor(row["unit_price_minor"]),
        unit_price_minor=row["unit_price_minor"],
        amount=from_minor(amount),
        amount_minor=amount,
        revenue=from_minor(revenue),
        revenue_minor=revenue,
        currency=row["currency"],
        status=status,
    )


def _sums(brought: Earned) -> dict[str, Any]:
    return {
        "sales": brought.sales,
        "copies": brought.copies,
        "refunded_copies": brought.refunded_copies,
        "gross": from_minor(brought.gross_minor),
        "gross_minor": brought.gross_minor,
        "refunded": from_minor(brought.refunded_minor),
        "refunded_minor": brought.refunded_minor,
        "revenue": from_minor(brought.revenue_minor),
        "revenue_minor": brought.revenue_minor,
    }


HANDLERS = (list_sales, summarize_sales)
