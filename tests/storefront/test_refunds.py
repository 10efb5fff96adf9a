"""Refunds as staff makes them: once, at most what is left, with amounts as people write them."""

import asyncio
from decimal import Decimal

import pytest

from functions.storefront.rendering import read_amount
from tests.journeys.shop_in_process import ShopInProcess
from tests.storefront.staff_shop import add_order, add_provider, order
from tests.storefront.visitor import Visitor, fields_of, open_back_office, text_of


@pytest.fixture
async def paid(shop: ShopInProcess) -> int:
    """A paid order of $10.00, whose payment is the shop's first."""
    await shop.sell("Rayuela", stock=50)
    await add_provider(shop)
    return await add_order(shop)


PAGE, ACTION = "/en/staff/payments/1", "/en/staff/payments/1/refund"


async def refunds(shop: ShopInProcess, order_id: int) -> list[tuple[float, str]]:
    (payment,) = (await order(shop, order_id))["payments"]
    return [(each["amount"], each["reason"]) for each in payment["refunds"]]


async def test_a_refund_sent_several_times_at_once_is_made_once(
    staff: Visitor, shop: ShopInProcess, paid: int
) -> None:
    """The form holds its key, so that every answer is the same."""
    fields = {**fields_of(await staff.get(PAGE), ACTION), "amount": "2.50", "reason": "torn"}
    sent = await asyncio.gather(*(staff.send(ACTION, **fields) for _ in range(4)))
    page = await staff.get(PAGE)

    assert {each.status_code for each in sent} <= {303, 409}
    assert 303 in {each.status_code for each in sent}
    assert await refunds(shop, paid) == [(2.5, "torn")]
    assert "$7.50" in text_of(page)


async def test_of_two_members_of_staff_the_second_learns_what_is_left(
    staff: Visitor, shop: ShopInProcess, paid: int
) -> None:
    """Both have the page with the whole amount; nothing is refunded twice."""
    async with open_back_office(shop, "admin") as other:
        mine = fields_of(await staff.get(PAGE), ACTION)
        theirs = fields_of(await other.get(PAGE), ACTION)
        await staff.submit(ACTION, **{**mine, "amount": "6", "reason": "torn"})
        late = await other.submit(ACTION, **{**theirs, "reason": "lost"})
        again = await other.submit(
            ACTION, **{**fields_of(late, ACTION), "amount": "4", "reason": "lost"}
        )

    assert (theirs["amount"], late.status_code) == ("10.00", 409)
    assert "more than is left" in text_of(late)
    assert "At most $4.00" in text_of(late)
    assert 'value="lost"' in late.text
    assert again.status_code == 200
    assert await refunds(shop, paid) == [(6, "torn"), (4, "lost")]
    assert (await order(shop, paid))["status"] == "Refunded"


@pytest.mark.parametrize(
    ("amount", "reason", "field"),
    [
        ("", "torn", "amount"),
        ("0", "torn", "amount"),
        ("-1", "torn", "amount"),
        ("1e3", "torn", "amount"),
        ("1.005", "torn", "amount"),
        ("12,50", "torn", "amount"),
        ("1", "", "reason"),
        ("1", "x" * 201, "reason"),
    ],
)
async def test_a_wrong_field_is_named_and_what_was_typed_is_kept(
    staff: Visitor, shop: ShopInProcess, paid: int, amount: str, reason: str, field: str
) -> None:
    """Nothing is refunded."""
    fields = fields_of(await staff.get(PAGE), ACTION)
    page = await staff.submit(ACTION, **{**fields, "amount": amount, "reason": reason})

    assert page.status_code == 400
    assert f'id="p-{field}"' in page.text
    assert f'name="amount" type="text" maxlength="20" value="{amount}"' in page.text
    assert await refunds(shop, paid) == []


async def test_an_order_on_its_way_is_not_refunded(
    staff: Visitor, shop: ShopInProcess, paid: int
) -> None:
    """The page says when it can be; a form from before is refused with the present state."""
    fields = fields_of(await staff.get(PAGE), ACTION)
    body = {"purchase_id": paid, "provider_id": 1}
    await shop.call("purchase", "POST", "/assignments", body, user="staff")
    page = await staff.get(PAGE)
    late = await staff.submit(ACTION, **{**fields, "reason": "torn"})

    assert "when its delivery has ended" in text_of(page)
    assert ACTION not in page.text
    assert late.status_code == 409
    assert "cannot be refunded now" in text_of(late)
    assert await refunds(shop, paid) == []


async def test_payments_are_listed_and_the_buyer_sees_refunds(
    staff: Visitor, visitor: Visitor, shop: ShopInProcess, paid: int
) -> None:
    """The list, its file and the customer's page have the refunded amount."""
    fields = {**fields_of(await staff.get(PAGE), ACTION), "amount": "2.5", "reason": "torn cover"}
    await staff.submit(ACTION, **fields)
    listed = await staff.get("/es/staff/payments?refunded=true&status=Completed")
    none = await staff.get("/en/staff/payments?refunded=false")
    file = await staff.get("/en/staff/payments.csv")
    await visitor.sign_in("ana@example.org", "ana-has-a-password")
    bought = text_of(await visitor.get(f"/en/orders/{paid}"))

    assert "USD\xa02.50" in text_of(listed) or "2.50" in text_of(listed)
    assert "Nothing matches" in text_of(none)
    assert f",{paid}," in file.text
    assert "10.00,2.50,USD" in file.text
    assert "Refunds $2.50 , Paid: torn cover" in bought


@pytest.mark.parametrize(
    ("language", "typed", "read"),
    [
        ("en", "1234.5", "1234.5"),
        ("en", "1,234.50", "1234.50"),
        ("es", "1234.50", "1234.50"),
        ("es", "1,234.50", "1234.50"),
        ("en", " 12 ", "12"),
        ("en", "12,50", None),
        ("en", "1.234,50", None),
        ("en", "12.505", None),
        ("en", "NaN", None),
        ("en", "٣", None),
        ("en", "", None),
        ("en", ".", None),
        ("en", "9" * 16, None),
    ],
)
def test_amounts_are_read_as_the_language_writes_them(
    language: str, typed: str, read: str | None
) -> None:
    """Strictly: what two people could read differently is asked again."""
    assert read_amount(typed, language) == (None if read is None else Decimal(read))
