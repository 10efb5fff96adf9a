"""A customer's own cart: what they mean to buy, at today's prices. It reserves nothing."""

import msgspec
from litestar import Response, delete, get, post, put
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody

from functions.kit.base.errors import InvalidInput, Text
from functions.kit.base.money import from_minor
from functions.kit.base.orders import MAX_TOTAL_MINOR
from functions.kit.http.guards import signed_in
from functions.kit.http.idempotency import IDEMPOTENCY_KEY, IDEMPOTENCY_REPLAYED, respond_once
from functions.kit.http.operations import Link, described
from functions.kit.http.problems import problems
from functions.kit.http.requests import AuthenticatedRequest, PathId
from functions.kit.http.responses import JSONResponse, encode
from functions.purchase import queries
from functions.purchase.commands.customers import (
    add_to_cart,
    empty_cart,
    merge_cart,
    remove_cart_item,
    set_cart_item,
)
from functions.purchase.domain.holdings import HoldingLimits, Holdings
from functions.purchase.queries import CartRow
from functions.purchase.schemas.cart import (
    CartAddition,
    CartItemView,
    CartLeftOut,
    CartMerge,
    CartMerged,
    CartQuantity,
    CartView,
)
from functions.purchase.services import services_of

_ADDED = {201: ResponseSpec(CartView, generate_examples=False, description="The book was added")}


@get("/cart", guards=[signed_in])
async def get_cart(request: AuthenticatedRequest) -> CartView:
    """Read the caller's own cart: present prices, and how many copies of each book can be bought.

    Copies that the caller holds in unpaid purchases count against the limits.
    """
    return await _cart(request)


async def _cart(request: AuthenticatedRequest) -> CartView:
    services = services_of(request)
    user_id, limits = request.user.user_id, services.settings.holding_limits
    rows, held = await queries.cart(services.database, user_id, services.clock())
    items = [_item(row, held, limits) for row in rows]
    sold = [item for item in items if item.in_stock]
    total_minor = sum(item.quantity * item.price_minor for item in sold)
    return CartView(
        items=items,
        quantity=sum(item.quantity for item in sold),
        total=from_minor(total_minor),
        total_minor=total_minor,
        currency=rows[0].offer.currency if rows else None,
        max_total=from_minor(MAX_TOTAL_MINOR),
        max_total_minor=MAX_TOTAL_MINOR,
        unpaid_purchases=held.unpaid_purchases,
        max_unpaid_purchases=limits.unpaid_purchases or None,
    )


def _item(row: CartRow, held: Holdings, limits: HoldingLimits) -> CartItemView:
    line, offer, available = row
    most = limits.copies_left(held, line.book_id)
    return CartItemView(
        book_id=line.book_id,
        title=offer.title,
        quantity=line.quantity,
        price=from_minor(offer.price_minor),
        price_minor=offer.price_minor,
        currency=offer.currency,
        price_when_added=from_minor(line.price_when_added_minor),
        price_when_added_minor=line.price_when_added_minor,
        price_changed=line.price_when_added_minor != offer.price_minor,
        available=0 if offer.retired else available,
        in_stock=row.can_be_bought and line.quantity <= most,
        retired=offer.retired,
        max_quantity=most,
        unpaid_quantity=held.copies.get(line.book_id, 0),
    )


@post(
    "/cart/items",
    guards=[signed_in],
    status_code=200,
    responses={**_ADDED, **problems(404, 409, 422)},
    opt=described(
        location="/cart",
        request_headers=[IDEMPOTENCY_KEY],
        response_headers=[IDEMPOTENCY_REPLAYED],
        links={"buy": Link("POST /purchase", body={"from_cart": True})},
    ),
)
async def add_item(
    request: AuthenticatedRequest, data: JSONBody[CartAddition]
) -> Response[CartView]:
    """Add copies of a book to those in the cart. The response is the new cart.

    Copies that are added at the same time, as from two tabs, are all counted. With an
    `Idempotency-Key` header the same request can be sent again safely: it adds its copies once.
    """
    services = services_of(request)

    async def command() -> tuple[bool, CartView]:
        new = await add_to_cart(
            services.database,
            request.user.user_id,
            data.book_id,
            data.quantity,
            now=services.clock(),
        )
        return new, await _cart(request)

    def render(added: tuple[bool, CartView]) -> tuple[int, bytes]:
        new, cart = added
        return 201 if new else 200, encode(cart)

    return await respond_once(request, "POST /cart/items", command, render)


@put(
    "/cart/items/{book_id:int}",
    guards=[signed_in],
    status_code=200,
    responses={**_ADDED, **problems(404, 409)},
    opt=described(
        location="/cart", links={"buy": Link("POST /purchase", body={"from_cart": True})}
    ),
)
async def set_item(
    request: AuthenticatedRequest, book_id: PathId, data: JSONBody[CartQuantity]
) -> Response[CartView]:
    """Set the number of copies of a book in the cart. The response is the new cart.

    The request can be sent again safely. `GET /cart` goes on comparing with the first price.
    """
    services = services_of(request)
    new = await set_cart_item(
        services.database,
        request.user.user_id,
        book_id,
        data.quantity,
        now=services.clock(),
    )
    return JSONResponse(await _cart(request), status_code=201 if new else 200)


@delete("/cart/items/{book_id:int}", guards=[signed_in], responses=problems(404))
async def remove_item(request: AuthenticatedRequest, book_id: PathId) -> None:
    """Remove a book from the cart. A book that is not in it changes nothing."""
    await remove_cart_item(services_of(request).database, request.user.user_id, book_id)


@delete("/cart", guards=[signed_in])
async def remove_all(request: AuthenticatedRequest) -> None:
    """Empty the cart."""
    await empty_cart(services_of(request).database, request.user.user_id)


@post("/cart/merge", guards=[signed_in], status_code=200, responses=problems(409))
async def merge(request: AuthenticatedRequest, data: JSONBody[CartMerge]) -> CartMerged:
    """Merge a cart from before the customer signed in. The response is the new cart.

    The larger quantity of each book is kept, so the request can be sent again safely. Unknown and
    retired books, and those that a full cart cannot hold, are left out and named in the response.
    """
    items = {item.book_id: item.quantity for item in data.items}
    if len(items) < len(data.items):
        raise InvalidInput(
            Text(
                "Nombre cada libro una vez, con el número de ejemplares.",
                "Name each book once, with the number of copies.",
            )
        )
    services = services_of(request)
    left_out = await merge_cart(
        services.database, request.user.user_id, items, now=services.clock()
    )
    return CartMerged(
        **msgspec.structs.asdict(await _cart(request)),
        left_out=[CartLeftOut(book_id=each.book_id, reason=each.reason) for each in left_out],
    )


HANDLERS = (get_cart, add_item, set_item, remove_item, remove_all, merge)
