"""What pages say of a refusal whose own text is for clients of the API.

Such a text names a route or states as the API does, or goes on from the title of its problem
document, which no page shows.
"""

from functions.storefront.translations import N_

ORDER_CHANGED = N_("Somebody has changed this order meanwhile. This is its present state.")

REFUSAL_TEXTS = {
    "illegal-move": ORDER_CHANGED,
    "not-paid": ORDER_CHANGED,
    "already-assigned": ORDER_CHANGED,
    "already-paid": N_("This order is paid already. Nothing was charged again."),
    "payment-declined": N_(
        "The payment was declined. Pay in another way: the copies are still reserved for you."
    ),
    "payment-returned": N_("The order had ended when the money arrived. You get it back."),
    "purchase-expired": N_(
        "The time to pay has run out, and nothing was charged. Order the books again."
    ),
    "seller-name-needed": N_("Say first under which name you sell."),
    "seller-not-found": N_("There is no seller with this number, or it has not taken a name yet."),
    "key-not-active": N_("That key does not sign any more. The page has the one that does."),
    "email-already-registered": N_(
        "There is an account with this address already. Sign in, or use another address."
    ),
}
"""By the code of the refusal."""
