"""Changes of the stock other than sales: the initial stock and adjustments."""

from datetime import datetime

from functions.kit.data.database import Database, transactional
from functions.kit.events.outbox import Outbox
from functions.purchase import events, storage
from functions.purchase.domain.cards import check_no_card_number
from functions.purchase.domain.stock import Stock
from functions.purchase.metrics import count_adjustment
from functions.purchase.queries import sales as queries
from functions.purchase.tables import AdjustmentRow, InventoryRow


@transactional
async def open_inventory(
    database: Database, book_id: int, initial_stock: int, *, outbox: Outbox, now: datetime
) -> None:
    """Create the inventory of a book, unless it exists."""
    stock = Stock.opened(book_id, initial_stock, now)
    try:
        await database.execute(
            InventoryRow.insert(
                InventoryRow(
                    book_id=stock.book_id,
                    on_hand=stock.on_hand,
                    reserved=stock.reserved,
                    available=stock.available,
                    fulfilled=stock.fulfilled,
                    revision=stock.revision,
                    changed_at=stock.changed_at,
                )
            )
        )
    except Exception as error:
        if database.is_duplicate(error):
            return
        raise
    await _add_adjustment(database, book_id, initial_stock, "initial stock", None, now)
    count_adjustment(outbox.metrics, "initial")
    await outbox.add(database, events.inventory_changed(stock))


@transactional
async def adjust_stock(
    database: Database,
    book_id: int,
    delta: int,
    reason: str,
    *,
    user_id: int,
    seller_id: int | None,
    outbox: Outbox,
    now: datetime,
) -> Stock:
    """Add `delta` copies, or remove them where negative: a restock, a count, a loss.

    `seller_id` is the seller whose books alone may be adjusted; None for staff.
    Raises `BookNotFound`, `NotYourBook`, `CardNumberRefused`, or `StockWouldBeNegative` where
    fewer copies are available.
    """
    check_no_card_number("reason", reason)
    await queries.check_seller(database, book_id, seller_id)
    stock = (await storage.lock_stock(database, book_id)).adjust(delta, now)
    await storage.update_stock(database, stock)
    await _add_adjustment(database, book_id, delta, reason, user_id, now)
    count_adjustment(outbox.metrics, "addition" if delta > 0 else "removal")
    await outbox.add(database, events.inventory_changed(stock))
    return stock


async def _add_adjustment(
    database: Database,
    book_id: int,
    delta: int,
    reason: str,
    user_id: int | None,
    now: datetime,
) -> None:
    await database.execute(
        AdjustmentRow.insert(
            AdjustmentRow(
                book_id=book_id, delta=delta, reason=reason, user_id=user_id, created_at=now
            )
        )
    )
