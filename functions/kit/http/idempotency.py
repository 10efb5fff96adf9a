"""Idempotency keys: a request that is sent again is answered again, and does nothing again.

The key's row is the first thing that the request's own transaction writes. So a failure leaves
the key free, and of two that come at once the second waits and then finds the first's answer.

A request that asks the outside world cannot be one transaction. It binds its key by `claim`,
together with what it is about to do; whoever learns the outcome writes the answer by `complete`.

Source: the IETF draft "The Idempotency-Key HTTP Header Field".
"""

import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import NamedTuple, TypeVar

from piccolo.querystring import QueryString

from functions.kit.base.clock import Clock
from functions.kit.base.errors import (
    FieldError,
    IdempotencyKeyReused,
    InvalidInput,
    RequestInProgress,
    Text,
)
from functions.kit.data.database import Database, transactional

T = TypeVar("T")

RETENTION = timedelta(days=7)
HEADER = "idempotency-key"

KEY = r"[\x21-\x7e]{1,200}"
_KEY = re.compile(KEY)


class Scope(NamedTuple):
    """Whose key it is, for which route, and for which body."""

    user_id: int
    route: str
    key: str
    fingerprint: str


class Answer(NamedTuple):
    """A response as it was first given."""

    status: int
    body: bytes
    replayed: bool


def scope_of(
    headers: Mapping[str, str], *, user_id: int, route: str, body: bytes, required: bool = False
) -> Scope | None:
    """The scope that a request names; None where it has no key.

    Raises `InvalidInput` for a key that is none, or is missing where the route requires one.
    """
    key = headers.get(HEADER)
    if key is None:
        if required:
            raise InvalidInput(
                Text(
                    "Envíe la cabecera Idempotency-Key, por ejemplo un UUID nuevo; con ella se"
                    " puede repetir la solicitud sin riesgo.",
                    "Send an Idempotency-Key header, such as a new UUID; it makes a retry safe.",
                ),
                errors=[FieldError("Idempotency-Key", Text("falta", "is missing"))],
            )
        return None
    if not _KEY.fullmatch(key):
        raise InvalidInput(
            Text(
                "Idempotency-Key tiene de 1 a 200 caracteres visibles de ASCII, como un UUID.",
                "An Idempotency-Key has 1 to 200 visible ASCII characters; a UUID is a good one.",
            ),
            errors=[FieldError("Idempotency-Key", Text("está mal formada", "is malformed"))],
        )
    return Scope(user_id, route, key, hashlib.sha256(body).hexdigest())


@transactional
async def answer_once(
    database: Database,
    scope: Scope | None,
    command: Callable[[], Awaitable[T]],
    render: Callable[[T], tuple[int, bytes]],
    *,
    clock: Clock,
) -> Answer:
    """Run a command and keep its answer, or give the answer that was kept.

    Raises `IdempotencyKeyReused` when the key was used for another body.
    """
    if scope is None:
        return Answer(*render(await command()), replayed=False)
    if not await claim(database, scope, clock=clock):
        kept = await kept_answer(database, scope)
        if kept is None:
            raise RequestInProgress("Send it again in a moment.", retry_after=1)
        return kept
    status, body = render(await command())
    await complete(database, scope.user_id, scope.route, scope.key, status, body)
    return Answer(status, body, replayed=False)


async def claim(database: Database, scope: Scope, *, clock: Clock) -> bool:
    """Bind a key to its request, as the first write of a transaction; False where it was bound.

    The key is in progress until `complete`. Raises `IdempotencyKeyReused` when it is bound to
    another body.
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
    await kept_answer(database, scope)
    return False


async def complete(
    database: Database, user_id: int, route: str, key: str, status: int, body: bytes
) -> None:
    """Write down the answer of a key that is in progress; an answer that is there stays."""
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


async def kept_answer(database: Database, scope: Scope) -> Answer | None:
    """The answer that was given under this key; None where there is none yet.

    Raises `IdempotencyKeyReused` when the key was used for another body.
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
    """Delete answered keys that nobody will send again."""
    await database.execute(
        QueryString(
            "DELETE FROM idempotency_keys WHERE created_at < {} AND status <> 0",
            clock() - RETENTION,
        )
    )
