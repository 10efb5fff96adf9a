"""The events that auth publishes, each with the full state of its subject.

The stream `security` has revoked tokens, disabled users and signing keys;
`kit/security/auth_stream.py` consumes them in every other service. The stream `accounts` has what
only a service that sends mail needs, so that a forgotten password wakes no other service. The
contracts are in `eventing/contracts/`.
"""

from datetime import datetime
from typing import Any

import msgspec

from functions.kit.events.outbox import NewEvent

SOURCE = "/bookstore/auth/security"
STREAM = "security"

ACCOUNTS_SOURCE = "/bookstore/auth/accounts"
ACCOUNTS_STREAM = "accounts"


class RevokedTokenState(msgspec.Struct, frozen=True, kw_only=True):
    """An access token that was revoked before it expired."""

    token_id: str
    user_id: int
    expires_at: datetime


class UserAccessState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whether a user is disabled, and since when their access tokens are valid."""

    user_id: int
    disabled: bool
    tokens_not_before: datetime
    closed: bool = False
    """The account was closed by its owner, for good; left out where it was not."""


class KeyState(msgspec.Struct, frozen=True, kw_only=True):
    """A signing key, active or retired."""

    kid: str
    public_key: dict[str, Any]
    """A JWK with `kid`, `use` and `alg`."""
    not_after: datetime | None


class PasswordResetState(msgspec.Struct, frozen=True, kw_only=True):
    """An open request to reset a password. It has neither the email address nor a token: the
    internal API gives both to the service that sends the mail.
    """

    reset_id: int
    user_id: int
    language: str
    """Of the mail: `es` or `en`."""
    expires_at: datetime


class NewDeviceState(msgspec.Struct, frozen=True, kw_only=True):
    """A sign-in from a device that the account had not used before. It has no address: the names
    are those of a family of browsers and systems, empty where they are unknown."""

    device_id: int
    user_id: int
    browser: str
    system: str
    signed_in_at: datetime


def token_revoked(token_id: str, user_id: int, expires_at: datetime) -> NewEvent:
    return NewEvent(
        source=SOURCE,
        type="bookstore.token.revoked.v1",
        subject=f"token/{token_id}",
        revision=1,
        data=RevokedTokenState(token_id=token_id, user_id=user_id, expires_at=expires_at),
    )


def user_disabled(
    user_id: int, revision: int, *, disabled: bool, closed: bool, tokens_not_before: datetime
) -> NewEvent:
    """The access of a user; that of a closed account is disabled as well."""
    return NewEvent(
        source=SOURCE,
        type="bookstore.user.disabled.v1",
        subject=f"user/{user_id}",
        revision=revision,
        data=UserAccessState(
            user_id=user_id,
            disabled=disabled or closed,
            tokens_not_before=tokens_not_before,
            closed=closed,
        ),
    )


def key_rotated(kid: str, public_key: dict[str, Any], not_after: datetime | None) -> NewEvent:
    """Revision 1 when the key becomes active, 2 when it is retired."""
    return NewEvent(
        source=SOURCE,
        type="bookstore.key.rotated.v1",
        subject=f"key/{kid}",
        revision=1 if not_after is None else 2,
        data=KeyState(kid=kid, public_key=public_key, not_after=not_after),
    )


def password_reset_requested(
    reset_id: int, user_id: int, language: str, expires_at: datetime
) -> NewEvent:
    return NewEvent(
        source=ACCOUNTS_SOURCE,
        type="bookstore.user.password_reset_requested.v1",
        subject=f"password-reset/{reset_id}",
        revision=1,
        data=PasswordResetState(
            reset_id=reset_id, user_id=user_id, language=language, expires_at=expires_at
        ),
    )


def new_device_signed_in(
    device_id: int, user_id: int, *, browser: str, system: str, at: datetime
) -> NewEvent:
    return NewEvent(
        source=ACCOUNTS_SOURCE,
        type="bookstore.user.new_device_signed_in.v1",
        subject=f"device/{device_id}",
        revision=1,
        data=NewDeviceState(
            device_id=device_id, user_id=user_id, browser=browser, system=system, signed_in_at=at
        ),
    )
