"""Idempotency keys: stores the answer of a request, and returns it to retries of that request.

The row of the key is the first write of the request's transaction. So a failed request leaves the
key free, and of two concurrent requests the second waits for the first, and then finds its answer.

A request that calls an external service cannot be a single transaction. It binds its key by
`claim`, in the transaction that records what it will do, and stores the answer by `complete`.

Source: the IETF draft "The Idempotency-Key HTTP Header Field".
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import NamedTuple, TypeVar

from piccolo.querystring import QueryString

from functions.kit.base.clock import Clock
from functions.kit.base.errors import IdempotencyKeyReused, RequestInProgress, Text
from functions.kit.data.database import Database, transactional

T = TypeVar("T")

RETENTION = timedelta(days=7)


class Scope(NamedTuple):
    """A key, the user and route that it belongs to, and the fingerprint of the request's body."""

    user_id: int
    route: str
    key: str
    fingerprint: str


class Answer(NamedTuple):
    """A response, and whether it is a stored one."""

    status: int
    body: bytes
    replayed: bool


@transactional
async def run_once(
    database: Database,
    scope: Scope | None,
    command: Callable[[], Awaitable[T]],
    render: Callable[[T], tuple[int, bytes]],
    *,
    clock: Clock,
) -> Answer:
    """Run a command and store its rendered answer, or return the stored answer.

    Raises `IdempotencyKeyReused` if the key was used with another body, and `RequestInProgress` if
    its answer is not stored yet.
    """
    if scope is None:
        return Answer(*render(await command()), replayed=False)
    if not await claim(database, scope, clock=clock):
        stored = await stored_answer(database, scope)
        if stored is None:
            raise RequestInProgress("Send it again in a moment.", retry_after=1)
        return stored
    status, body = render(await command())
    await complete(database, scope.user_id, scope.route, scope.key, status, body)
    return Answer(status, body, replayed=False)


async def claim(database: Database, scope: Scope, *, clock: Clock) -> bool:
    """Bind a key to its request, as the first write of a transaction; False if it was bound before.

    The key is in progress until `complete`. Raises `IdempotencyKeyReused` if it is bound to another
    body.
    """
    try:
        await database.execute(
            QueryString(
                "INSERT INTO idempotency_keys"
                " (user_id, route, idempotency_key, fingerprint, status, body, created_at)"
                " VALUES ({}, {}, {}, {}, 0, '', {})",
                scope.user_id,
                scope.route,
                scope.key,
                scope.fingerprint,
                clock(),
            )
        )
    except Exception as error:
        if not database.is_duplicate(error):
            raise
    else:
        return True
    await stored_answer(database, scope)
    return False


async def complete(
    database: Database, user_id: int, route: str, key: str, status: int, body: bytes
) -> None:
    """Store the answer of a key that is in progress. A stored answer is not replaced."""
    await database.execute(
        QueryString(
            "UPDATE idempotency_keys SET status = {}, body = {}"
            " WHERE user_id = {} AND route = {} AND idempotency_key = {} AND status = 0",
            status,
            body.decode(),
            user_id,
            route,
            key,
        )
    )


async def stored_answer(database: Database, scope: Scope) -> Answer | None:
    """The stored answer of a key; None if there is none yet.

    Raises `IdempotencyKeyReused` if the key was used with another body.
    """
    outcome = await database.execute(
        QueryString(
            "SELECT fingerprint, status, body FROM idempotency_keys"
            " WHERE user_id = {} AND route = {} AND idempotency_key = {}",
            scope.user_id,
            scope.route,
            scope.key,
        )
    )
    if not outcome.rows:
        return None
    row = outcome.rows[0]
    if row["fingerprint"] != scope.fingerprint:
        raise IdempotencyKeyReused(
            Text(
                "Use una clave nueva para una solicitud nueva.", "Use a new key for a new request."
            )
        )
    if row["status"] == 0:
        return None
    return Answer(row["status"], row["body"].encode(), replayed=True)


@transactional
async def purge(database: Database, *, clock: Clock) -> None:
    """Delete keys whose answer is older than `RETENTION`. Keys in progress stay."""
    await database.execute(
        QueryString(
            "DELETE FROM idempotency_keys WHERE created_at < {} AND status <> 0",
            clock() - RETENTION,
        )
    )
