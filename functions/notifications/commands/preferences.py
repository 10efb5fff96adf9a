"""What customers want besides the mails that every order needs."""

import secrets
from collections.abc import Mapping
from datetime import datetime

from piccolo.querystring import QueryString

from functions.kit.base.errors import Text
from functions.kit.data.database import Database, transactional
from functions.notifications import queries
from functions.notifications.domain import Preferences, Topic
from functions.notifications.errors import UnsubscribeInvalid

TOKEN_BYTES = 32

_COLUMNS = {Topic.DELIVERIES: "delivery_updates", Topic.REVIEWS: "review_requests"}


@transactional
async def unsubscribe_token(database: Database, user_id: int, now: datetime) -> str:
    """The token of a customer's links, the same in every mail."""
    found = await queries.token_of(database, user_id)
    if found is not None:
        return found
    await _insert(database, user_id, now)
    token = await queries.token_of(database, user_id)
    assert token is not None  # noqa: S101 - inserted above, by this process or another
    return token


@transactional
async def unsubscribe(database: Database, token: str, topic: Topic, now: datetime) -> None:
    """End the mails of a topic for the customer whom the token belongs to. Idempotent.

    Raises `UnsubscribeInvalid`.
    """
    updated = await database.execute(
        QueryString(
            f"UPDATE subscribers SET {_COLUMNS[topic]} = {{}}, changed_at = {{}}"  # noqa: S608
            " WHERE token = {}",
            *(False, now, token),
        )
    )
    if not updated.rowcount:
        raise UnsubscribeInvalid(
            Text(
                "La cuenta está cerrada o el enlace está incompleto: cópielo entero.",
                "The account is closed, or the link is not complete: copy all of it.",
            )
        )


@transactional
async def change_preferences(
    database: Database, user_id: int, now: datetime, wanted: Mapping[Topic, bool]
) -> Preferences:
    """Topics that are not named stay as they are."""
    await _insert(database, user_id, now)
    for topic, wants in wanted.items():
        await database.execute(
            QueryString(
                f"UPDATE subscribers SET {_COLUMNS[topic]} = {{}}, changed_at = {{}}"  # noqa: S608
                " WHERE user_id = {}",
                *(wants, now, user_id),
            )
        )
    return await queries.preferences_of(database, user_id)


async def _insert(database: Database, user_id: int, now: datetime) -> None:
    await database.execute(
        QueryString(
            "INSERT INTO subscribers"
            " (user_id, token, delivery_updates, review_requests, changed_at)"
            " VALUES ({}, {}, {}, {}, {}) ON CONFLICT (user_id) DO NOTHING",
            *(user_id, secrets.token_urlsafe(TOKEN_BYTES), True, True, now),
        )
    )
