"""A purchase's life in any order of steps, beside a model of it: whatever comes, it adds up."""

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import httpx
import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)
from piccolo.querystring import QueryString

from functions.purchase.audit import audit
from functions.purchase.domain.purchases import HOLDS_STOCK, TRANSITIONS, Status
from functions.purchase.ledger_audit import audit_ledger
from functions.purchase.metrics import REFUNDED, REVENUE
from functions.purchase.payment_provider import Charge, ChargeReport
from tests.purchase.shop import STAFF, STOCK, counted, open_shop

T = TypeVar("T")
BOOKS = (1, 2)
METHODS = ("tok_success", "tok_decline", "tok_timeout", "tok_late", "tok_pending")


class PurchaseLife(RuleBasedStateMachine):
    """Buy, pay, cancel, wait, refund, deliver: each step by HTTP, as its users take it."""

    purchases = Bundle("purchases")

    def __init__(self, database_url: str) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.opened = open_shop(database_url, books=len(BOOKS))
        self.shop = self.run(self.opened.__aenter__())
        self.status: dict[int, Status] = {}
        self.names = itertools.count()
        self.answers: dict[str, tuple[dict[str, Any], httpx.Response]] = {}

    def run(self, step: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(step)

    def teardown(self) -> None:
        """In the end, whatever came between: the tables and the provider's ledger agree."""
        try:
            self.settle()
        finally:
            self.close()

    def settle(self) -> None:
        for _ in range(3):  # a refund is owed by the second round at the latest, paid by the third
            self.shop.clock.advance(minutes=20)
            self.run(self.shop.reconcile())
            self.run(self.shop.expire())
        findings = self.run(audit(self.shop.database))
        findings += self.run(
            audit_ledger(self.shop.database, self.shop.provider, self.shop.clock())
        )

        assert [finding for finding in findings if finding.breaches] == []
        owed = self.query(
            "SELECT SUM(p.total_minor - COALESCE(y.returned, 0)) AS n FROM purchases p"
            " LEFT JOIN (SELECT y.purchase_id, SUM(r.amount_minor) AS returned FROM payments y"
            " JOIN refunds r ON r.payment_id = y.id WHERE y.outcome = 'paid'"
            " GROUP BY y.purchase_id) y ON y.purchase_id = p.id WHERE p.status IN ({}, {}, {})",
            *map(str, (Status.PAID, Status.ON_DELIVERY, Status.DELIVERED)),
        )
        assert self.run(self.shop.kept_by_provider()) == (owed[0]["n"] or 0)

    def close(self) -> None:
        self.run(self.opened.__aexit__(None, None, None))
        self.runner.close()

    def check_transition(self, purchase_id: int) -> None:
        """The purchase is where it was, or one permitted transition further."""
        found = Status(self.run(self.shop.status_of(purchase_id)))
        before = self.status[purchase_id]
        reachable = {before} | TRANSITIONS[before]
        reachable |= {after for each in TRANSITIONS[before] for after in TRANSITIONS[each]}

        assert found in reachable
        self.status[purchase_id] = found

    @rule(target=purchases, book_id=st.sampled_from(BOOKS), quantity=st.integers(1, 3))
    def buy(self, book_id: int, quantity: int) -> int | None:
        _, _, available = self.run(self.shop.stock_of(book_id))
        body = {"book_id": book_id, "quantity": quantity}
        response = self.run(self.shop.call("POST", "/purchase", body))
        if quantity > available and response.status_code == 201:
            for overdue in self.status:  # whose copies were freed for this purchase
                self.check_transition(overdue)
        else:
            assert response.status_code == (201 if quantity <= available else 409)
        if response.status_code != 201:
            return None
        purchase_id: int = response.json()["purchase_id"]
        self.status[purchase_id] = Status.PENDING
        return purchase_id

    @rule(purchase_id=purchases, method=st.sampled_from(METHODS))
    def pay(self, purchase_id: int | None, method: str) -> None:
        if purchase_id is None:
            return
        body = {"purchase_id": purchase_id, "payment_method": method}
        key = f"pay-{next(self.names)}"
        response = self.run(self.shop.call("POST", "/payment", body, key=key))

        assert response.status_code in {201, 202, 402, 409}
        if response.status_code == 201:
            assert self.status[purchase_id] is Status.PENDING
        self.check_transition(purchase_id)
        self.answers[key] = (body, response)

    @rule(choice=st.integers(0, 99))
    def send_again(self, choice: int) -> None:
        """Under its key a request never charges again; a final answer never changes."""
        if not self.answers:
            return
        key = sorted(self.answers)[choice % len(self.answers)]
        body, before = self.answers[key]
        charged = self.run(self.shop.kept_by_provider())
        response = self.run(self.shop.call("POST", "/payment", body, key=key))

        if before.status_code in {201, 402}:
            assert response.content == before.content
        elif before.status_code == 202:
            assert response.status_code in {202, 201, 402, 409}
            assert response.json()["payment_id"] == before.json()["payment_id"]
        if before.status_code != 409:  # a refused request has charged nothing, and may try again
            assert self.run(self.shop.kept_by_provider()) == charged
        self.answers[key] = (body, response)
        self.check_transition(body["purchase_id"])

    @rule(choice=st.integers(0, 99))
    def charge_late(self, choice: int) -> None:
        """The provider breaks its word: a payment that had failed is charged after all."""
        failed = self.query("SELECT * FROM payments WHERE outcome = {}", "not_charged")
        if failed:
            row = failed[choice % len(failed)]
            self.run(
                self.shop.provider.capture(
                    row["reference"], "tok_success", row["amount_minor"], row["currency"]
                )
            )

    @rule(choice=st.integers(0, 99), copies=st.integers(1, 2))
    def webhook(self, choice: int, copies: int) -> None:
        """The provider reports a charge that it knows."""
        rows = self.query("SELECT id, reference, purchase_id FROM payments ORDER BY id")
        if not rows:
            return
        row = rows[choice % len(rows)]
        charge = self.run(self.shop.provider.find(row["reference"]))
        if charge not in {Charge.CAPTURED, Charge.DECLINED}:
            return
        report = ChargeReport(row["reference"], charge)
        headers, body = self.shop.provider.sign_webhook(report, f"m-{next(self.names)}")
        for _ in range(copies):
            answer = self.run(
                self.shop.client.post("/payment-webhooks", headers=headers, content=body)
            )

            assert answer.status_code == 202
        self.check_transition(row["purchase_id"])

    @rule(purchase_id=purchases)
    def give_up(self, purchase_id: int | None) -> None:
        if purchase_id is None:
            return
        response = self.run(self.shop.call("DELETE", f"/purchase/{purchase_id}"))

        allowed = self.status[purchase_id] in {Status.PENDING, Status.CANCELLED}
        if allowed and response.status_code == 409:
            assert response.json()["code"] == "payment-in-progress"
            assert self.query(
                "SELECT id FROM payments WHERE purchase_id = {} AND status = {}",
                *(purchase_id, "Processing"),
            )
        else:
            assert response.status_code == (200 if allowed else 409)
        self.check_transition(purchase_id)

    @rule(minutes=st.sampled_from([1, 7, 16]))
    def wait(self, minutes: int) -> None:
        self.shop.clock.advance(minutes=minutes)

    @rule()
    def do_what_is_due(self) -> None:
        self.run(self.shop.reconcile())
        self.run(self.shop.expire())
        for purchase_id in self.status:
            self.check_transition(purchase_id)

    @rule(purchase_id=purchases, amount=st.sampled_from([None, 5, 1000]))
    def refund(self, purchase_id: int | None, amount: int | None) -> None:
        if purchase_id is None:
            return
        payments = self.run(self.shop.call("GET", "/payments?limit=100", user=STAFF)).json()
        for payment in payments:
            if payment["purchase_id"] == purchase_id:
                body = {} if amount is None else {"amount": amount}
                path = f"/payments/{payment['id']}/refunds"
                key = f"refund-{next(self.names)}"
                response = self.run(self.shop.call("POST", path, body, user=STAFF, key=key))

                assert response.status_code in {201, 409}
        self.check_transition(purchase_id)

    @rule(purchase_id=purchases)
    def assign(self, purchase_id: int | None) -> None:
        if purchase_id is None:
            return
        provider = {"name": f"P{next(self.names)}", "contact": "x"}
        made = self.run(self.shop.call("POST", "/providers", provider, user=STAFF)).json()
        body = {"purchase_id": purchase_id, "provider_id": made["provider_id"]}
        response = self.run(self.shop.call("POST", "/assignments", body, user=STAFF))

        paid = self.status[purchase_id] is Status.PAID
        assert response.status_code == (201 if paid else 409)
        self.check_transition(purchase_id)

    @rule(purchase_id=purchases, outcome=st.sampled_from(["Delivered", "Paid"]))
    def end_delivery(self, purchase_id: int | None, outcome: str) -> None:
        if purchase_id is None:
            return
        response = self.run(
            self.shop.call("PUT", f"/purchase/{purchase_id}", {"status": outcome}, user=STAFF)
        )

        under_way = self.status[purchase_id] is Status.ON_DELIVERY
        assert response.status_code == (200 if under_way else 409)
        self.check_transition(purchase_id)

    @invariant()
    def copies_add_up(self) -> None:
        """On hand is free plus reserved; what was put in is on hand or delivered."""
        held = self.query(
            "SELECT i.book_id, SUM(i.quantity) AS n FROM purchase_items i"
            " JOIN purchases p ON p.id = i.purchase_id WHERE p.status IN ({}, {}, {})"
            " GROUP BY i.book_id",
            *map(str, HOLDS_STOCK),
        )
        reserved = {row["book_id"]: row["n"] for row in held}
        for row in self.query("SELECT * FROM inventory"):
            assert row["on_hand"] == row["available"] + row["reserved"]
            assert row["on_hand"] + row["fulfilled"] == STOCK
            assert row["reserved"] == reserved.get(row["book_id"], 0)

    @invariant()
    def money_adds_up(self) -> None:
        """What was taken and not given back is what paid purchases owe, less their refunds."""
        rows = self.query(
            "SELECT p.id, p.status, p.total_minor, SUM(y.amount_minor) AS taken,"
            " SUM(y.refunded_minor) AS returned FROM purchases p LEFT JOIN payments y"
            " ON y.purchase_id = p.id AND y.status IN ('Completed', 'Refunded')"
            " GROUP BY p.id, p.status, p.total_minor"
        )
        for row in rows:
            taken, returned = row["taken"] or 0, row["returned"] or 0
            if row["status"] in {Status.PAID, Status.ON_DELIVERY, Status.DELIVERED}:
                assert taken == row["total_minor"]
                assert returned <= taken
            else:
                assert taken == returned

    @invariant()
    def money_is_counted(self) -> None:
        """The counters are what the tables have: each charge and each refund once."""
        metrics = self.shop.app.state.services.metrics
        (taken,) = self.query(
            "SELECT SUM(amount_minor) AS n FROM payments WHERE status IN ('Completed', 'Refunded')"
        )
        (returned,) = self.query("SELECT SUM(amount_minor) AS n FROM refunds")

        assert counted(metrics, REVENUE) == (taken["n"] or 0)
        assert counted(metrics, REFUNDED) == (returned["n"] or 0)

    def query(self, template: str, *args: object) -> list[dict[str, Any]]:
        outcome = self.run(self.shop.database.execute(QueryString(template, *args)))
        rows: list[dict[str, Any]] = outcome.rows
        return rows


def test_copies_and_money_match_the_model(make_database_url: Callable[[], str]) -> None:
    """After each step copies and money equal those of the model."""
    run_state_machine_as_test(
        lambda: PurchaseLife(make_database_url()),  # type: ignore[arg-type]  # any factory will do
        settings=settings(
            max_examples=20,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
        ),
    )
