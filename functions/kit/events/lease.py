"""The relay's lease: of all processes that share a database, only its holder sends events.

A row has the holder and the expiry time, so the lease of a killed process expires by itself.
"""

import time
import uuid
from datetime import timedelta

from piccolo.querystring import QueryString

from functions.kit.base.clock import Clock
from functions.kit.data.database import Database

LEASE = timedelta(seconds=10)
"""Time after which an unrenewed lease expires."""


class Lease:
    """A process's handle to the lease."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database = database
        self.clock = clock
        self.holder = str(uuid.uuid4())
        self._acquired_at = 0.0

    async def acquire(self) -> bool:
        """Acquire or renew the lease for `LEASE`; False if another process holds it."""
        self._acquired_at = time.monotonic()
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
        # An expiry too far in the future was written before the clock was set back.
        updated = await self.database.execute(
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
        return bool(updated.rowcount)

    def needs_renewal(self) -> bool:
        """Whether a quarter of the lease has passed."""
        return time.monotonic() - self._acquired_at > LEASE.total_seconds() / 4

    async def release(self) -> None:
        """Release the lease, so that another process can acquire it before it expires."""
        await self.database.execute(
            QueryString("UPDATE outbox_lease SET expires_at = 0 WHERE holder = {}", self.holder)
        )
