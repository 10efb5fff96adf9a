"""Counts tries in the database, so that the limits hold across replicas.

A key identifies an account and an address, an address, its network, or an account alone; only its
hash is stored. Its row is locked while a try is counted, so two requests cannot both take the last
one. The count is committed before the password is verified.
"""

import hashlib
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import msgspec
from piccolo.querystring import QueryString

from functions.auth.domain import TryLimit, seconds_to_wait
from functions.auth.errors import TooManyTries
from functions.auth.tables import ThrottleRow
from functions.kit.base.errors import Text
from functions.kit.data.database import Database, transactional

KNOWN_FOR = timedelta(days=30)
"""How long an address stays known for an account after a login."""


def throttle_key(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


@transactional
async def count_try(database: Database, limits: Mapping[str, TryLimit], now: datetime) -> None:
    """Count a try under every key, or under none where one of them has reached its limit.

    Raises `TooManyTries`. Refused tries are not counted, so that the wait ends.
    """
    moment = now.timestamp()
    for key in sorted(limits):  # ordered, so that concurrent requests do not deadlock
        limit = limits[key]
        tries = await _locked_tries(database, key, now)
        wait = seconds_to_wait(tries, limit, moment)
        if wait > 0:
            seconds = math.ceil(wait)
            raise TooManyTries(
                Text(
                    f"Inténtelo de nuevo en {seconds} segundos.", f"Try again in {seconds} seconds."
                ),
                retry_after=seconds,
            )
        await _store(database, key, [*tries, moment][-limit.tries :], moment + limit.window)


@transactional
async def delete_tries(database: Database, key: str) -> None:
    """Delete the tries under a key, after a login of the account's owner."""
    await database.execute(ThrottleRow.delete().where(ThrottleRow.key_hash == key))


@transactional
async def uncount_try(database: Database, key: str, counted_at: datetime) -> None:
    """Remove one try, so that successful logins from a shared address do not add up."""
    tries = await _locked_tries(database, key, counted_at)
    moment = counted_at.timestamp()
    if moment in tries:
        tries.remove(moment)
        await database.execute(
            ThrottleRow.update({ThrottleRow.tries: msgspec.json.encode(tries).decode()}).where(
                ThrottleRow.key_hash == key
            )
        )


@transactional
async def mark_known(database: Database, key: str, now: datetime) -> None:
    """Mark a key, of an account and an address, as known for `KNOWN_FOR`."""
    until = now + KNOWN_FOR
    await database.execute(
        QueryString(
            "INSERT INTO throttles (key_hash, tries, expires_at) VALUES ({}, '[]', {})"
            " ON CONFLICT (key_hash) DO UPDATE SET expires_at = excluded.expires_at",
            key,
            until,
        )
    )


async def is_known(database: Database, key: str, now: datetime) -> bool:
    """Whether a key was marked as known within `KNOWN_FOR`."""
    outcome = await database.execute(
        ThrottleRow.select(ThrottleRow.key_hash).where(
            ThrottleRow.key_hash == key, ThrottleRow.expires_at > now
        )
    )
    return bool(outcome.rows)


@transactional
async def purge(database: Database, now: datetime) -> None:
    await database.execute(ThrottleRow.delete().where(ThrottleRow.expires_at < now))


async def _locked_tries(database: Database, key: str, now: datetime) -> list[float]:
    await database.execute(
        QueryString(
            "INSERT INTO throttles (key_hash, tries, expires_at) VALUES ({}, '[]', {})"
            " ON CONFLICT (key_hash) DO NOTHING",
            key,
            now,
        )
    )
    rows = await database.locked(
        ThrottleRow.select(ThrottleRow.tries).where(ThrottleRow.key_hash == key)
    )
    return msgspec.json.decode(rows[0]["tries"], type=list[float])


async def _store(database: Database, key: str, tries: list[float], expires: float) -> None:
    await database.execute(
        ThrottleRow.update(
            {
                ThrottleRow.tries: msgspec.json.encode(tries).decode(),
                ThrottleRow.expires_at: datetime.fromtimestamp(expires, UTC),
            }
        ).where(ThrottleRow.key_hash == key)
    )
