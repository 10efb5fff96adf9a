"""How a search can be narrowed down, and what of it can be taken away again: links with counts."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from functions.storefront.clients.catalog import Facets
from functions.storefront.visits import Visit

LISTED = 8
"""Values of a facet that a page lists."""


class Choice(NamedTuple):
    """A link to the search with one more filter."""

    value: str
    books: int
    url: str


class PriceChoice(NamedTuple):
    least: Any
    most: Any
    books: int
    url: str


class Active(NamedTuple):
    """A filter in effect, and the address of the search without it."""

    name: str
    """`category`, `language`, `author`, `price`, `seller` or `in_stock`."""
    values: tuple[str, ...]
    """One, or the least and the most price, of which one may be empty."""
    url: str


class Total(NamedTuple):
    books: int
    exact: bool


class Narrowing:
    """The filters of a search page."""

    def __init__(self, visit: Visit, chosen: Mapping[str, Any], facets: Facets | None) -> None:
        self._visit = visit
        self._chosen = chosen
        self._facets = facets

    @property
    def exact(self) -> bool:
        return self._facets is None or self._facets.exact

    @property
    def filtered(self) -> bool:
        return next(self.active(), None) is not None

    def active(self) -> Iterator[Active]:
        for name in ("category", "author", "language"):
            if name in self._chosen:
                yield Active(name, (self._chosen[name],), self._url({name: None}))
        prices = tuple(self._chosen.get(name, "") for name in ("min_price", "max_price"))
        if any(prices):
            yield Active("price", prices, self._url({"min_price": None, "max_price": None}))
        if "seller" in self._chosen:
            yield Active("seller", (self._seller_name,), self._url({"seller": None}))
        if "in_stock" in self._chosen:
            yield Active("in_stock", (), self._url({"in_stock": None}))

    def choices(self, facet: str) -> list[Choice]:
        """Values that are not chosen yet, the most frequent first."""
        if self._facets is None or facet in self._chosen:
            return []
        values = getattr(self._facets, facet)[:LISTED]
        return [
            Choice(each.value, each.count, self._url({facet: each.value}))
            for each in values
            if each.count
        ]

    def sellers(self) -> list[Choice]:
        """Sellers, by name; empty where one is chosen already."""
        if self._facets is None or "seller" in self._chosen:
            return []
        return [
            Choice(each.name, each.count, self._url({"seller": str(each.value)}))
            for each in self._facets.seller[:LISTED]
            if each.count
        ]

    @property
    def _seller_name(self) -> str:
        """As the facet names the chosen seller; the number of one without books."""
        chosen: str = self._chosen["seller"]
        named = {str(each.value): each.name for each in self._facets.seller} if self._facets else {}
        return named.get(chosen, chosen)

    def prices(self) -> list[PriceChoice]:
        """Empty where there is one range only, which would change nothing."""
        if self._facets is None or "min_price" in self._chosen or "max_price" in self._chosen:
            return []
        found = [each for each in self._facets.price if each.count]
        if len(found) < 2:
            return []
        return [
            PriceChoice(
                each.min_price,
                each.max_price,
                each.count,
                self._url(
                    {"min_price": f"{each.min_price:.2f}", "max_price": f"{each.max_price:.2f}"}
                ),
            )
            for each in found
        ]

    def _url(self, changes: Mapping[str, str | None]) -> str:
        """The first page of the search with some filters changed; None takes one away."""
        return self._visit.url("books", **{**self._chosen, **changes})


def total(facets: Facets | None, listed: int | None) -> Total | None:
    """How many books a search finds; `listed` where the page has all of them.

    An estimate is rounded to two digits. None where nothing is known.
    """
    if listed is not None:
        return Total(listed, exact=True)
    if facets is None or not facets.total:
        return None
    if facets.exact:
        return Total(facets.total, exact=True)
    unit = 10 ** max(len(str(facets.total)) - 2, 0)
    return Total(round(facets.total / unit) * unit, exact=False)
