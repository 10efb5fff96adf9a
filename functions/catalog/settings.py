"""The variables that catalog reads besides those of every service (`kit/base/settings.py`)."""

from typing import Annotated

from msgspec import Meta

from functions.kit.base.settings import ServiceSettings, Url


class CatalogSettings(ServiceSettings, frozen=True, kw_only=True):
    purchase_internal_url: Url = "http://127.0.0.1:5002"
    """Where purchase's internal API is: the feeds of the stock and of the orders."""

    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}\Z")] = "USD"
    """ISO 4217 code, of a currency with two decimals, that new books are priced in."""

    list_cache_seconds: Annotated[float, Meta(ge=0, le=1)] = 1.0
    """How old a page of `GET /books` may be, at most 1; 0 reads each from the database. What a
    process itself was sent to change, it shows at once."""

    count_cache_seconds: Annotated[float, Meta(ge=0, le=300)] = 30.0
    """How old an answer of `GET /books/facets` or `GET /books/suggestions` may be; 0 reads each
    from the database. They read far more rows than a page of books."""

    import_max_bytes: Annotated[int, Meta(ge=1024, le=2**31 - 1)] = 64 * 1024 * 1024
    """Bytes of the largest CSV file that `POST /books/import` takes."""

    review_writes_per_hour: Annotated[int, Meta(ge=0, le=10_000)] = 30
    """Reviews and reports that one account writes or edits in an hour; 0: no limit."""
