"""auth's own tables; `migrations/` creates them.

The kit's tables (outbox, inbox, dead letters) have no class here: only the kit reads and writes
them.
"""

from piccolo.columns import BigInt, Boolean, ForeignKey, Serial, Text, Timestamptz, Varchar
from piccolo.table import Table


class UserRow(Table, tablename="users"):
    """An account. A deleted one keeps its id only, which purchases refer to."""

    id: Serial
    email = Varchar(length=254, null=True, default=None)
    email_key = Varchar(length=254, null=True, default=None)
    """Lower case, unique."""
    name = Varchar(length=100, null=True, default=None)
    password_hash = Varchar(length=255, null=True, default=None)
    disabled = Boolean(default=False)
    access_revision = BigInt(default=0)
    """The revision of the latest `bookstore.user.disabled.v1` of this user."""
    tokens_not_before = Timestamptz(null=True, default=None)
    """Access tokens issued earlier are refused."""
    language = Varchar(length=2, null=True, default=None)
    """Of mails: `es` or `en`; NULL until it is known, which counts as Spanish."""
    created_at = Timestamptz(default=None)
    deleted_at = Timestamptz(null=True, default=None)


class UserRoleRow(Table, tablename="user_roles"):
    id: Serial
    user_id = ForeignKey(UserRow, null=False)
    role = Varchar(length=20)


class RefreshFamilyRow(Table, tablename="refresh_families"):
    """The refresh tokens of one login, each the successor of the one before; revoked together."""

    id: Serial
    user_id = ForeignKey(UserRow, null=False)
    created_at = Timestamptz(default=None)
    expires_at = Timestamptz(default=None)
    """The expiry of its newest refresh token."""
    ended_at = Timestamptz(null=True, default=None)


class RefreshTokenRow(Table, tablename="refresh_tokens"):
    """The hash of a refresh token, and the access token that was issued with it."""

    id: Serial
    token_hash = Varchar(length=64)
    family_id = ForeignKey(RefreshFamilyRow, null=False)
    expires_at = Timestamptz(default=None)
    used_at = Timestamptz(null=True, default=None)
    successor = Text(null=True, default=None)
    """The encrypted tokens that it was exchanged for (`commands/successors.py`)."""
    sealed_until = Timestamptz(null=True, default=None)
    access_token_id = Varchar(length=64)
    access_expires_at = Timestamptz(default=None)


class PasswordResetRow(Table, tablename="password_resets"):
    """A request to reset a forgotten password; deleted once it is used, void or expired."""

    id: Serial
    email_key = Varchar(length=254, null=True, default=None)
    """The address that was typed, until the account is looked up; then NULL."""
    user_id = ForeignKey(UserRow, null=True, default=None)
    language = Varchar(length=2)
    """Of the mail: `es` or `en`."""
    expires_at = Timestamptz(default=None)
    token_hash = Varchar(length=64, null=True, default=None)
    """The hash of the first link's token; NULL until that link is created."""


class PasswordResetLinkRow(Table, tablename="password_reset_links"):
    """A further link of a request, whose mail was tried again. Links of a request that is gone
    are void."""

    id: Serial
    reset_id = BigInt()
    token_hash = Varchar(length=64)
    expires_at = Timestamptz(default=None)


class KnownDeviceRow(Table, tablename="known_devices"):
    """A device that an account has signed in from (`commands/devices.py`)."""

    id: Serial
    user_id = ForeignKey(UserRow, null=False)
    device_hash = Varchar(length=64)
    last_seen_at = Timestamptz(default=None)


class RevokedTokenRow(Table, tablename="revoked_tokens"):
    """An access token that was revoked before it expired."""

    token_id = Varchar(length=64, primary_key=True)
    user_id = ForeignKey(UserRow, null=False)
    expires_at = Timestamptz(default=None)


class SigningKeyRow(Table, tablename="signing_keys"):
    kid = Varchar(length=64, primary_key=True)
    public_jwk = Text()
    private_key = Text()
    """Encrypted, except in development without a secret (`signing.py`)."""
    active = Boolean(null=True, default=None)
    """True for the active key, else NULL; the index is unique, so there is one."""
    created_at = Timestamptz(default=None)
    retired_at = Timestamptz(null=True, default=None)
    not_after = Timestamptz(null=True, default=None)
    """The time at which the last token that it signed has expired."""


class ThrottleRow(Table, tablename="throttles"):
    """Recent tries under one key (`throttle.py`)."""

    key_hash = Varchar(length=64, primary_key=True)
    tries = Text()
    """Times of tries, oldest first: a JSON array of seconds."""
    expires_at = Timestamptz(default=None)


TABLES = (
    UserRow,
    UserRoleRow,
    RefreshFamilyRow,
    RefreshTokenRow,
    PasswordResetRow,
    PasswordResetLinkRow,
    KnownDeviceRow,
    RevokedTokenRow,
    SigningKeyRow,
    ThrottleRow,
)
