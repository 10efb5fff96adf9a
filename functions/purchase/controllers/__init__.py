"""The HTTP door: parse → command or query → schema. No SQL, no rule.

`purchases.py` is where a sale comes in; the others are what follows it.
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

HANDLERS = (
    *PURCHASES,
    *PAYMENTS,
    *PROVIDERS,
    *QUOTES,
    *DELIVERIES,
    *INVENTORY,
    *CART,
    *ADDRESSES,
    *BOOKS,
)
