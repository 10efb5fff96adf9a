"""How the databases find a page of staff's lists: by an index in order, in a table of any size."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from piccolo.querystring import QueryString

from functions.kit.http.pagination import encode_cursor
from functions.kit.mysql.connection import Connection
from functions.kit.mysql.plans import Result
from tests.purchase.shop import STAFF, Shop, open_shop
from tests.servers.mysql import Server
from tests.support.plans import Access, accesses

pytestmark = pytest.mark.asyncio(loop_scope="module")

DATABASE = "purchase_plans"
FILL = Path(__file__).with_name("many_orders.sql")
LISTS = ("SELECT * FROM purchases", "SELECT * FROM payments", "SELECT * FROM assignments")
TABLES = ("purchases", "payments", "assignments")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def big_shop(mysql_server: Server) -> AsyncIterator[Shop]:
    """One for each server: the tests only read."""
    url = mysql_server.create_database(DATABASE)
    async with open_shop(url, books=0) as running:
        with mysql_server.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"USE {DATABASE}")
            for statement in FILL.read_text().split(";\n"):
                cursor.execute(statement)
        yield running
    mysql_server.run(f"DROP DATABASE {DATABASE}")


@pytest.fixture
def explained(monkeypatch: pytest.MonkeyPatch, mysql_server: Server) -> list[Access]:
    """How each list that runs from now on reads its table."""
    found: list[Access] = []
    run = Connection.run
    form = "FORMAT=TREE " if mysql_server.flavour == "mysql" else ""

    async def explaining(connection: Connection, sql: str) -> Result:
        if "`created_at` DESC" in sql or "`total_minor`" in sql or "`amount_minor`" in sql:
            plan = accesses((await run(connection, f"EXPLAIN {form}{sql}")).rows)
            found.extend(each for each in plan if each.table in TABLES)
        return await run(connection, sql)

    monkeypatch.setattr(Connection, "run", explaining)
    return found


# 2026-02-01 00:00 UTC in microseconds, and the row of that minute.
FEBRUARY = (1_769_904_000_000_000, 44_640)

CASES = [
    ("purchases?limit=50", "ix_purchases_created"),
    (f"purchases?after={encode_cursor('-created', *FEBRUARY)}", "ix_purchases_created"),
    ("purchases?created_from=2026-01-20&created_to=2026-01-22", "ix_purchases_created"),
    ("purchases?sort=-total", "ix_purchases_total"),
    (f"purchases?sort=-total&after={encode_cursor('-total', 2500, 7)}", "ix_purchases_total"),
    ("purchases?status=Paid", "ix_purchases_by_status"),
    ("purchases?status=Paid&created_to=2026-02-10", "ix_purchases_by_status"),
    ("purchases?user_id=5", "ix_purchases_by_user"),
    ("payments?limit=50", "ix_payments_created"),
    ("payments?status=Processing", "ix_payments_by_status"),
    ("payments?user_id=5", "ix_payments_by_user"),
    ("payments?sort=-amount", "ix_payments_amount"),
    ("assignments?limit=50", "ix_assignments_created"),
    ("assignments?status=Assigned", "ix_assignments_by_status"),
    ("assignments?provider_id=3", "ix_assignments_by_provider"),
]


@pytest.mark.parametrize(("query", "index"), CASES)
async def test_a_page_is_read_in_the_order_of_its_index(
    big_shop: Shop, explained: list[Access], query: str, index: str
) -> None:
    """Nothing is sorted, so a page costs the same in a table of any size."""
    response = await big_shop.call("GET", f"/{query}", user=STAFF)

    assert response.status_code == 200
    assert response.json()
    assert [(plan.key, plan.sorts) for plan in explained] == [(index, False)]


async def test_several_statuses_are_read_by_the_index_of_each(
    big_shop: Shop, explained: list[Access]
) -> None:
    """Rare ones are found at once among many others, and at most a page of each is merged."""
    path = "/purchases?status=Paid,On Delivery,Pending Payment&limit=20"
    response = await big_shop.call("GET", path, user=STAFF)

    assert [each["id"] for each in response.json()[:4]] == [100_000, 99_001, 99_000, 98_001]
    assert {plan.key for plan in explained} == {"ix_purchases_by_status"}
    assert len(explained) == 3


async def test_the_orders_of_a_book_are_found_by_its_index(
    big_shop: Shop, monkeypatch: pytest.MonkeyPatch, mysql_server: Server
) -> None:
    """Fifty of a hundred thousand, and not by a scan of the items."""
    plans: list[str] = []
    run = Connection.run
    form = "FORMAT=TREE " if mysql_server.flavour == "mysql" else ""

    async def explaining(connection: Connection, sql: str) -> Result:
        if "`book_id` = " in sql:
            plans.append(str((await run(connection, f"EXPLAIN {form}{sql}")).rows))
        return await run(connection, sql)

    monkeypatch.setattr(Connection, "run", explaining)
    response = await big_shop.call("GET", "/purchases?book_id=7", user=STAFF)

    assert len(response.json()) == 50
    assert ["ix_purchase_items_by_book" in plan for plan in plans] == [True]


@pytest.mark.parametrize(("query", "index"), CASES)
async def test_sqlite_reads_it_by_the_same_index(
    tmp_path_factory: pytest.TempPathFactory, query: str, index: str
) -> None:
    """And sorts nothing in a temporary tree."""
    url = f"sqlite:///{tmp_path_factory.mktemp('plans') / 'shop.db'}"
    plans: list[str] = []
    async with open_shop(url, books=0) as shop:
        database: Any = shop.app.state.services.database
        execute = database.execute

        async def explaining(statement: Any) -> Any:
            sql = getattr(statement, "template", "")
            if sql.startswith(LISTS):
                explained = await execute(QueryString("EXPLAIN QUERY PLAN {}", statement))
                plans.extend(_details(explained.rows))
            return await execute(statement)

        database.execute = explaining
        await shop.call("GET", f"/{query}", user=STAFF)

    assert [index in plan for plan in plans] == [True]


def _details(rows: Sequence[dict[str, Any]]) -> list[str]:
    return [str(row["detail"]) for row in rows]
