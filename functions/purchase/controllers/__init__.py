"""The HTTP handlers: parse → command or query → schema. They contain no SQL and no rule.

A sale begins in `purchases.py`; `shared.py` has what several of them need.
"""

from functions.purchase.controllers.addresses import HANDLERS as ADDRESSES
from functions.purchase.controllers.books import HANDLERS as BOOKS
from functions.purchase.controllers.cart import HANDLERS as CART
from functions.purchase.controllers.deliveries import HANDLERS as DELIVERIES
from functions.purchase.controllers.inventory import HANDLERS as INVENTORY
from functions.purchase.controllers.payments import HANDLERS as PAYMENTS
from functions.purchase.controllers.providers import HANDLERS as PROVIDERS
from functions.purchase.controllers.purchases import HANDLERS as PURCHASES
from functions.purchase.controllers.quotes import HANDLERS as QUOTES
from functions.purchase.controllers.sales import HANDLERS as SALES

HANDLERS = (
    *PURCHASES,
    *PAYMENTS,
    *PROVIDERS,
    *QUOTES,
    *DELIVERIES,
    *INVENTORY,
    *SALES,
    *CART,
    *ADDRESSES,
    *BOOKS,
)
