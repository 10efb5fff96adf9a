"""Orders and deliveries as staff works with them."""

import asyncio
import csv
import io
import re
from typing import Any

import httpx
import pytest

from tests.journeys.shop_in_process import ShopInProcess
from tests.storefront.staff_shop import add_order, add_provider, order
from tests.storefront.visitor import Visitor, fields_of, open_back_office, text_of

HOSTILE = '=HYPERLINK("http://evil.example")'


async def sell(shop: ShopInProcess) -> None:
    await shop.sell("Rayuela", stock=50)


async def assign(staff: Visitor, order_id: int) -> httpx.Response:
    """By the form of the order's page, with the provider that it offers first."""
    page = await staff.get(f"/en/staff/orders/{order_id}")
    action = f"/en/staff/orders/{order_id}/assign"
    provider = re.search(r'<option value="(\d+)">', page.text)
    assert provider is not None, text_of(page)
    return await staff.submit(action, **fields_of(page, action), provider=provider[1])


async def test_staff_finds_orders(staff: Visitor, shop: ShopInProcess) -> None:
    """By number, state, customer, day and total; a filter that makes no sense is named."""
    await sell(shop)
    await add_provider(shop)
    first, second = await add_order(shop), await add_order(shop, paid=False, copies=2)
    owner = (await order(shop, first))["user_id"]
    day = shop.clock().date().isoformat()

    async def found(query: str) -> list[int]:
        page = await staff.get(f"/en/staff/orders?{query}")
        return [int(each) for each in re.findall(r'href="/en/staff/orders/(\d+)"', page.text)]

    assert await found("") == [second, first]
    assert await found(f"ids={first}") == [first]
    assert await found("status=Paid") == [first]
    assert await found("status=Pending%20Payment,Paid,On%20Delivery&sort=created") == [
        first,
        second,
    ]
    assert await found(f"user_id={owner}&created_from={day}&created_to={day}") == [second, first]
    assert await found("created_to=2001-01-01") == []
    assert await found("min_total=15") == [second]
    assert await found("sort=total") == [first, second]
    refused = await staff.get("/es/staff/orders?created_from=2026-02-30&ids=x")
    assert refused.text.count('aria-invalid="true"') == 2


async def test_the_page_of_an_order_offers_the_moves_that_are_legal(
    staff: Visitor, shop: ShopInProcess
) -> None:
    """From the payment to the delivery, again after a failure; in both languages."""
    await sell(shop)
    await add_provider(shop, "Nowhere near", ("JP",))
    await add_provider(shop, "DHL", ("CO", "ES"))
    order_id = await add_order(shop)
    path = f"/en/staff/orders/{order_id}"
    paid = await staff.get(path)
    assigned = await assign(staff, order_id)
    report = re.search(r'action="([^"]*/report)"', assigned.text)
    assert report is not None
    failed = await staff.submit(report[1], status="failed", back=path)
    again = await assign(staff, order_id)
    report = re.search(r'action="([^"]*/report)"', again.text)
    assert report is not None
    moved = await staff.submit(report[1], status="in_transit", back=path)
    ended = await staff.submit(report[1], status="delivered", back=path)
    spanish = await staff.get(f"/es/staff/orders/{order_id}")

    def moves(page: httpx.Response) -> list[str]:
        return re.findall(r'name="status" value="(\w+)"', page.text)

    assert ("Nowhere near" in paid.text, '">DHL</option>' in paid.text) == (False, True)
    assert moves(paid) == []
    assert moves(assigned) == ["in_transit", "delivered", "failed"]
    assert 'name="provider"' in failed.text
    assert moves(moved) == ["delivered", "failed"]
    assert moves(ended) == []
    assert [each["status"] for each in (await order(shop, order_id))["deliveries"]] == [
        "Failed",
        "Delivered",
    ]
    for text in ("Úrsula Iguarán", "Rayuela", "$10.00", "Staff 2"):
        assert text in text_of(ended)
    for text in ("Entregado", "En tránsito", "Fallido", "Qué ha pasado"):
        assert text in text_of(spanish)


async def test_a_double_click_assigns_once(staff: Visitor, shop: ShopInProcess) -> None:
    """The form holds the key of the assignment."""
    await sell(shop)
    await add_provider(shop)
    order_id = await add_order(shop)
    page = await staff.get(f"/en/staff/orders/{order_id}")
    action = f"/en/staff/orders/{order_id}/assign"
    fields = {**fields_of(page, action), "provider": "1"}
    sent = await asyncio.gather(*(staff.send(action, **fields) for _ in range(3)))

    assert [each.status_code for each in sent] == [303, 303, 303]
    assert len((await order(shop, order_id))["deliveries"]) == 1


async def test_two_members_of_staff_see_what_the_other_has_done(
    staff: Visitor, shop: ShopInProcess
) -> None:
    """The second one gets 409 and the present state; the same report twice is no error."""
    await sell(shop)
    await add_provider(shop)
    order_id = await add_order(shop)
    await assign(staff, order_id)
    async with open_back_office(shop, "admin") as other:
        page = f"/en/staff/orders/{order_id}"
        path = re.search(r'action="([^"]*/report)"', (await other.get(page)).text)
        assert path is not None
        await staff.submit(path[1], status="failed", back=page)
        late = await other.submit(path[1], status="delivered", back=page)
        same = await other.submit(path[1], status="failed", back=page)
        unknown = await other.submit(path[1], status="lost", back=page)
        await assign(staff, order_id)
        action = f"{page}/assign"
        assigned = await other.submit(action, provider="1", key="k" * 24, back="")

    assert late.status_code == 409
    assert "Somebody has changed this order meanwhile" in text_of(late)
    assert 'name="provider"' in late.text
    assert (same.status_code, "reported before" in text_of(same)) == (200, True)
    assert (unknown.status_code, "Choose what" in text_of(unknown)) == (400, True)
    assert (assigned.status_code, "meanwhile" in text_of(assigned)) == (409, True)
    assert len((await order(shop, order_id))["deliveries"]) == 2


async def test_cancelling_is_asked_about(staff: Visitor, shop: ShopInProcess) -> None:
    """An unpaid order alone; what was paid meanwhile stays."""
    await sell(shop)
    unpaid, paid = await add_order(shop, paid=False), await add_order(shop)
    asked = await staff.get(f"/en/staff/orders/{unpaid}/cancel")
    done = await staff.submit(f"/en/staff/orders/{unpaid}/cancel")
    refused = await staff.get(f"/en/staff/orders/{paid}/cancel")
    late = await staff.send(f"/en/staff/orders/{paid}/cancel")

    assert f"Cancel order {unpaid}?" in text_of(asked)
    assert "Cancelled" in text_of(done)
    assert [refused.status_code, late.status_code] == [409, 409]
    assert (await order(shop, paid))["status"] == "Paid"


async def test_the_lists_of_deliveries_follow_their_state(
    staff: Visitor, shop: ShopInProcess
) -> None:
    """To assign, assigned, in transit, failed and delivered, each with its forms."""
    await sell(shop)
    await add_provider(shop)
    order_id = await add_order(shop)
    begun = await staff.get("/en/staff/deliveries")
    waiting = await staff.get("/en/staff/deliveries/to-assign")
    action = f"/en/staff/orders/{order_id}/assign"
    shown = [await staff.submit(action, **fields_of(waiting, action), provider="1")]
    for name, status in (("assigned", "in_transit"), ("in-transit", "failed")):
        page = await staff.get(f"/en/staff/deliveries/{name}")
        report = re.search(r'action="([^"]*/report)"', page.text)
        assert report is not None, text_of(page)
        fields = fields_of(page, report[1])
        shown.append(await staff.submit(report[1], **fields, status=status))
    lists = {
        name: f"/staff/orders/{order_id}" in (await staff.get(f"/es/staff/deliveries/{name}")).text
        for name in ("to-assign", "assigned", "in-transit", "failed", "delivered")
    }

    assert begun.headers["location"] == "/en/staff/deliveries/to-assign"
    assert [each.url.path.rpartition("/")[2] for each in shown] == [
        "to-assign",
        "assigned",
        "in-transit",
    ]
    assert [each.text.count('class="message success"') for each in shown] == [1, 1, 1]
    assert lists == {
        "to-assign": True,
        "assigned": False,
        "in-transit": False,
        "failed": True,
        "delivered": False,
    }
    assert (await staff.get("/en/staff/deliveries/lost")).status_code == 404


@pytest.mark.parametrize("path", ["orders", "deliveries/to-assign", "deliveries/assigned"])
async def test_exports_are_harmless_in_spreadsheets(
    staff: Visitor, shop: ShopInProcess, path: str
) -> None:
    """A recipient whose name is a formula is text."""
    await sell(shop)
    await add_provider(shop, HOSTILE)
    order_id = await add_order(shop, recipient=HOSTILE)
    if path.endswith("/assigned"):
        await assign(staff, order_id)
    file = await staff.get(f"/en/staff/{path}.csv")
    rows: list[dict[str, Any]] = list(csv.DictReader(io.StringIO(file.text.lstrip("\ufeff"))))

    assert file.headers["content-type"].startswith("text/csv")
    assert [(row["order"], row["recipient"]) for row in rows] == [(str(order_id), f"'{HOSTILE}")]
    assert not [cell for row in rows for cell in row.values() if cell.startswith("=")]


async def test_a_form_leads_back_to_the_area_alone(staff: Visitor, shop: ShopInProcess) -> None:
    """Whatever its hidden field says."""
    await sell(shop)
    await add_provider(shop)
    order_id = await add_order(shop)
    sent = await staff.send(
        f"/en/staff/orders/{order_id}/assign",
        provider="1",
        key="k" * 24,
        back="//evil.example/en/staff/",
    )

    assert sent.headers["location"] == f"/en/staff/orders/{order_id}"


async def test_the_buyer_sees_the_delivery_and_not_who_moved_it(
    visitor: Visitor, shop: ShopInProcess
) -> None:
    """On the page of the order, with the delivery's own timeline."""
    await sell(shop)
    provider_id = await add_provider(shop)
    order_id = await add_order(shop)
    body = {"purchase_id": order_id, "provider_id": provider_id}
    made = await shop.call("purchase", "POST", "/assignments", body, user="staff")
    path = f"/assignments/{made.json()['assignment_id']}"
    await shop.call("purchase", "PATCH", path, {"status": "in_transit"}, user="staff")
    await visitor.sign_in("ana@example.org", "ana-has-a-password")
    page = text_of(await visitor.get(f"/en/orders/{order_id}"))

    assert "Delivery by DHL Assigned" in page
    assert "In transit" in page
    assert "Staff" not in page


async def test_an_old_address_of_a_page_leads_to_the_first_one(visitor: Visitor) -> None:
    """As of a bookmark from an older release, whose cursors were others."""
    await visitor.sign_up()
    sent = await visitor.get("/en/orders?after=WzVd")
    page = await visitor.get(sent.headers["location"])

    assert (sent.status_code, sent.headers["location"]) == (303, "/en/orders")
    assert "Start with its first page" in text_of(page)
