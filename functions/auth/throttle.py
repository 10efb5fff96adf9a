"""Tries are counted in the database, so that all replicas count together.

A key stands for an account and an address, for an address or the network that it belongs to, or
for an account wherever it is tried from; only its hash is kept. Its row is
locked while it is counted, so no two requests take the same last try. A try is counted, and the
count committed, before anybody looks at the password.
"""

import hashlib
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import msgspec
from piccolo.querystring import QueryString

from functions.auth.domain import Limit, seconds_to_wait
from functions.auth.errors import TooManyTries
from functions.auth.tables import Throttle
from functions.kit.base.errors import Text
from functions.kit.data.database import Database, transactional

KNOWN_FOR = timedelta(days=30)
"""How long an account is known to log in from an address."""


def throttle_key(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


@transactional
async def count_try(database: Database, limits: Mapping[str, Limit], now: datetime) -> None:
    """Count one try under each key, or under none where one of them has had too many.

    Raises `TooManyTries`; a try that is refused so is not counted, or nobody would ever get out.
    """
    moment = now.timestamp()
    for key in sorted(limits):  # in one order, so that two requests never wait for each other
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
        await _keep(database, key, [*tries, moment][-limit.tries :], moment + limit.window)


@transactional
async def forget(database: Database, key: str) -> None:
    """It was the owner: the account's tries from there count no more."""
    await database.execute(Throttle.delete().where(Throttle.key_hash == key))


@transactional
async def take_back(database: Database, key: str, counted_at: datetime) -> None:
    """Uncount one try, so that an office behind one address can log in as often as it likes."""
    tries = await _locked_tries(database, key, counted_at)
    moment = counted_at.timestamp()
    if moment in tries:
        tries.remove(moment)
        await database.execute(
            Throttle.update({Throttle.tries: msgspec.json.encode(tries).decode()}).where(
                Throttle.key_hash == key
            )
        )


@transactional
async def remember(database: Database, key: str, now: datetime) -> None:
    """Keep a key for `KNOWN_FOR`: an address that an account has logged in from."""
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
    """Whether a key was remembered, and not too long ago."""
    outcome = await database.execute(
        Throttle.select(Throttle.key_hash).where(
            Throttle.key_hash == key, Throttle.expires_at > now
        )
    )
    return bool(outcome.rows)


@transactional
async def purge(database: Database, now: datetime) -> None:
    await database.execute(Throttle.delete().where(Throttle.expires_at < now))


async def _locked_tries(database: Database, key: str, now: datetime) -> list[float]:
    await database.execute(
        QueryString(
            "INSERT INTO throttles (key_hash, tries, expires_at) VALUES ({}, '[]', {})"
            " ON CONFLICT (key_hash) DO NOTHING",
            key,
            now,
        )
    )
    rows = await database.locked(Throttle.select(Throttle.tries).where(Throttle.key_hash == key))
    return msgspec.json.decode(rows[0]["tries"], type=list[float])


async def _keep(database: Database, key: str, tries: list[float], expires: float) -> None:
    await database.execute(
        Throttle.update(
            {
                Throttle.tries: msgspec.json.encode(tries).decode(),
                Throttle.expires_at: datetime.fromtimestamp(expires, UTC),
            }
        ).where(Throttle.key_hash == key)
    )
