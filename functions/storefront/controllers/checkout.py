"""The checkout: address, delivery, payment. Each step is a GET; each change redirects.

What was chosen travels in the address of the next step, so Back and reload work. The payment form
holds a key that is made with the page: the same form sent twice, or again after a lost answer,
places one order and charges once.
"""

import hashlib
from typing import Any

from litestar import Response, get, post

from functions.kit.http.requests import AnyRequest
from functions.storefront.clients.purchase import Address, Quote
from functions.storefront.clients.service import Refused, ServiceAway
from functions.storefront.controllers.books import id_in_path
from functions.storefront.controllers.carts import Shown, cart_of
from functions.storefront.countries import countries
from functions.storefront.errors import SignInNeeded, StepMissing
from functions.storefront.forms import Form, new_key, read_form
from functions.storefront.translations import N_
from functions.storefront.visits import INFO, PROBLEM, SUCCESS, Visit, open_visit, side_by_side

METHODS = ("tok_success", "tok_decline", "tok_slow")
"""What the simulated payment provider understands; there is no field for a card's number."""


@get("/{language:str}/checkout", include_in_schema=False)
async def begin(request: AnyRequest) -> Response[bytes]:
    visit = open_visit(request)
    return visit.redirect(visit.url("checkout", "address"))


_EMPTY = N_("The cart is empty. What you have just ordered is under Orders.")
_NOT_WHOLE = N_("Look at your cart first: it has books that cannot be bought.")
_TOO_LARGE = N_("Look at your cart first: its total is more than one order can have.")
_TOO_MANY_UNPAID = N_("Look at your cart first: you have too many unpaid orders to place another.")
_TOO_LARGE_DELIVERED = N_(
    "With its delivery, the total is more than one order can have: remove something first."
)


async def _cart_to_buy(visit: Visit) -> Shown:
    """The cart of a customer. Raises `StepMissing` where not all in it can be bought."""
    if visit.signed_in is None:
        raise SignInNeeded(visit.url("checkout", "address"))
    cart = await cart_of(visit)
    if not cart.lines:
        raise StepMissing(visit.url("cart"), _EMPTY)
    if cart.most_unpaid is not None:
        raise StepMissing(visit.url("cart"), _TOO_MANY_UNPAID)
    if cart.too_large:
        raise StepMissing(visit.url("cart"), _TOO_LARGE)
    if not cart.whole:
        raise StepMissing(visit.url("cart"), _NOT_WHOLE)
    return cart


@get("/{language:str}/checkout/address", include_in_schema=False)
async def show_address(request: AnyRequest) -> Response[bytes]:
    visit = open_visit(request)
    cart, addresses = await side_by_side(_cart_to_buy(visit), _addresses(visit))
    return _address_page(visit, cart, addresses, {}, {})


async def _addresses(visit: Visit) -> list[Address]:
    return await visit.as_customer(visit.services.purchase.addresses)


def _address_page(
    visit: Visit,
    cart: Shown,
    addresses: list[Address],
    typed: dict[str, Any],
    problems: dict[str, str],
    status: int = 200,
) -> Response[bytes]:
    return visit.page(
        "checkout_address.html",
        status=status,
        cart=cart,
        addresses=addresses,
        typed=typed,
        problems=problems,
        countries=countries(visit.language),
        form_key=typed.get("key") or new_key(),
    )


@post("/{language:str}/checkout/address", include_in_schema=False)
async def choose_address(request: AnyRequest) -> Response[bytes]:
    """One of the customer's addresses, or a new one."""
    visit = open_visit(request)
    visit.returns_to = visit.url("checkout", "address")
    form = await read_form(request)
    address_id = form.id("address_id")
    visit.keeps_form = address_id is None
    cart = await _cart_to_buy(visit)
    if address_id is None:
        try:
            address_id = await _add_address(visit, form)
        except Refused as refusal:
            if refusal.status not in {400, 409, 422}:
                raise
            problems = _address_problems(form, refusal)
            addresses = await _addresses(visit)
            return _address_page(visit, cart, addresses, form.shown(), problems, refusal.status)
    return visit.redirect(visit.url("checkout", "delivery", address=address_id))


async def _add_address(visit: Visit, form: Form) -> int:
    optional = ("region", "postal_code", "phone")
    body: dict[str, object] = {
        "recipient": form.text("recipient"),
        "lines": [form.text(name) for name in _lines_in(form)],
        "city": form.text("city"),
        "country": form.text("country"),
        **{name: text for name in optional if (text := form.text(name))},
    }
    # What was corrected after Back is another address, also under the key of its form.
    content = "\n".join(f"{name}={value}" for name, value in sorted(body.items()))
    digest = hashlib.blake2b(content.encode(), digest_size=8).hexdigest()
    key, purchase = f"{form.key}-{digest}", visit.services.purchase
    return await visit.as_customer(lambda caller: purchase.add_address(caller, body, key=key))


def _lines_in(form: Form) -> list[str]:
    """The fields of the address's lines that are filled in: purchase counts only those."""
    return [name for name in ("line1", "line2") if form.text(name)]


def _address_problems(form: Form, refusal: Refused) -> dict[str, str]:
    """Messages by the form's fields."""
    names = {f"lines[{place}]": name for place, name in enumerate(_lines_in(form))}
    problems: dict[str, str] = {}
    for field, message in refusal.fields.items():
        problems.setdefault(names.get(field, "line1" if field == "lines" else field), message)
    return problems or {"": refusal.text}


@get("/{language:str}/checkout/delivery", include_in_schema=False)
async def show_delivery(request: AnyRequest) -> Response[bytes]:
    visit = open_visit(request)
    cart, address = await side_by_side(_cart_to_buy(visit), _address_of(visit))
    quotes = await _quotes(visit, address, cart)
    return visit.page("checkout_delivery.html", cart=cart, address=address, quotes=quotes)


async def _address_of(visit: Visit) -> Address:
    """The address that the page's own address names. Raises `StepMissing`."""
    chosen = visit.request.query_params.get("address")
    for address in await _addresses(visit):
        if str(address.id) == chosen:
            return address
    # Deleted meanwhile, in another tab; without a choice this is the first step.
    raise StepMissing(visit.url("checkout", "address"), _NO_ADDRESS if chosen else None)


_NO_ADDRESS = N_("This address is not there any more. Choose another one.")


async def _quotes(visit: Visit, address: Address, cart: Shown) -> list[Quote]:
    """The deliveries that can be chosen.

    Raises `StepMissing` where each makes too large a total.
    """
    lines = [(line.book_id, line.quantity) for line in cart.lines]
    quotes = await visit.services.purchase.quotes(visit.caller, address.country, lines)
    fitting = [quote for quote in quotes if quote.total <= cart.max_total]
    if quotes and not fitting:
        raise StepMissing(visit.url("cart"), _TOO_LARGE_DELIVERED)
    return fitting


@post("/{language:str}/checkout/delivery", include_in_schema=False)
async def choose_delivery(request: AnyRequest) -> Response[bytes]:
    visit = open_visit(request)
    form = await read_form(request)
    address = form.id("address")
    provider = form.id("provider")
    if address is None:
        return visit.redirect(visit.url("checkout", "address"))
    if provider is None:
        visit.tell(PROBLEM, "Choose a delivery.")
        return visit.redirect(visit.url("checkout", "delivery", address=address))
    return visit.redirect(visit.url("checkout", "payment", address=address, provider=provider))


@get("/{language:str}/checkout/payment", include_in_schema=False)
async def show_payment(request: AnyRequest) -> Response[bytes]:
    visit = open_visit(request)
    cart, address = await side_by_side(_cart_to_buy(visit), _address_of(visit))
    quotes = await _quotes(visit, address, cart)
    chosen = request.query_params.get("provider")
    quote = next((each for each in quotes if str(each.provider_id) == chosen), None)
    if quote is None:
        if chosen and quotes:  # without any the next page says so
            visit.tell(INFO, _NO_DELIVERY)
        return visit.redirect(visit.url("checkout", "delivery", address=address.id))
    return visit.page(
        "checkout_payment.html",
        cart=cart,
        address=address,
        quote=quote,
        methods=METHODS,
        form_key=new_key(),
    )


_NO_DELIVERY = N_("This delivery is not offered for your order any more. Choose another one.")


@post("/{language:str}/checkout/payment", include_in_schema=False)
async def pay(request: AnyRequest) -> Response[bytes]:
    """Place the order and pay it."""
    visit = open_visit(request)
    form = await read_form(request)
    address = form.id("address")
    provider = form.id("provider")
    method = form.text("method")
    if address is None or provider is None:
        return visit.redirect(visit.url("checkout", "address"))
    here = visit.url("checkout", "payment", address=address, provider=provider)
    visit.returns_to = here
    if visit.signed_in is None:
        raise SignInNeeded(here)
    if method not in METHODS:
        visit.tell(PROBLEM, "Choose how to pay.")
        return visit.redirect(here)
    body = {
        "from_cart": True,
        "address_id": address,
        "provider_id": provider,
        "expected_total": form.text("expected_total"),
    }
    key, purchase = form.key, visit.services.purchase
    try:
        placed = await visit.as_customer(
            lambda caller: purchase.place(caller, body, key=f"{key}-order")
        )
    except Refused as refusal:
        if refusal.status not in {400, 404, 409, 422}:
            raise
        if refusal.code == "idempotency-key-reused":  # the form of an order, with other contents
            visit.tell(INFO, "This form was sent before. Here are your orders.")
            return visit.redirect(visit.url("orders"))
        _tell_refused_order(visit, refusal)
        return visit.redirect(_step_of(visit, refusal, here))
    await _charge(visit, placed.purchase_id, method, key)
    return visit.redirect(visit.url("orders", placed.purchase_id))


_OTHER_TOTAL = N_("The total has changed. Nothing is ordered: look at the new one before you pay.")
_NO_TOTAL = N_("Such a total cannot be paid in one order. Nothing is ordered: choose fewer copies.")


def _tell_refused_order(visit: Visit, refusal: Refused) -> None:
    """Say why nothing is ordered. The next page has the amounts, as the visitor's language does."""
    if refusal.code == "price-changed":
        visit.tell(PROBLEM, _OTHER_TOTAL)
    elif "expected_total" in refusal.fields:
        visit.tell(PROBLEM, _NO_TOTAL)
    else:
        visit.tell_refusal(refusal)


def _step_of(visit: Visit, refusal: Refused, here: str) -> str:
    """The page on which what was refused can be changed."""
    if refusal.code.startswith("address-"):
        return visit.url("checkout", "address")
    if refusal.code.startswith("provider-"):
        return here.replace("/checkout/payment", "/checkout/delivery")
    if refusal.code == "price-changed":
        return here
    return visit.url("cart")


@post("/{language:str}/orders/{order_id:str}/pay", include_in_schema=False)
async def pay_order(request: AnyRequest) -> Response[bytes]:
    """Pay an order that was placed and not paid, as after a declined payment."""
    visit = open_visit(request)
    form = await read_form(request)
    order_id = id_in_path(request, "order_id")
    visit.returns_to = visit.url("orders", order_id)
    method = form.text("method")
    if method not in METHODS:
        visit.tell(PROBLEM, "Choose how to pay.")
    else:
        await _charge(visit, order_id, method, form.key)
    return visit.redirect(visit.url("orders", order_id))


async def _charge(visit: Visit, order_id: int, method: str, form_key: str) -> None:
    """Pay an order; the order's page says what became of it.

    The key is of the form and the method: after Back, another method is another attempt.
    """
    purchase, key = visit.services.purchase, f"{form_key}-{method}"
    try:
        await visit.as_customer(lambda caller: purchase.pay(caller, order_id, method, key=key))
    except ServiceAway:
        # It may have been carried out. purchase refuses a second payment until that is decided.
        visit.tell(PROBLEM, _UNKNOWN)
    except Refused as refusal:
        if refusal.status not in {402, 409, 422}:
            raise
        visit.tell_refusal(refusal)
    else:
        visit.tell(SUCCESS, "Thank you. Your order is placed.")


_UNKNOWN = N_(
    "Your order is placed, but the answer to the payment did not arrive. Look at this page again"
    " in a minute: what was paid is not paid twice."
)


HANDLERS = (
    begin,
    show_address,
    choose_address,
    show_delivery,
    choose_delivery,
    show_payment,
    pay,
    pay_order,
)
