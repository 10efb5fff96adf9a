"""Staff's pages of delivery providers."""

import re

import pytest

from tests.journeys.shop_in_process import ShopInProcess
from tests.storefront.visitor import Visitor, fields_of, open_back_office, text_of

LIST = "/en/staff/providers"


async def test_a_provider_is_added_changed_retired_and_offered_again(
    staff: Visitor, shop: ShopInProcess
) -> None:
    """As the list and purchase show it."""
    added = await staff.submit(
        f"{LIST}/new", name="<b>DHL", contact="x", coverage="co; mx", fee="5,50"
    )
    path = f"{LIST}/1"
    form = fields_of(await staff.get(path), path)
    changed = await staff.submit(path, **{**form, "coverage": "*", "fee": "6"})
    asked = await staff.get(f"{path}/retire")
    retired = await staff.submit(f"{path}/retire")
    twice = await staff.submit(f"{path}/retire")
    offered = await staff.get(f"{LIST}?status=offered")
    quoted = (await shop.call("purchase", "GET", "/providers")).json()
    back = await staff.submit(f"{path}/restore")
    shown = (await shop.call("purchase", "GET", "/providers")).json()

    assert "Colombia, Mexico" in text_of(added)
    assert "<b>DHL" in text_of(added)
    assert "<b>" not in added.text
    assert "everywhere" in text_of(changed)
    assert "Nobody can choose it for a new order." in text_of(asked)
    assert "The delivery provider is no longer offered." in text_of(retired)
    assert twice.status_code == 200
    assert "Nothing matches all of these filters." in text_of(offered)
    assert quoted == []
    assert "The delivery provider is offered again." in text_of(back)
    assert [(each["coverage"], each["fee"]) for each in shown] == [(["*"], 6.0)]


@pytest.mark.parametrize(
    ("field", "typed", "reason"),
    [
        ("name", "", ""),
        ("name", "x" * 101, "100"),
        ("name", "Taken", "Taken exists already."),
        ("contact", " ", ""),
        ("coverage", "CO, XX", "XX"),
        ("coverage", "Colombia", ""),
        ("fee", "cheap", "Write an amount"),
        ("fee", "-1", "Write an amount"),
        ("name", "4111 1111 1111 1111", ""),
    ],
)
async def test_each_field_says_what_is_wrong_with_it(
    staff: Visitor, shop: ShopInProcess, field: str, typed: str, reason: str
) -> None:
    """What was typed stays, and nothing is added."""
    body = {"name": "Taken", "contact": "x"}
    await shop.call("purchase", "POST", "/providers", body, user="staff")
    form = {"name": "DHL", "contact": "x", "coverage": "CO", "fee": "5", field: typed}
    page = await staff.send(f"{LIST}/new", **form)

    assert page.status_code in {400, 409}
    assert re.search(rf'id="p-{field}">', page.text) or 'role="alert"' in page.text
    assert reason in text_of(page)
    assert len((await shop.call("purchase", "GET", "/providers")).json()) == 1


async def test_what_somebody_else_has_changed_is_shown(
    staff: Visitor, shop: ShopInProcess, provider: int
) -> None:
    """Nothing is saved before one has seen it; saving again keeps one's own."""
    path = f"{LIST}/{provider}"
    mine = fields_of(await staff.get(path), path)
    async with open_back_office(shop, "admin") as admin:
        theirs = fields_of(await admin.get(path), path)
        await admin.submit(path, **{**theirs, "fee": "7"})
    page = await staff.send(path, **{**mine, "fee": "8"})
    between = (await shop.call("purchase", "GET", path.rpartition("/en/staff")[2])).json()
    saved = await staff.send(path, **fields_of(page, path))
    after = (await shop.call("purchase", "GET", f"/providers/{provider}")).json()

    assert page.status_code == 412
    assert "Somebody else has written: 7.00" in text_of(page)
    assert between["fee"] == 7
    assert saved.status_code == 303
    assert after["fee"] == 8


@pytest.mark.parametrize("path", ["/0", "/x", "/999", "/999/retire"])
async def test_a_provider_that_never_was_is_not_found(staff: Visitor, path: str) -> None:
    """404."""
    assert (await staff.get(LIST + path)).status_code == 404
