"""The areas of the back office: who may see them, and which pages each lists.

The navigation, the link in the header and the guard read this registry. How a page is added:
functions/README.md, "A page of the back office".
"""

from collections.abc import Iterable
from typing import NamedTuple

from functions.storefront.translations import N_


class Entry(NamedTuple):
    """A page that the navigation lists."""

    path: str
    """Below the area: `books` of the area `staff` is `/{language}/staff/books`."""
    label: str


class Area(NamedTuple):
    """The pages below `/{language}/{name}`, for people who have one of the roles."""

    name: str
    label: str
    roles: frozenset[str]
    refusal: str
    """What somebody without these roles is told."""
    entries: tuple[Entry, ...]


STAFF = Area(
    "staff",
    N_("Staff"),
    frozenset({"staff", "admin"}),
    N_("This page is for the shop's staff."),
    (
        Entry("books", N_("Books")),
        Entry("import", N_("Import books")),
        Entry("orders", N_("Orders")),
        Entry("deliveries", N_("Deliveries")),
        Entry("payments", N_("Payments")),
        Entry("providers", N_("Delivery providers")),
        Entry("reviews", N_("Reviews")),
        Entry("sellers", N_("Sellers")),
    ),
)

SELLER = Area(
    "seller",
    N_("Selling"),
    frozenset({"seller"}),
    N_("This page is for people who sell in this shop."),
    (
        Entry("books", N_("My books")),
        Entry("import", N_("Import books")),
        Entry("sales", N_("My sales")),
        Entry("name", N_("Name in the shop")),
    ),
)

ADMIN = Area(
    "admin",
    N_("Administration"),
    frozenset({"admin"}),
    N_("This page is for the shop's administrators."),
    (
        Entry("operations", N_("Operations")),
        Entry("dead-letters", N_("Dead letters")),
        Entry("users", N_("Users")),
        Entry("keys", N_("Signing keys")),
    ),
)

AREAS = (STAFF, SELLER, ADMIN)


def areas_of(roles: Iterable[str]) -> tuple[Area, ...]:
    """The areas that somebody with these roles may see, without those that have no page."""
    given = set(roles)
    return tuple(area for area in AREAS if area.entries and not given.isdisjoint(area.roles))
