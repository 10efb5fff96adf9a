"""Pages: read the visit and the form, ask the services, render or redirect."""

from functions.storefront.controllers import (
    account,
    admin,
    back_office,
    books,
    carts,
    checkout,
    files,
    home,
    mailbox,
    mails,
    orders,
    passwords,
    reviews,
    seller,
    signing_in,
    staff,
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
    *reviews.HANDLERS,
    *mails.HANDLERS,
    *mailbox.HANDLERS,
    *back_office.HANDLERS,
    *staff.HANDLERS,
    *seller.HANDLERS,
    *admin.HANDLERS,
)

__all__ = ["HANDLERS"]
