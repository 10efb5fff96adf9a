"""The relay's lease: of all processes on one database the one that holds it sends.

A row says who holds it and until when; whoever is killed keeps the others waiting no longer than
that. Next file: `relay`.
"""

import time
import uuid
from datetime import timedelta

from piccolo.querystring import QueryString

from functions.kit.base.clock import Clock
from functions.kit.data.database import Database

LEASE = timedelta(seconds=10)
"""How long a killed relay keeps the others waiting."""


class Lease:
    """One process's claim to it."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database = database
        self.clock = clock
        self.holder = str(uuid.uuid4())
        self._taken_at = 0.0

    async def take(self) -> bool:
        """Hold it for another `LEASE`, or find that another process does."""
        self._taken_at = time.monotonic()
        if await self._extend():
            return True
        await self.database.execute(
            QueryString(
                "INSERT INTO outbox_lease (name, holder, expires_at) VALUES ('relay', '', 0)"
                " ON CONFLICT (name) DO NOTHING"
            )
        )
        return await self._extend()

    async def _extend(self) -> bool:
        now = int(self.clock().timestamp() * 1000)
        lease = int(LEASE.total_seconds() * 1000)
        # One that ends later than a lease can was taken by a clock that has been put back since.
        taken = await self.database.execute(
            QueryString(
                "UPDATE outbox_lease SET holder = {}, expires_at = {}"
                " WHERE name = 'relay' AND (holder = {} OR expires_at < {} OR expires_at > {})",
                self.holder,
                now + lease,
                self.holder,
                now,
                now + 2 * lease,
            )
        )
        return bool(taken.rowcount)

    def is_ageing(self) -> bool:
        """Whether it is time to take it again."""
        return time.monotonic() - self._taken_at > LEASE.total_seconds() / 4

    async def release(self) -> None:
        """Give it back, so that another process need not wait for it to run out.

        In the caller's transaction, where there is one.
        """
        await self.database.execute(
            QueryString("UPDATE outbox_lease SET expires_at = 0 WHERE holder = {}", self.holder)
        )
