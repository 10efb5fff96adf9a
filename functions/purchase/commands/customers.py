"""A customer's addresses and cart, and their erasure when the account is closed."""

import asyncio
import logging
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from functions.kit.base.errors import Text
from functions.kit.data.database import Database, transactional
from functions.purchase import storage_customers
from functions.purchase.commands.purchases import check_known, check_ready
from functions.purchase.domain import carts
from functions.purchase.domain.addresses import MAX_ADDRESSES, Address
from functions.purchase.domain.carts import Cart, LeftOut
from functions.purchase.domain.purchases import Offer
from functions.purchase.errors import TooManyAddresses

logger = logging.getLogger(__name__)


async def add_address(
    database: Database, user_id: int, new: Address, *, is_default: bool, now: datetime
) -> int:
    """Store an address. Returns its id.

    Raises `AddressInvalid`, `CardNumberRefused`, `TooManyAddresses` or `TokenRevoked`.
    """
    new = await asyncio.to_thread(new.checked)
    return await _add_address(database, user_id, new, is_default=is_default, now=now)


@transactional
async def _add_address(
    database: Database, user_id: int, new: Address, *, is_default: bool, now: datetime
) -> int:
    await storage_customers.lock_account(database, user_id)
    if len(await storage_customers.addresses(database, user_id)) >= MAX_ADDRESSES:
        raise TooManyAddresses(
            Text(
                f"Ya tiene {MAX_ADDRESSES} direcciones, y es el máximo. Borre una antes.",
                f"You have {MAX_ADDRESSES} addresses, which is the most. Delete one first.",
            ),
            limit=MAX_ADDRESSES,
        )
    return await storage_customers.insert_address(
        database, user_id, new, is_default=is_default, now=now
    )


class AddressChanges(NamedTuple):
    """Changed fields of an `Address`, by name."""

    fields: Mapping[str, object]
    is_default: bool | None = None
    """None: unchanged."""


@transactional
async def change_address(
    database: Database, user_id: int, address_id: int, changes: AddressChanges
) -> None:
    """Change the given fields. Purchases that were placed keep their copy of the address.

    Raises `AddressNotFound`, `AddressInvalid`, `CardNumberRefused` or `TokenRevoked`.
    """
    await storage_customers.lock_account(database, user_id)
    kept = await storage_customers.address(database, user_id, address_id)
    if changes.fields:
        changed = kept.address.with_changes(changes.fields)
        kept = kept._replace(address=await asyncio.to_thread(changed.checked))
    if changes.is_default is not None:
        kept = kept._replace(is_default=changes.is_default)
    await storage_customers.update_address(database, user_id, kept)


@transactional
async def delete_address(database: Database, user_id: int, address_id: int) -> None:
    """Raises `AddressNotFound` or `TokenRevoked`."""
    await storage_customers.lock_account(database, user_id)
    if not await storage_customers.delete_address(database, user_id, address_id):
        raise storage_customers.address_not_found(address_id)


@transactional
async def set_cart_item(
    database: Database, user_id: int, book_id: int, quantity: int, *, now: datetime
) -> bool:
    """Set the number of copies of a book in the cart. Returns whether the book is new in it.

    Raises `BookNotFound`, `BookNotReady`, `BookRetired`, `CartFull` or `TokenRevoked`.
    """
    cart, offer = await _locked_cart(database, user_id, book_id)
    line = carts.set_quantity(cart, offer, quantity)
    await storage_customers.write_lines(database, user_id, [line], now)
    return book_id not in cart


@transactional
async def add_to_cart(
    database: Database, user_id: int, book_id: int, quantity: int, *, now: datetime
) -> bool:
    """Add copies of a book to the cart. Returns whether the book is new in it.

    The account's row is locked, so copies that are added at the same time are all counted.
    Raises as `set_cart_item` does, and `CartLineFull`.
    """
    cart, offer = await _locked_cart(database, user_id, book_id)
    line = carts.add(cart, offer, quantity)
    await storage_customers.write_lines(database, user_id, [line], now)
    return book_id not in cart


async def _locked_cart(database: Database, user_id: int, book_id: int) -> tuple[Cart, Offer]:
    """A customer's cart, which no other request changes meanwhile, and the offer of a book."""
    await storage_customers.lock_account(database, user_id)
    offers = await storage_customers.offers(database, [book_id])
    await check_known(database, [] if offers else [book_id])
    return await storage_customers.cart(database, user_id), offers[book_id]


@transactional
async def merge_cart(
    database: Database, user_id: int, items: Mapping[int, int], *, now: datetime
) -> list[LeftOut]:
    """Merge the cart of a visitor who has signed in. Returns the items that were left out.

    `items` are quantities by book. Raises `BookNotReady` or `TokenRevoked`.
    """
    await storage_customers.lock_account(database, user_id)
    if not items:
        return []
    offers = await storage_customers.offers(database, list(items))
    if not offers:
        await check_ready(database)
    cart = await storage_customers.cart(database, user_id)
    merged = carts.merge(cart, items, offers)
    await storage_customers.write_lines(database, user_id, merged.lines, now)
    return list(merged.left_out)


@transactional
async def remove_cart_item(database: Database, user_id: int, book_id: int) -> None:
    """Remove a book from the cart, if it is in it. Raises `TokenRevoked`."""
    await storage_customers.lock_account(database, user_id)
    await storage_customers.delete_lines(database, user_id, [book_id])


@transactional
async def empty_cart(database: Database, user_id: int) -> None:
    """Raises `TokenRevoked`."""
    await storage_customers.lock_account(database, user_id)
    await storage_customers.delete_cart(database, user_id)


@transactional
async def close_account(database: Database, user_id: int, *, now: datetime) -> None:
    """Erase the personal data of a customer who has closed the account. Idempotent.

    Addresses and cart are erased at once, the address of a purchase when the purchase ends.
    """
    if await storage_customers.close(database, user_id, now):
        logger.info("user %d has closed the account: addresses and cart are erased", user_id)
