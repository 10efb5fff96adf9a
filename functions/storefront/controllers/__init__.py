"""Pages: read the visit and the form, ask the services, render or redirect."""

from functions.storefront.controllers import (
    account,
    books,
    carts,
    checkout,
    files,
    home,
    orders,
    passwords,
    signing_in,
)

HANDLERS = (
    *home.HANDLERS,
    *files.HANDLERS,
    *books.HANDLERS,
    *carts.HANDLERS,
    *checkout.HANDLERS,
    *orders.HANDLERS,
    *signing_in.HANDLERS,
    *passwords.HANDLERS,
    *account.HANDLERS,
)

__all__ = ["HANDLERS"]
