"""What auth tells the others: ended tokens, shut-out users, keys. One stream, `security`.

Each event carries the whole state of its subject; the contracts are in `eventing/contracts/`,
and `kit/security/auth_stream.py` is what reads them.
"""

from datetime import datetime
from typing import Any

import msgspec

from functions.kit.events.outbox import NewEvent

SOURCE = "/bookstore/auth/security"
STREAM = "security"


class TokenRevoked(msgspec.Struct, frozen=True, kw_only=True):
    """An access token was ended before its time."""

    token_id: str
    user_id: int
    expires_at: datetime


class UserAccess(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a user may come in, and from when on tokens count."""

    user_id: int
    disabled: bool
    tokens_not_before: datetime


class KeyState(msgspec.Struct, frozen=True, kw_only=True):
    """A key that signs, or that only verifies any more."""

    kid: str
    public_key: dict[str, Any]
    """A JWK with `kid`, `use` and `alg`."""
    not_after: datetime | None


def token_revoked(token_id: str, user_id: int, expires_at: datetime) -> NewEvent:
    return NewEvent(
        source=SOURCE,
        type="bookstore.token.revoked.v1",
        subject=f"token/{token_id}",
        revision=1,
        data=TokenRevoked(token_id=token_id, user_id=user_id, expires_at=expires_at),
    )


def user_disabled(
    user_id: int, revision: int, *, disabled: bool, tokens_not_before: datetime
) -> NewEvent:
    return NewEvent(
        source=SOURCE,
        type="bookstore.user.disabled.v1",
        subject=f"user/{user_id}",
        revision=revision,
        data=UserAccess(user_id=user_id, disabled=disabled, tokens_not_before=tokens_not_before),
    )


def key_rotated(kid: str, public_key: dict[str, Any], not_after: datetime | None) -> NewEvent:
    """Revision 1 when the key begins to sign, 2 when it stops."""
    return NewEvent(
        source=SOURCE,
        type="bookstore.key.rotated.v1",
        subject=f"key/{kid}",
        revision=1 if not_after is None else 2,
        data=KeyState(kid=kid, public_key=public_key, not_after=not_after),
    )
