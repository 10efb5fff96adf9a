"""`/{language}/seller/...`: pages of sellers. One file for a family of pages."""

from functions.storefront.controllers.seller import books, editing, importing, names, sales, stock

HANDLERS = (
    *books.HANDLERS,
    *editing.HANDLERS,
    *importing.HANDLERS,
    *stock.HANDLERS,
    *sales.HANDLERS,
    *names.HANDLERS,
)

__all__ = ["HANDLERS"]
