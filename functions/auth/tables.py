"""auth's own tables, as Piccolo sees them; `migrations/` makes them.

The kit's tables (outbox, inbox, dead letters) are the kit's business and need no class here.
"""

from piccolo.columns import BigInt, Boolean, ForeignKey, Serial, Text, Timestamptz, Varchar
from piccolo.table import Table


class User(Table, tablename="users"):
    """An account. A deleted one keeps its id, because purchases name it, and nothing else."""

    id: Serial
    email = Varchar(length=254, null=True, default=None)
    email_key = Varchar(length=254, null=True, default=None)
    """Lower case, unique."""
    name = Varchar(length=100, null=True, default=None)
    password_hash = Varchar(length=255, null=True, default=None)
    disabled = Boolean(default=False)
    access_revision = BigInt(default=0)
    """Grows with each `bookstore.user.disabled.v1` about this user."""
    tokens_not_before = Timestamptz(null=True, default=None)
    """Access tokens issued earlier are refused."""
    created_at = Timestamptz(default=None)
    deleted_at = Timestamptz(null=True, default=None)


class UserRole(Table, tablename="user_roles"):
    id: Serial
    user_id = ForeignKey(User, null=False)
    role = Varchar(length=20)


class RefreshFamily(Table, tablename="refresh_families"):
    """What one login began: its refresh tokens follow each other and end together."""

    id: Serial
    user_id = ForeignKey(User, null=False)
    created_at = Timestamptz(default=None)
    expires_at = Timestamptz(default=None)
    """When its newest refresh token expires."""
    ended_at = Timestamptz(null=True, default=None)


class RefreshToken(Table, tablename="refresh_tokens"):
    """A refresh token, by its hash, and the access token that was given with it."""

    id: Serial
    token_hash = Varchar(length=64)
    family_id = ForeignKey(RefreshFamily, null=False)
    expires_at = Timestamptz(default=None)
    used_at = Timestamptz(null=True, default=None)
    successor = Text(null=True, default=None)
    """What it was exchanged for, sealed; `commands/successors.py` knows the format."""
    sealed_until = Timestamptz(null=True, default=None)
    access_token_id = Varchar(length=64)
    access_expires_at = Timestamptz(default=None)


class RevokedToken(Table, tablename="revoked_tokens"):
    """An access token that was ended before its time."""

    token_id = Varchar(length=64, primary_key=True)
    user_id = ForeignKey(User, null=False)
    expires_at = Timestamptz(default=None)


class SigningKey(Table, tablename="signing_keys"):
    kid = Varchar(length=64, primary_key=True)
    public_jwk = Text()
    private_key = Text()
    """Sealed, unless development has no secret to seal it with; `signing.py` knows the format."""
    active = Boolean(null=True, default=None)
    """True for the one key that signs, else NULL: the unique index allows no second."""
    created_at = Timestamptz(default=None)
    retired_at = Timestamptz(null=True, default=None)
    not_after = Timestamptz(null=True, default=None)
    """When the last token that it signed has expired."""


class Throttle(Table, tablename="throttles"):
    """Recent tries of one account from one address, or of one address."""

    key_hash = Varchar(length=64, primary_key=True)
    tries = Text()
    """Moments, oldest first: a JSON array of seconds."""
    expires_at = Timestamptz(default=None)


TABLES = (User, UserRole, RefreshFamily, RefreshToken, RevokedToken, SigningKey, Throttle)
