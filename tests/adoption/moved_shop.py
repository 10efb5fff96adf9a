"""The shop in one process, after the dirty instance of the original has moved in."""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from piccolo.querystring import QueryString

from tests.adoption import original
from tests.adoption.running import Result, adopt
from tests.journeys.shop_in_process import (
    ShopInProcess,
    StoppedShop,
    left_by,
    open_copy,
    open_shop_on,
)
from tests.support.clock import FakeClock

_moved: list[StoppedShop] = []


@asynccontextmanager
async def open_moved_shop(folder: Path) -> AsyncIterator[ShopInProcess]:
    """All services on SQLite files in a folder, once their events have been delivered.

    Every decision is as the dry run wrote it. `report.jsonl` is in the folder, and the dumps in
    `dumps`. The move is made once in this process; every shop goes on from a copy of its files.
    """
    if not _moved:
        with tempfile.TemporaryDirectory() as made:
            await move(Path(made), original.save(Path(made, "dumps"), original.dumps("mariadb")))
            async with open_shop_on(Path(made)) as shop:
                await agreed(shop)
            _moved.append(left_by(shop, Path(made)))
    async with open_copy(folder, _moved[0]) as running:
        yield running


async def move(folder: Path, source: list[str]) -> Result:
    """Move in at the time of the shop's clock."""
    clock = FakeClock()
    where = ("--sqlite", str(folder))
    await adopt(folder, *source, *where, clock=clock)
    return await adopt(folder, *source, *where, "--apply", clock=clock)


async def agreed(shop: ShopInProcess) -> None:
    """Wait until purchase knows every book, and catalog the stock of each and who bought it."""
    databases = {name: app.state.services.database for name, app in shop.apps.items()}
    readers = ("catalog", "notifications")
    orders = "SELECT contiguous FROM stream_positions WHERE source = '/bookstore/purchase/orders'"

    async def so() -> bool:
        counts = [
            (await databases[service].execute(QueryString(sql))).rows[0]["n"]
            for service, sql in (
                ("catalog", "SELECT COUNT(*) AS n FROM books"),
                ("purchase", "SELECT COUNT(*) AS n FROM books WHERE revision > 0"),
                ("purchase", "SELECT COUNT(*) AS n FROM inventory"),
                ("catalog", "SELECT COUNT(*) AS n FROM inventory WHERE revision > 0"),
            )
        ]
        read = [(await databases[name].execute(QueryString(orders))).rows for name in readers]
        past = all(rows and rows[0]["contiguous"] > 0 for rows in read)
        return past and len(set(counts)) == 1 and counts[0] > 0

    while not await so():  # noqa: ASYNC110 - nothing announces what is waited for
        await asyncio.sleep(0.002)  # not at once: the loop would take the services' time


def reported(folder: Path, table: str, what: str | None = None) -> set[int]:
    """The ids of the rows of a table that the report of the move has, all or those of a kind."""
    lines = map(json.loads, (folder / "report.jsonl").read_text("utf-8").splitlines())
    return {
        line["id"]
        for line in lines
        if line.get("table") == table and what in (None, line["what"]) and line["id"] is not None
    }
