"""Signed-in visitors: tokens that run out, and what must not sign anybody out."""

import asyncio

from tests.journeys.shop_in_process import ShopInProcess
from tests.storefront.visitor import Visitor


async def test_a_token_that_ran_out_is_renewed(visitor: Visitor, shop: ShopInProcess) -> None:
    """The visitor notices nothing, also where two tabs ask at once."""
    await visitor.sign_up()
    shop.clock.advance(minutes=16)
    both = await asyncio.gather(visitor.get("/en/orders"), visitor.get("/en/orders"))
    shop.clock.advance(minutes=16)
    later = await visitor.get("/en/orders")

    assert [page.status_code for page in both] == [200, 200]
    assert later.status_code == 200


async def test_a_token_renewed_before_a_failure_is_kept(
    visitor: Visitor, shop: ShopInProcess
) -> None:
    """The page of the failure carries it; its predecessor would end the session."""
    await visitor.sign_up()
    shop.clock.advance(minutes=16)
    purchase = shop.clients.pop("purchase")
    failed = await visitor.get("/en/orders")
    shop.clients["purchase"] = purchase
    shop.clock.advance(minutes=1)
    again = await visitor.get("/en/orders")

    assert (failed.status_code, again.status_code) == (503, 200)


async def test_a_session_that_has_ended_leads_to_the_sign_in_and_back(
    visitor: Visitor, shop: ShopInProcess
) -> None:
    """After the refresh token's life, too."""
    await visitor.sign_up()
    shop.clock.advance(days=29)
    await visitor.get("/en")
    shop.clock.advance(hours=30)
    page = await visitor.get("/en/orders")

    assert page.status_code == 303
    assert page.headers["location"].startswith("/en/sign-in?next=/en/orders")
