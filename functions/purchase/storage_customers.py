"""Stores a customer's personal data: addresses, cart, and the addresses of purchases.

Every write of these holds the customer's lock until the transaction ends, so concurrent requests of
a customer run one after the other. For a closed account `lock_account` raises.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from piccolo.querystring import QueryString

from functions.kit.base.errors import Text
from functions.kit.data.database import Database, Row, is_in
from functions.kit.security.verifier import TokenRevoked
from functions.purchase.domain.addresses import Address
from functions.purchase.domain.carts import Cart, CartLine
from functions.purchase.domain.checkout import DeliveryOffer
from functions.purchase.domain.purchases import TRANSITIONS, Offer, Status
from functions.purchase.errors import AddressNotFound

_COLUMNS = (
    "recipient", "line_1", "line_2", "line_3", "city", "region", "postal_code", "country", "phone",
)  # fmt: skip
_NAMES = ", ".join(_COLUMNS)
_PLACES = ", ".join(["{}"] * len(_COLUMNS))


async def lock_account(database: Database, user_id: int) -> None:
    """Lock a customer until the transaction ends.

    Raises `TokenRevoked` where the account was closed since the caller's token was verified.
    """
    await _lock(database, user_id)
    await check_open(database, user_id)


async def _lock(database: Database, user_id: int) -> None:
    await database.execute(
        QueryString(
            "INSERT INTO customers (user_id, purchases_placed) VALUES ({}, 0)"
            " ON CONFLICT (user_id) DO UPDATE SET purchases_placed = customers.purchases_placed",
            user_id,
        )
    )


async def check_open(database: Database, user_id: int) -> None:
    """Raises `TokenRevoked` if the account was closed. The customer must be locked."""
    if await _is_closed(database, user_id):
        raise TokenRevoked(Text("La cuenta fue cerrada.", "The account was closed."))


async def _is_closed(database: Database, user_id: int) -> bool:
    outcome = await database.execute(
        QueryString("SELECT closed_at FROM customers WHERE user_id = {}", user_id)
    )
    return bool(outcome.rows) and outcome.rows[0]["closed_at"] is not None


# Addresses


class StoredAddress(NamedTuple):
    """A stored address; `is_default` for the customer's default one."""

    id: int
    address: Address
    is_default: bool


def to_address(row: Row) -> Address:
    """Converts a row of `addresses` or `purchase_addresses`."""
    lines = (row["line_1"], row["line_2"], row["line_3"])
    return Address(
        recipient=row["recipient"],
        lines=tuple(line for line in lines if line is not None),
        city=row["city"],
        region=row["region"],
        postal_code=row["postal_code"],
        country=row["country"],
        phone=row["phone"],
    )


def _values(address: Address) -> tuple[str | None, ...]:
    line_1, line_2, line_3 = (*address.lines, None, None)[:3]
    return (
        *(address.recipient, line_1, line_2, line_3, address.city, address.region),
        *(address.postal_code, address.country, address.phone),
    )


async def addresses(database: Database, user_id: int) -> list[StoredAddress]:
    """A customer's addresses, oldest first."""
    outcome = await database.execute(
        QueryString("SELECT * FROM addresses WHERE user_id = {} ORDER BY id", user_id)
    )
    return [_kept(row) for row in outcome.rows]


async def address(database: Database, user_id: int, address_id: int) -> StoredAddress:
    """Raises `AddressNotFound`, also for another customer's address."""
    outcome = await database.execute(
        QueryString("SELECT * FROM addresses WHERE id = {} AND user_id = {}", address_id, user_id)
    )
    if not outcome.rows:
        raise address_not_found(address_id)
    return _kept(outcome.rows[0])


def address_not_found(address_id: int) -> AddressNotFound:
    return AddressNotFound(
        Text(f"No tiene una dirección {address_id}.", f"You have no address {address_id}.")
    )


def _kept(row: Row) -> StoredAddress:
    return StoredAddress(row["id"], to_address(row), bool(row["is_default"]))


async def insert_address(
    database: Database, user_id: int, new: Address, *, is_default: bool, now: datetime
) -> int:
    """Insert an address. Returns its id. A default address replaces the previous default."""
    if is_default:
        await _clear_default(database, user_id)
    created = await database.execute(
        QueryString(
            f"INSERT INTO addresses (user_id, {_NAMES}, is_default, created_at)"  # noqa: S608
            f" VALUES ({{}}, {_PLACES}, {{}}, {{}})",
            user_id,
            *_values(new),
            True if is_default else None,
            now,
        )
    )
    address_id: int = created.lastrowid
    return address_id


async def update_address(database: Database, user_id: int, kept: StoredAddress) -> None:
    """Update an address. A default address replaces the previous default."""
    if kept.is_default:
        await _clear_default(database, user_id)
    assignments = ", ".join(f"{name} = {{}}" for name in _COLUMNS)
    await database.execute(
        QueryString(
            f"UPDATE addresses SET {assignments}, is_default = {{}}"  # noqa: S608
            " WHERE id = {} AND user_id = {}",
            *_values(kept.address),
            True if kept.is_default else None,
            kept.id,
            user_id,
        )
    )


async def _clear_default(database: Database, user_id: int) -> None:
    await database.execute(
        QueryString(
            "UPDATE addresses SET is_default = NULL WHERE user_id = {} AND is_default = {}",
            user_id,
            True,
        )
    )


async def delete_address(database: Database, user_id: int, address_id: int) -> bool:
    """Delete an address. Returns whether it existed."""
    deleted = await database.execute(
        QueryString("DELETE FROM addresses WHERE id = {} AND user_id = {}", address_id, user_id)
    )
    return bool(deleted.rowcount)


async def insert_purchase_address(
    database: Database, purchase_id: int, shipped_to: Address
) -> None:
    """Store a purchase's own copy of its delivery address."""
    await database.execute(
        QueryString(
            f"INSERT INTO purchase_addresses (purchase_id, {_NAMES}, erase_at_end)"  # noqa: S608
            f" VALUES ({{}}, {_PLACES}, {{}})",
            purchase_id,
            *_values(shipped_to),
            False,
        )
    )


# Carts


async def cart(database: Database, user_id: int) -> Cart:
    """The lines of a customer's cart, by ascending book."""
    outcome = await database.execute(
        QueryString(
            "SELECT book_id, quantity, price_when_added_minor FROM cart_items"
            " WHERE user_id = {} ORDER BY book_id",
            user_id,
        )
    )
    return {
        row["book_id"]: CartLine(row["book_id"], row["quantity"], row["price_when_added_minor"])
        for row in outcome.rows
    }


async def write_lines(
    database: Database, user_id: int, lines: Sequence[CartLine], now: datetime
) -> None:
    """Write lines into a cart. A line that exists gets the quantity, and keeps its price."""
    if not lines:
        return
    places = ", ".join(["({}, {}, {}, {}, {})"] * len(lines))
    await database.execute(
        QueryString(
            "INSERT INTO cart_items (user_id, book_id, quantity, price_when_added_minor, added_at)"  # noqa: S608
            f" VALUES {places} ON CONFLICT (user_id, book_id)"
            " DO UPDATE SET quantity = excluded.quantity",
            *[value for line in lines for value in (user_id, *line, now)],
        )
    )


async def delete_lines(database: Database, user_id: int, book_ids: Sequence[int]) -> None:
    """Remove books from a cart, if they are in it."""
    await database.execute(
        QueryString(
            "DELETE FROM cart_items WHERE user_id = {} AND {}", user_id, is_in("book_id", book_ids)
        )
    )


async def delete_cart(database: Database, user_id: int) -> None:
    await database.execute(QueryString("DELETE FROM cart_items WHERE user_id = {}", user_id))


async def offers(database: Database, book_ids: Sequence[int]) -> Mapping[int, Offer]:
    """The present offers of those books that are known, retired ones included."""
    outcome = await database.execute(
        QueryString(
            "SELECT book_id, title, price_minor, currency, retired FROM books WHERE {}",
            is_in("book_id", book_ids),
        )
    )
    return {
        row["book_id"]: Offer(
            row["book_id"],
            row["title"],
            row["price_minor"],
            row["currency"],
            bool(row["retired"]),
        )
        for row in outcome.rows
    }


# Delivery


async def delivery_offers(database: Database) -> list[DeliveryOffer]:
    """The delivery providers that are offered."""
    outcome = await database.execute(
        QueryString(
            "SELECT id, name, countries, fee_minor FROM providers WHERE retired = {} ORDER BY id",
            False,
        )
    )
    return [
        DeliveryOffer(row["id"], row["name"], row["countries"].split(), row["fee_minor"])
        for row in outcome.rows
    ]


# Closed accounts


async def close(database: Database, user_id: int, now: datetime) -> bool:
    """Erase a customer's personal data, and close the account; False if it was closed before.

    A purchase that has not ended keeps its address until it ends.
    """
    await _lock(database, user_id)
    if await _is_closed(database, user_id):
        return False
    await database.execute(QueryString("DELETE FROM addresses WHERE user_id = {}", user_id))
    await delete_cart(database, user_id)
    # Locked in the order that a change of a purchase takes: the purchase, then its address.
    purchases = await database.locked(
        QueryString("SELECT id, status FROM purchases WHERE user_id = {} ORDER BY id", user_id)
    )
    ended = [row["id"] for row in purchases if not TRANSITIONS[Status(row["status"])]]
    under_way = [row["id"] for row in purchases if TRANSITIONS[Status(row["status"])]]
    for ids in _batches(ended):
        await database.execute(
            QueryString("DELETE FROM purchase_addresses WHERE {}", is_in("purchase_id", ids))
        )
    for ids in _batches(under_way):
        await database.execute(
            QueryString(
                "UPDATE purchase_addresses SET erase_at_end = {} WHERE {}",
                True,
                is_in("purchase_id", ids),
            )
        )
    await database.execute(
        QueryString("UPDATE customers SET closed_at = {} WHERE user_id = {}", now, user_id)
    )
    return True


_BATCH = 500


def _batches(ids: Sequence[int]) -> list[Sequence[int]]:
    return [ids[start : start + _BATCH] for start in range(0, len(ids), _BATCH)]
