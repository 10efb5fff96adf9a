"""Stores access tokens that auth has revoked, and users whose access it has changed.

`auth_stream.py` subscribes to these events.
"""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta
from piccolo.querystring import QueryString

from functions.kit.base.fields import Id
from functions.kit.data.database import Database, transactional
from functions.kit.events.cloudevents import Event
from functions.kit.security.principal import Principal

Moment = Annotated[datetime, Meta(tz=True)]


class RevokedToken(msgspec.Struct, frozen=True):
    """The state of a `bookstore.token.revoked.v1` event, as consumed here."""

    token_id: Annotated[str, Meta(min_length=1, max_length=64)]
    expires_at: Moment


class UserAccess(msgspec.Struct, frozen=True):
    """The state of a `bookstore.user.disabled.v1` event, as consumed here."""

    user_id: Id
    disabled: bool
    tokens_not_before: Moment
    """Tokens issued before this time are invalid."""
    closed: bool = False
    """Whether the account was closed for good; services then erase its personal data."""


@transactional
async def record_revoked_token(database: Database, event: Event, state: RevokedToken) -> None:
    del event
    await database.execute(
        QueryString(
            "INSERT INTO denied_tokens (token_id, expires_at) VALUES ({}, {})"
            " ON CONFLICT (token_id) DO NOTHING",
            state.token_id,
            state.expires_at,
        )
    )


@transactional
async def record_user_access(database: Database, event: Event, state: UserAccess) -> None:
    # Two unconditional statements: if the first two events of a user arrive concurrently, the newer
    # one wins.
    await database.execute(
        QueryString(
            "INSERT INTO denied_users (user_id, revision, disabled, tokens_not_before)"
            " VALUES ({}, {}, {}, {}) ON CONFLICT (user_id) DO NOTHING",
            state.user_id,
            event.revision or 0,
            state.disabled,
            state.tokens_not_before,
        )
    )
    await database.execute(
        QueryString(
            "UPDATE denied_users SET revision = {}, disabled = {}, tokens_not_before = {}"
            " WHERE user_id = {} AND revision < {}",
            event.revision or 0,
            state.disabled,
            state.tokens_not_before,
            state.user_id,
            event.revision or 0,
        )
    )


class Revocations:
    """The revocations in this service's database."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def is_revoked(self, principal: Principal) -> bool:
        """Whether the token is revoked, its user is disabled, or the token is too old."""
        outcome = await self.database.execute(
            QueryString(
                "SELECT 1 FROM denied_tokens WHERE token_id = {} UNION ALL"
                " SELECT 1 FROM denied_users WHERE user_id = {}"
                " AND (disabled = {} OR tokens_not_before > {})",
                principal.token_id,
                principal.user_id,
                True,
                principal.issued_at,
            )
        )
        return bool(outcome.rows)
