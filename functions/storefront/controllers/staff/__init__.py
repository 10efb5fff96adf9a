"""`/{language}/staff/...`: pages of the shop's staff. One file for a family of pages."""

from functions.storefront.controllers.staff import (
    book,
    books,
    deliveries,
    importing,
    orders,
    payments,
    providers,
    reviews,
    sellers,
)

HANDLERS = (
    *books.HANDLERS,
    *book.HANDLERS,
    *importing.HANDLERS,
    *orders.HANDLERS,
    *deliveries.HANDLERS,
    *payments.HANDLERS,
    *providers.HANDLERS,
    *reviews.HANDLERS,
    *sellers.HANDLERS,
)

__all__ = ["HANDLERS"]
