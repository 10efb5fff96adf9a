"""How MariaDB and MySQL find a seller's sales: a page and the sums of a period by one index."""

from datetime import timedelta

import pytest

from functions.kit.mysql.connection import Connection
from functions.kit.mysql.plans import Result
from tests.purchase.shop import BUYER, SELLER, open_shop
from tests.servers.mysql import Server
from tests.support.clock import FakeClock
from tests.support.plans import Access, accesses

LINES = 3000
"""Enough that a scan of the table costs more than an index; a tenth is of the seller."""


async def test_sales_are_read_by_their_index(
    mysql_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Newest first without sorting, so a page costs the same however much was sold."""
    url = mysql_server.create_database("sales_plans")
    clock = FakeClock()
    found: dict[str, list[Access]] = {"page": [], "sums": []}
    run = Connection.run
    form = "FORMAT=TREE " if mysql_server.flavour == "mysql" else ""

    async def explaining(connection: Connection, sql: str) -> Result:
        kind = "page" if "ORDER BY `t`.`sold_at` DESC" in sql else "sums"
        if "JOIN `purchases` `p` ON" in sql and "`t`.`seller_id` =" in sql:
            rows = (await run(connection, f"EXPLAIN {form}{sql}")).rows
            found[kind] += [each for each in accesses(rows) if each.table == "t"]
        return await run(connection, sql)

    async with open_shop(url, clock=clock) as shop:
        begin = clock() - timedelta(minutes=LINES)
        for first in range(0, LINES, 500):
            numbers = range(first + 1, first + 501)
            purchases = ", ".join(
                f"({number}, {BUYER}, 'Paid', 100, 0, 'USD', 1, '{at:%Y-%m-%d %H:%M:%S}',"
                f" '{at:%Y-%m-%d %H:%M:%S}')"
                for number in numbers
                for at in [begin + timedelta(minutes=number)]
            )
            mysql_server.run(
                "INSERT INTO sales_plans.purchases (id, user_id, status, total_minor,"  # noqa: S608
                " delivery_fee_minor, currency, revision, created_at, expires_at)"
                f" VALUES {purchases}"
            )
        mysql_server.run(
            "INSERT INTO sales_plans.purchase_items (purchase_id, book_id, title, quantity,"  # noqa: S608
            " unit_price_minor, seller_id, sold_at) SELECT id, 1, 'Libro', 1, 100,"
            f" CASE WHEN id % 10 = 0 THEN {SELLER} ELSE 1000 + id % 50 END, created_at"
            " FROM sales_plans.purchases"
        )
        mysql_server.run("ANALYZE TABLE sales_plans.purchases, sales_plans.purchase_items")
        monkeypatch.setattr(Connection, "run", explaining)
        pages, path = 0, "/sales?limit=20"
        while path and pages < 3:
            page = await shop.call("GET", path, user=SELLER)
            assert page.status_code == 200
            path = page.links.get("next", {}).get("url", "")
            pages += 1
        day = clock().date().isoformat()
        summary = await shop.call("GET", f"/sales/summary?created_from={day}", user=SELLER)
        monkeypatch.undo()
    mysql_server.run("DROP DATABASE sales_plans")

    assert summary.status_code == 200
    assert [(each.key, each.sorts) for each in found["page"]] == [
        ("ix_purchase_items_sold", False)
    ] * 3
    assert [each.key for each in found["sums"]] == ["ix_purchase_items_sold"]
