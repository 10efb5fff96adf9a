"""Move a purchase from one state to the next: checked, noted in its timeline, told as an event."""

from collections.abc import Sequence
from datetime import datetime

from piccolo.querystring import QueryString

from functions.kit.database import Database, Row, transactional
from functions.kit.outbox import Outbox
from functions.purchase import events
from functions.purchase.commands import inventory
from functions.purchase.domain import HOLDS_STOCK, Line, Status, check_move
from functions.purchase.errors import PurchaseNotFound
from functions.purchase.queries import lines_of

EXPIRY_BATCH = 100


async def lock_purchase(database: Database, purchase_id: int) -> Row:
    """The row of a purchase, locked until the transaction ends.

    Raises `PurchaseNotFound`.
    """
    rows = await database.locked(QueryString("SELECT * FROM purchases WHERE id = {}", purchase_id))
    if not rows:
        raise PurchaseNotFound(f"There is no purchase {purchase_id}.")
    return rows[0]


async def note(
    database: Database, purchase_id: int, status: Status, *, user_id: int | None, now: datetime
) -> None:
    """An entry in the timeline."""
    await database.execute(
        QueryString(
            "INSERT INTO purchase_timeline (purchase_id, status, at, user_id)"
            " VALUES ({}, {}, {}, {})",
            purchase_id,
            str(status),
            now,
            user_id,
        )
    )


async def bump(database: Database, row: Row) -> int:
    """The next revision of a purchase that is locked: one for each event that tells of it."""
    row["revision"] += 1
    await database.execute(
        QueryString("UPDATE purchases SET revision = {} WHERE id = {}", row["revision"], row["id"])
    )
    revision: int = row["revision"]
    return revision


async def move(
    database: Database,
    row: Row,
    target: Status,
    *,
    user_id: int | None,
    outbox: Outbox,
    now: datetime,
) -> None:
    """Bring a locked purchase into a state; `row` shows it afterwards.

    Raises `IllegalMove`.
    """
    current = Status(row["status"])
    check_move(current, target)
    row["status"] = str(target)
    row["revision"] += 1
    await database.execute(
        QueryString(
            "UPDATE purchases SET status = {}, revision = {} WHERE id = {}",
            row["status"],
            row["revision"],
            row["id"],
        )
    )
    await note(database, row["id"], target, user_id=user_id, now=now)
    lines = await lines_of(database, row["id"])
    if target in events.PURCHASE_TYPES and current is not Status.ON_DELIVERY:
        await outbox.add(database, events.purchase_moved(row, lines))
    await _settle_stock(database, current, target, lines, outbox=outbox, now=now)


async def _settle_stock(
    database: Database,
    current: Status,
    target: Status,
    lines: Sequence[Line],
    *,
    outbox: Outbox,
    now: datetime,
) -> None:
    if current not in HOLDS_STOCK or target in HOLDS_STOCK:
        return
    settle = inventory.fulfil if target is Status.DELIVERED else inventory.release
    for line in lines:
        await settle(database, line.book_id, line.quantity, outbox=outbox, now=now)


@transactional
async def cancel_purchase(
    database: Database,
    purchase_id: int,
    *,
    user_id: int,
    staff: bool,
    outbox: Outbox,
    now: datetime,
) -> Status:
    """Give up a purchase that is not paid; its copies are free again, its history stays.

    Raises `PurchaseNotFound` (also for another's purchase) or `IllegalMove`.
    """
    row = await lock_purchase(database, purchase_id)
    if not staff and row["user_id"] != user_id:
        raise PurchaseNotFound(f"There is no purchase {purchase_id}.")
    if row["status"] == Status.PENDING and row["expires_at"] <= now:
        await move(database, row, Status.EXPIRED, user_id=None, outbox=outbox, now=now)
    elif row["status"] != Status.CANCELLED:
        await move(database, row, Status.CANCELLED, user_id=user_id, outbox=outbox, now=now)
    return Status(row["status"])


async def expire_purchases(database: Database, *, outbox: Outbox, now: datetime) -> int:
    """End purchases whose time to pay has run out; answers how many. Due every now and then."""
    expired = 0
    while True:
        outcome = await database.execute(
            QueryString(
                "SELECT id FROM purchases WHERE status = {} AND expires_at <= {}"
                " ORDER BY expires_at LIMIT {}",
                str(Status.PENDING),
                now,
                EXPIRY_BATCH,
            )
        )
        for row in outcome.rows:
            expired += await expire_purchase(database, row["id"], outbox=outbox, now=now)
        if len(outcome.rows) < EXPIRY_BATCH:
            return expired


@transactional
async def expire_purchase(
    database: Database, purchase_id: int, *, outbox: Outbox, now: datetime
) -> bool:
    """End one purchase if it is still waiting for its money and its time is over."""
    row = await lock_purchase(database, purchase_id)
    if row["status"] != Status.PENDING or row["expires_at"] > now:
        return False
    await move(database, row, Status.EXPIRED, user_id=None, outbox=outbox, now=now)
    return True
