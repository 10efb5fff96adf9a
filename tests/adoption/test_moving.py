"""A move writes the original into the databases of the services, once."""

from pathlib import Path

import pytest

from functions.adoption.errors import TargetRefused
from functions.kit.base.clock import utc_now
from functions.purchase.audit import INVARIANTS, audit
from functions.purchase.ledger_audit import audit_ledger
from functions.purchase.simulated_provider import SimulatedProvider
from tests.adoption import original
from tests.adoption.running import adopt, checksum, opened, options_for, rows


async def breaches(urls: dict[str, str]) -> list[tuple[str, object]]:
    """What both audits of purchase find."""
    async with opened({"purchase": urls["purchase"]}) as there:
        database = there["purchase"]
        provider = SimulatedProvider(database=database, clock=utc_now)
        findings = [
            *await audit(database),
            *await audit_ledger(database, provider, utc_now()),
        ]

    assert len(findings) > len(INVARIANTS)
    return [(each.sentence, each.breaches) for each in findings if each.breaches]


async def test_the_audit_is_clean_afterwards(urls: dict[str, str], tmp_path: Path) -> None:
    """Of the dirty instance, with every invariant and the ledger."""
    source = original.save(tmp_path / "dumps", original.dumps("mariadb"))
    await adopt(tmp_path, *source, *options_for(urls))
    done = await adopt(tmp_path, *source, *options_for(urls), "--apply")

    assert "has been moved" in done.output
    assert await breaches(urls) == []


async def test_every_row_is_where_the_table_says(urls: dict[str, str], tmp_path: Path) -> None:
    """Ids are kept; merged, repaired and refused rows are as the dry run reported."""
    source = original.save(tmp_path / "dumps", original.written(original.SMALL))
    await adopt(tmp_path, *source, *options_for(urls))
    await adopt(tmp_path, *source, *options_for(urls), "--apply")

    async with opened(urls) as there:
        users = await rows(there["auth"], "SELECT * FROM users ORDER BY id")
        roles = await rows(there["auth"], "SELECT user_id, role FROM user_roles ORDER BY user_id")
        books = await rows(there["catalog"], "SELECT * FROM books ORDER BY id")
        stock = await rows(there["purchase"], "SELECT * FROM inventory ORDER BY book_id")
        adjusted = await rows(there["purchase"], "SELECT * FROM adjustments ORDER BY book_id")
        purchases = await rows(there["purchase"], "SELECT * FROM purchases ORDER BY id")
        payments = await rows(there["purchase"], "SELECT * FROM payments ORDER BY id")
        providers = await rows(there["purchase"], "SELECT * FROM providers ORDER BY id")
        assignments = await rows(there["purchase"], "SELECT * FROM assignments ORDER BY id")

    assert [(row["id"], row["email"], row["email_key"], row["name"]) for row in users] == [
        (2, "ana@example.org", "ana@example.org", "Ana"),
        (3, "EVA@example.org", "eva@example.org", "Eva"),
        (5, "sin-arroba", "sin-arroba", None),
    ]
    assert [row["password_hash"] for row in users] == [original.HASH, "!", "!"]
    assert [(row["user_id"], row["role"]) for row in roles] == [
        (user_id, "customer") for user_id in (2, 3, 5)
    ]
    assert [
        (row["id"], row["title"], row["price_minor"], bool(row["retired"])) for row in books
    ] == [
        (7, "Rayuela", 3030, False),
        (8, "Sin título", 100, True),
        (9, "Cien años de soledad", 4500000, False),
    ]
    assert [
        (row["book_id"], row["on_hand"], row["available"], row["reserved"], row["fulfilled"])
        for row in stock
    ] == [(7, 8, 5, 3, 1), (8, 1, 1, 0, 0), (9, 3, 0, 3, 0)]
    assert [(row["book_id"], row["delta"]) for row in adjusted] == [(7, 9), (8, 1), (9, 3)]
    assert [
        (
            *(row["id"], row["user_id"], row["status"]),
            *(row["total_minor"], row["delivery_fee_minor"]),
        )
        for row in purchases
    ] == [
        (11, 2, "Paid", 6060, 0),
        (12, 3, "On Delivery", 3030, 0),
        (13, 3, "Pending Payment", 10000, 1),
        (15, 2, "Delivered", 3030, 0),
    ]
    assert [
        (row["id"], row["purchase_id"], row["user_id"], row["amount_minor"], row["method"])
        for row in payments
    ] == [
        (21, 11, 2, 6060, "visa ****1881"),
        (22, 12, 3, 3030, "Nequi"),
        (25, 15, 2, 3030, "efectivo"),
    ]
    assert [(row["id"], row["name"]) for row in providers] == [(1, "DHL")]
    assert [(row["id"], row["purchase_id"], row["provider_id"]) for row in assignments] == [
        (32, 12, 1)
    ]


async def test_a_second_run_changes_nothing(urls: dict[str, str], tmp_path: Path) -> None:
    """Neither does a dry run of it."""
    source = original.save(tmp_path / "dumps", original.written(original.SMALL))
    await adopt(tmp_path, *source, *options_for(urls))
    await adopt(tmp_path, *source, *options_for(urls), "--apply")
    before = await checksum(urls)
    again = await adopt(tmp_path, *source, *options_for(urls), "--apply")
    dry = await adopt(tmp_path, *source, *options_for(urls))

    assert await checksum(urls) == before
    assert "nothing to do" in again.output
    assert "nothing to do" in dry.output


async def test_new_ids_are_above_the_old_ones(urls: dict[str, str], tmp_path: Path) -> None:
    """Above those of rows that were deleted or refused, too: the original's counters count."""
    source = original.save(tmp_path / "dumps", original.written(original.SMALL, next_id=500))
    await adopt(tmp_path, *source, *options_for(urls))
    await adopt(tmp_path, *source, *options_for(urls), "--apply")
    inserts = {
        "auth": "INSERT INTO users (disabled, access_revision, created_at, deleted_at)"
        " SELECT disabled, 0, created_at, created_at FROM users WHERE id = 2",
        "catalog": "INSERT INTO books (title, author, price_minor, currency, initial_stock,"
        " title_order, price_order, author_names, search_text, match_key, uid, revision, retired,"
        " created_at, updated_at) SELECT title, author, price_minor, currency, initial_stock,"
        " title_order, price_order, author_names, search_text, match_key, uid, revision, retired,"
        " created_at, updated_at FROM books WHERE id = 7",
        "purchase": "INSERT INTO purchases (user_id, status, total_minor, delivery_fee_minor,"
        " currency, revision, created_at, expires_at) SELECT user_id, status, total_minor,"
        " delivery_fee_minor, currency, revision, created_at, expires_at FROM purchases"
        " WHERE id = 11",
    }
    tables = {"auth": "users", "catalog": "books", "purchase": "purchases"}
    given = {}
    async with opened(urls) as there:
        for name, sql in inserts.items():
            await rows(there[name], sql)
            (newest,) = await rows(there[name], f"SELECT MAX(id) AS id FROM {tables[name]}")  # noqa: S608
            given[name] = newest["id"]

    assert given == {"auth": 500, "catalog": 500, "purchase": 500}


async def test_another_state_of_the_original_is_refused(
    urls: dict[str, str], tmp_path: Path
) -> None:
    """After a move, what the original has sold since would be lost silently."""
    source = original.save(tmp_path / "dumps", original.written(original.SMALL))
    await adopt(tmp_path, *source, *options_for(urls))
    await adopt(tmp_path, *source, *options_for(urls), "--apply")
    before = await checksum(urls)
    more = {**original.SMALL, "main.purchase": original.SMALL["main.purchase"][:-1]}
    original.save(tmp_path / "dumps", original.written(more))

    with pytest.raises(TargetRefused, match="another state of the original"):
        await adopt(tmp_path, *source, *options_for(urls), "--apply")
    assert await checksum(urls) == before


async def test_other_decisions_are_refused_after_a_move(
    urls: dict[str, str], tmp_path: Path
) -> None:
    """But an acknowledgement changes nothing that was written, and is accepted."""
    source = original.save(tmp_path / "dumps", original.written(original.SMALL))
    await adopt(tmp_path, *source, *options_for(urls))
    await adopt(tmp_path, *source, *options_for(urls), "--apply")
    file = tmp_path / "adoption.toml"
    text = file.read_text("utf-8")
    file.write_text(text.replace('"undecided"', '"leave_out"'), "utf-8")
    acknowledged = await adopt(tmp_path, *source, *options_for(urls), "--apply")
    file.write_text(text.replace('underpaid = "pending"', 'underpaid = "cancelled"'), "utf-8")

    assert acknowledged.code == 0
    with pytest.raises(TargetRefused, match="decisions have changed"):
        await adopt(tmp_path, *source, *options_for(urls), "--apply")
