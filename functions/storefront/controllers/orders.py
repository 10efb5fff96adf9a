"""A customer's orders."""

from litestar import Response, get, post

from functions.kit.http.requests import AnyRequest
from functions.storefront.clients.service import Refused
from functions.storefront.controllers.books import id_in_path
from functions.storefront.controllers.carts import tell_left_out
from functions.storefront.controllers.checkout import METHODS
from functions.storefront.forms import new_key
from functions.storefront.translations import N_
from functions.storefront.visits import SUCCESS, open_visit


@get("/{language:str}/orders", include_in_schema=False)
async def list_orders(request: AnyRequest) -> Response[bytes]:
    visit = open_visit(request)
    after = request.query_params.get("after")
    purchase = visit.services.purchase
    try:
        page = await visit.as_customer(
            lambda caller: purchase.orders(caller, visit.customer.user_id, after=after)
        )
    except Refused as refusal:
        return visit.first_page(refusal, "orders")
    next_url = visit.url("orders", after=page.next_cursor) if page.next_cursor else None
    return visit.page("orders.html", orders=page.orders, next_url=next_url, later=bool(after))


@get("/{language:str}/orders/{order_id:str}", include_in_schema=False)
async def show_order(request: AnyRequest) -> Response[bytes]:
    visit = open_visit(request)
    order_id = id_in_path(request, "order_id")
    purchase = visit.services.purchase
    order = await visit.as_customer(lambda caller: purchase.order(caller, order_id))
    return visit.page("order.html", order=order, methods=METHODS, form_key=new_key())


@post("/{language:str}/orders/{order_id:str}/cancel", include_in_schema=False)
async def cancel_order(request: AnyRequest) -> Response[bytes]:
    visit = open_visit(request)
    order_id = id_in_path(request, "order_id")
    visit.returns_to = visit.url("orders", order_id)
    purchase = visit.services.purchase
    try:
        await visit.as_customer(lambda caller: purchase.cancel(caller, order_id))
    except Refused as refusal:
        if refusal.status != 409:
            raise
        visit.tell_refusal(refusal)
    else:
        visit.tell(SUCCESS, "The order is cancelled.")
    return visit.redirect(visit.url("orders", order_id))


@post("/{language:str}/orders/{order_id:str}/reorder", include_in_schema=False)
async def reorder(request: AnyRequest) -> Response[bytes]:
    """Put an order's books into the cart; those that are no longer sold are left out."""
    visit = open_visit(request)
    order_id = id_in_path(request, "order_id")
    visit.returns_to = visit.url("orders", order_id)
    purchase = visit.services.purchase
    order = await visit.as_customer(lambda caller: purchase.order(caller, order_id))
    lines = {item.book_id: item.quantity for item in order.items}
    merged = await visit.as_customer(lambda caller: purchase.merge_cart(caller, lines))
    tell_left_out(visit, merged, _NOT_SOLD)
    return visit.redirect(visit.url("cart"))


_NOT_SOLD = N_("Some books of this order are no longer sold; they were left out.")


HANDLERS = (list_orders, show_order, cancel_order, reorder)
