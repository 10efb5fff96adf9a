"""Who closes their account on auth is forgotten by purchase too, whatever the broker does."""

import pytest

from tests.journeys.shop_in_process import ShopInProcess

ADDRESS = {"recipient": "Quien se va", "lines": ["Calle 1"], "city": "Luanda", "country": "AO"}


async def kept(shop: ShopInProcess) -> int:
    """Addresses and cart lines that purchase has in its tables."""
    from piccolo.querystring import QueryString

    database = shop.apps["purchase"].state.services.database
    outcome = await database.execute(
        QueryString(
            "SELECT (SELECT COUNT(*) FROM addresses) + (SELECT COUNT(*) FROM cart_items) AS n"
        )
    )
    count: int = outcome.rows[0]["n"]
    return count


@pytest.mark.parametrize("losing", [False, True], ids=["by its event", "by the feed"])
async def test_a_closed_account_leaves_nothing_behind(shop: ShopInProcess, *, losing: bool) -> None:
    """The event arrives, or the feed tells it when a later one shows that it is missing."""
    book_id = await shop.sell()
    await shop.sign_up("leaver")
    await shop.call("purchase", "POST", "/addresses", ADDRESS, user="leaver")
    await shop.call("purchase", "PUT", f"/cart/items/{book_id}", {"quantity": 1}, user="leaver")
    before = await kept(shop)
    shop.broker.losing = losing
    closing = {"current_password": "leaver-has-a-password"}
    closed = await shop.call("auth", "DELETE", "/me", closing, user="leaver")
    if losing:
        await shop.until(lambda: _published(shop))
        shop.broker.losing = False
        await shop.sign_up("another", "staff")
        await shop.call("auth", "POST", "/logout", user="another")

    async def gone() -> bool:
        return await kept(shop) == 0

    assert before == 2
    assert closed.status_code in {200, 204}
    await shop.until(gone)


async def _published(shop: ShopInProcess) -> bool:
    """Whether auth's outbox is empty."""
    from piccolo.querystring import QueryString

    database = shop.apps["auth"].state.services.database
    outcome = await database.execute(
        QueryString("SELECT COUNT(*) AS n FROM outbox WHERE sent_at IS NULL")
    )
    return bool(outcome.rows[0]["n"] == 0)
