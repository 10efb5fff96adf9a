"""The devices that an account signs in from; a new one is reported to its owner by mail.

A device is a family of browsers, a family of systems and the provider's network. Only a hash of
them is stored, with the account's id in it. That is coarse on purpose: an update of the browser or
another cell of a phone's network is no new device.
"""

import hashlib
from datetime import datetime, timedelta

from piccolo.querystring import QueryString

from functions.auth import events
from functions.auth.dependencies import Dependencies
from functions.auth.domain import Device
from functions.auth.tables import KnownDeviceRow
from functions.kit.data.database import Database, transactional

REMEMBERED = timedelta(days=180)
"""How long a device stays known after its last sign-in."""

MAX_DEVICES = 50
"""Of an account; the one that was seen longest ago makes room."""


async def record_device(
    database: Database, dependencies: Dependencies, user_id: int, device: Device, now: datetime
) -> None:
    """Record the device of a sign-in, and publish a new one. The user's row is locked.

    The first device of an account is not reported: it is the one of its registration, or of the
    first sign-in since devices are recorded.
    """
    device_hash = hashlib.sha256("\x1f".join((str(user_id), *device)).encode()).hexdigest()
    seen = await database.execute(
        KnownDeviceRow.update({KnownDeviceRow.last_seen_at: now}).where(
            KnownDeviceRow.user_id == user_id, KnownDeviceRow.device_hash == device_hash
        )
    )
    if seen.rowcount:
        return
    known = await database.execute(
        KnownDeviceRow.select(KnownDeviceRow.id)
        .where(KnownDeviceRow.user_id == user_id)
        .order_by(KnownDeviceRow.last_seen_at)
        .order_by(KnownDeviceRow.id)
    )
    if len(known.rows) >= MAX_DEVICES:
        await database.execute(
            KnownDeviceRow.delete().where(KnownDeviceRow.id == known.rows[0]["id"])
        )
    inserted = await database.execute(
        KnownDeviceRow.insert(
            KnownDeviceRow(user_id=user_id, device_hash=device_hash, last_seen_at=now)
        )
    )
    if known.rows:
        await dependencies.outbox.add(
            database,
            events.new_device_signed_in(
                inserted.lastrowid,
                user_id,
                browser=device.browser,
                system=device.system,
                at=now,
            ),
        )


async def delete_devices(database: Database, user_id: int) -> None:
    await database.execute(KnownDeviceRow.delete().where(KnownDeviceRow.user_id == user_id))


@transactional
async def purge_devices(database: Database, now: datetime) -> None:
    """Forget devices that were not used for `REMEMBERED`."""
    await database.execute(
        QueryString("DELETE FROM known_devices WHERE last_seen_at < {}", now - REMEMBERED)
    )
