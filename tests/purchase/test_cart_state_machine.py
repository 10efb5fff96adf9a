"""A cart in any order of steps, beside a model of it: the shop shows what the model says."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from functions.kit.base.orders import MAX_QUANTITY
from functions.purchase.audit import audit
from tests.purchase.shop import PRICE_MINOR, STOCK, book_event, open_shop

T = TypeVar("T")
BOOKS = (1, 2, 3)
UNKNOWN = 99
book_ids = st.sampled_from(BOOKS)
quantities = st.integers(1, STOCK + 1)


class CartLife(RuleBasedStateMachine):
    """Two tabs, a merge, purchases and catalog's changes: each step by HTTP, as its users take it.

    The model of a line is its quantity and the price that it began with.
    """

    def __init__(self, database_url: str, most_purchases: int, most_copies: int) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.most_purchases, self.most_copies = most_purchases, most_copies
        self.opened = open_shop(
            database_url,
            books=len(BOOKS),
            MAX_UNPAID_PURCHASES=str(most_purchases),
            MAX_UNPAID_COPIES=str(most_copies),
        )
        self.shop = self.run(self.opened.__aenter__())
        self.cart: dict[int, tuple[int, int]] = {}
        self.price = dict.fromkeys(BOOKS, PRICE_MINOR)
        self.free = dict.fromkeys(BOOKS, STOCK)
        self.retired: set[int] = set()
        self.revision = 1
        self.purchases = 0

    def run(self, step: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(step)

    def teardown(self) -> None:
        """In the end no invariant of the audit is broken."""
        try:
            self.run(self.shop.published("inventory"))  # who reads the feed has its rows numbered
            findings = self.run(audit(self.shop.database))

            assert [finding for finding in findings if finding.breaches] == []
        finally:
            self.run(self.opened.__aexit__(None, None, None))
            self.runner.close()

    def call(self, method: str, path: str, body: Any = None, key: str | None = None) -> Any:
        return self.run(self.shop.call(method, path, body, key=key))

    @property
    def sellable(self) -> dict[int, int]:
        """Quantities of the lines that can be bought now."""
        return {
            book_id: quantity
            for book_id, (quantity, _) in self.cart.items()
            if book_id not in self.retired
            and quantity <= min(self.free[book_id], self.left(book_id))
        }

    def left(self, book_id: int) -> int:
        """The copies that its owner may still hold unpaid; nothing is ever paid here."""
        unpaid = STOCK - self.free[book_id]
        return self.most_copies - unpaid if self.most_copies else MAX_QUANTITY

    @property
    def may_buy(self) -> bool:
        return not self.most_purchases or self.purchases < self.most_purchases

    def put(self, book_id: int, quantity: int) -> None:
        _, first_price = self.cart.get(book_id, (0, self.price[book_id]))
        self.cart[book_id] = quantity, first_price

    @rule(book_id=book_ids, quantity=quantities)
    def set_quantity(self, book_id: int, quantity: int) -> None:
        response = self.call("PUT", f"/cart/items/{book_id}", {"quantity": quantity})

        if book_id in self.retired:
            assert response.json()["code"] == "book-retired"
            return
        assert response.status_code == (200 if book_id in self.cart else 201)
        self.put(book_id, quantity)

    @rule(book_id=book_ids, one=quantities, two=quantities)
    def set_quantity_in_two_tabs(self, book_id: int, one: int, two: int) -> None:
        """One of them was the last."""

        async def both() -> None:
            path = f"/cart/items/{book_id}"
            sent = [self.shop.call("PUT", path, {"quantity": each}) for each in (one, two)]
            await asyncio.gather(*sent)

        self.run(both())
        if book_id in self.retired:
            return
        shown = {item["book_id"]: item for item in self.call("GET", "/cart").json()["items"]}

        assert shown[book_id]["quantity"] in {one, two}
        self.put(book_id, shown[book_id]["quantity"])

    @rule(book_id=book_ids, one=quantities, two=quantities)
    def add_in_two_tabs(self, book_id: int, one: int, two: int) -> None:
        """Both count."""

        async def both() -> None:
            sent = [
                self.shop.call("POST", "/cart/items", {"book_id": book_id, "quantity": each})
                for each in (one, two)
            ]
            await asyncio.gather(*sent)

        self.run(both())
        if book_id not in self.retired:
            quantity, _ = self.cart.get(book_id, (0, 0))
            self.put(book_id, quantity + one + two)

    @rule(book_id=book_ids)
    def remove(self, book_id: int) -> None:
        assert self.call("DELETE", f"/cart/items/{book_id}").status_code == 204
        self.cart.pop(book_id, None)

    @rule()
    def empty(self) -> None:
        assert self.call("DELETE", "/cart").status_code == 204
        self.cart.clear()

    @rule(items=st.dictionaries(st.sampled_from([*BOOKS, UNKNOWN]), quantities, max_size=4))
    def merge(self, items: dict[int, int]) -> None:
        body = {"items": [{"book_id": each, "quantity": items[each]} for each in items]}
        response = self.call("POST", "/cart/merge", body)

        left_out = {each["book_id"] for each in response.json()["left_out"]}
        assert left_out == items.keys() & {UNKNOWN, *self.retired}
        for book_id in items.keys() - left_out:
            quantity, _ = self.cart.get(book_id, (0, 0))
            self.put(book_id, max(quantity, items[book_id]))

    @rule(copies=st.integers(1, 2))
    def buy(self, copies: int) -> None:
        """Under its key, once or twice: everything in the cart, or nothing."""
        key = f"k{self.purchases}-{self.revision}-{len(self.cart)}"
        answers = [self.call("POST", "/purchase", {"from_cart": True}, key) for _ in range(copies)]

        whole = bool(self.cart) and self.sellable.keys() == self.cart.keys() and self.may_buy
        assert {each.status_code for each in answers} == {201 if whole else 409}
        if whole:
            assert len({each.content for each in answers}) == 1
            for book_id, (quantity, _) in self.cart.items():
                self.free[book_id] -= quantity
            self.cart.clear()
            self.purchases += 1

    @rule(book_id=book_ids, price_minor=st.sampled_from([990, PRICE_MINOR, 2500]))
    def change_price(self, book_id: int, price_minor: int) -> None:
        self.price[book_id] = price_minor
        self.tell(book_id)

    @rule(book_id=book_ids)
    def retire_or_restore(self, book_id: int) -> None:
        self.retired ^= {book_id}
        self.tell(book_id)

    def tell(self, book_id: int) -> None:
        self.revision += 1
        event = book_event(
            book_id,
            sequence=len(BOOKS) + self.revision - 1,
            revision=self.revision,
            kind="updated",
            price_minor=self.price[book_id],
            retired=book_id in self.retired,
        )

        assert self.run(self.shop.deliver(event)).status_code == 202

    @invariant()
    def it_shows_what_the_model_says(self) -> None:
        """Lines, prices, what can be sold, and the total of that."""
        cart = self.call("GET", "/cart").json()
        found = {
            item["book_id"]: (item["quantity"], item["price_when_added_minor"])
            for item in cart["items"]
        }

        assert found == self.cart
        for item in cart["items"]:
            book_id = item["book_id"]
            assert item["price_minor"] == self.price[book_id]
            assert item["price_changed"] == (item["price_when_added_minor"] != self.price[book_id])
            assert item["retired"] == (book_id in self.retired)
            assert item["in_stock"] == (book_id in self.sellable)
            assert item["max_quantity"] == self.left(book_id)
        may_buy = (
            cart["max_unpaid_purchases"] is None
            or cart["unpaid_purchases"] < cart["max_unpaid_purchases"]
        )
        assert may_buy == self.may_buy
        total = sum(self.price[book_id] * n for book_id, n in self.sellable.items())
        assert (cart["total_minor"], cart["quantity"]) == (total, sum(self.sellable.values()))


@pytest.mark.parametrize(
    ("most_purchases", "most_copies"), [(0, 0), (2, STOCK - 1)], ids=["no limits", "limits"]
)
def test_a_cart_is_what_its_model_says(
    make_database_url: Callable[[], str], most_purchases: int, most_copies: int
) -> None:
    """Whatever its owner, another tab and catalog do, and in whichever order."""
    run_state_machine_as_test(
        lambda: CartLife(  # type: ignore[arg-type]  # any factory will do
            make_database_url(), most_purchases, most_copies
        ),
        settings=settings(
            max_examples=15,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
        ),
    )
