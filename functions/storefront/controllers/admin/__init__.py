"""`/{language}/admin/...`: pages of administrators. One file for a family of pages."""

from functions.storefront.controllers.admin import dead_letters, keys, operations, users

HANDLERS = (
    *operations.HANDLERS,
    *dead_letters.HANDLERS,
    *users.HANDLERS,
    *keys.HANDLERS,
)

__all__ = ["HANDLERS"]
