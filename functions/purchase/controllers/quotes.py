"""What books cost with their delivery, before anything is bought."""

from typing import Annotated

from litestar import get
from litestar.params import QueryParameter

from functions.kit.base.money import from_minor
from functions.kit.http.problems import problems
from functions.kit.http.requests import AnyRequest
from functions.purchase import queries
from functions.purchase.domain.checkout import Quote, parse_country, parse_items, quotes
from functions.purchase.domain.countries import COUNTRIES
from functions.purchase.schemas.deliveries import DeliveryQuote
from functions.purchase.services import services_of

CountryParameter = Annotated[
    str,
    QueryParameter(
        name="country",
        max_length=2,
        description="ISO 3166-1 alpha-2",
        schema_extra={"enum": sorted(COUNTRIES), "example": "CO"},
    ),
]
Items = Annotated[
    str,
    QueryParameter(
        name="items",
        max_length=1300,
        description="Books and copies: `1x2,5x1` is two of book 1 and one of book 5",
        schema_extra={"format": "quoted-items", "example": "1x2,3x1"},
    ),
]


@get("/delivery-quotes", responses=problems(404, 409))
async def list_quotes(
    request: AnyRequest, country: CountryParameter, items: Items
) -> list[DeliveryQuote]:
    """List what books cost with their delivery to a country, by each provider that serves it.

    The cheapest comes first, and at most 50 are listed. The list is empty for a country that no
    provider serves.
    """
    wanted, destination = parse_items(items), parse_country(country)
    database = services_of(request).database
    lines, currency = await queries.quoted_books(database, wanted)
    offered = await queries.delivery_offers(database)
    return [_view(each, currency) for each in quotes(offered, lines, destination)]


def _view(quote: Quote, currency: str) -> DeliveryQuote:
    return DeliveryQuote(
        provider_id=quote.provider.id,
        provider_name=quote.provider.name,
        fee=from_minor(quote.provider.fee_minor),
        fee_minor=quote.provider.fee_minor,
        subtotal=from_minor(quote.subtotal_minor),
        subtotal_minor=quote.subtotal_minor,
        total=from_minor(quote.total_minor),
        total_minor=quote.total_minor,
        currency=currency,
    )


HANDLERS = (list_quotes,)
