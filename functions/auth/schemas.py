"""Request and response bodies."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from functions.auth.domain import MAX_EMAIL, MAX_PASSWORD, MIN_PASSWORD, Language, Role
from functions.auth.errors import (
    CredentialsMissing,
    PasswordNeeded,
    TokenNeeded,
)
from functions.kit.base.errors import InvalidInput
from functions.kit.base.fields import NO_CONTROLS, Strict, line

EmailText = Annotated[str, line(320)]
"""Longer than an address may be, for surrounding spaces; `domain.parse_email` validates it."""
PasswordText = Annotated[str, Meta(min_length=1, max_length=4096)]
"""Any typed text; `domain.check_password` validates new passwords. Those of the original, which had
no limit, may be long."""
Name = Annotated[str, Meta(max_length=100, pattern=NO_CONTROLS)]
"""A person's name. One that renders nothing counts as none: clients of the original send spaces."""


_EMAIL = {"format": "idn-email", "maxLength": MAX_EMAIL}
_NEW_PASSWORD = {"format": "password", "minLength": MIN_PASSWORD, "maxLength": MAX_PASSWORD}

_EXAMPLE = {"email": "lector@example.org", "password": "una-frase-larga"}
"""The example of `/register` creates this account, and the one of `/login` uses it."""


class Registration(Strict, frozen=True, kw_only=True):
    email: EmailText
    password: Annotated[str, Meta(min_length=1, max_length=1024, description="8 to 128 characters")]
    name: Name | None = None
    language: Language | None = None
    """Of mails; left out, it is the one that `Accept-Language` prefers."""

    lacking: ClassVar[type[InvalidInput]] = CredentialsMissing
    described: ClassVar[dict[str, Any]] = {
        "properties": {"email": _EMAIL, "password": _NEW_PASSWORD}
    }
    example: ClassVar[dict[str, Any]] = {**_EXAMPLE, "name": "Ana Lectora"}


class Credentials(Strict, frozen=True, kw_only=True):
    email: EmailText
    password: PasswordText

    lacking: ClassVar[type[InvalidInput]] = CredentialsMissing
    example: ClassVar[dict[str, Any]] = _EXAMPLE


class RefreshRequest(Strict, frozen=True, kw_only=True):
    refresh_token: Annotated[str, Meta(min_length=1, max_length=512)]

    example: ClassVar[dict[str, Any]] = {"refresh_token": "the refresh_token of your login"}


class TokenToValidate(Strict, frozen=True, kw_only=True):
    token: Annotated[str, Meta(min_length=1)]

    lacking: ClassVar[type[InvalidInput]] = TokenNeeded
    example: ClassVar[dict[str, Any]] = {"token": "the token of your login"}


class TokenToEnd(Strict, frozen=True, kw_only=True):
    token: str | None = None

    example: ClassVar[dict[str, Any]] = {}


class ProfileChange(Strict, frozen=True, kw_only=True):
    """What is left out stays as it is."""

    name: Name | UnsetType | None = UNSET
    email: EmailText | UnsetType = UNSET
    language: Language | UnsetType = UNSET
    """Of mails."""
    current_password: PasswordText | UnsetType = UNSET
    """Required for another email address."""

    described: ClassVar[dict[str, Any]] = {
        "properties": {"email": _EMAIL},
        "dependentRequired": {"email": ["current_password"]},
    }
    example: ClassVar[dict[str, Any]] = {"name": "Ana María Lectora"}


class AccountClosing(Strict, frozen=True, kw_only=True):
    current_password: PasswordText

    lacking: ClassVar[type[InvalidInput]] = PasswordNeeded
    example: ClassVar[dict[str, Any]] = {"current_password": _EXAMPLE["password"]}


class PasswordChange(Strict, frozen=True, kw_only=True):
    current_password: PasswordText
    new_password: Annotated[
        str, Meta(min_length=1, max_length=1024, description="8 to 128 characters")
    ]

    described: ClassVar[dict[str, Any]] = {"properties": {"new_password": _NEW_PASSWORD}}
    example: ClassVar[dict[str, Any]] = {
        "current_password": _EXAMPLE["password"],
        "new_password": "otra-frase-larga",
    }


class ForgottenPassword(Strict, frozen=True, kw_only=True):
    email: EmailText
    language: Language | None = None
    """Of the mail; left out, it is the one that `Accept-Language` prefers."""

    described: ClassVar[dict[str, Any]] = {"properties": {"email": _EMAIL}}
    example: ClassVar[dict[str, Any]] = {"email": _EXAMPLE["email"], "language": "es"}


class PasswordReset(Strict, frozen=True, kw_only=True):
    token: Annotated[str, Meta(min_length=1, max_length=512)]
    """The `token` of the link."""
    password: Annotated[str, Meta(min_length=1, max_length=1024, description="8 to 128 characters")]

    described: ClassVar[dict[str, Any]] = {"properties": {"password": _NEW_PASSWORD}}
    example: ClassVar[dict[str, Any]] = {
        "token": "the token of the link in the mail",
        "password": "otra-frase-larga",
    }


class UserChange(Strict, frozen=True, kw_only=True):
    """What is left out stays as it is."""

    roles: Annotated[list[Role], Meta(min_length=1, max_length=len(Role))] | UnsetType = UNSET
    disabled: bool | UnsetType = UNSET

    example: ClassVar[dict[str, Any]] = {"roles": ["customer", "staff"]}


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    message: str
    id: int


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """RFC 6749, section 5.1; `token` is the original's name for the access token."""

    token: str
    access_token: str
    token_type: str
    expires_in: int
    """Lifetime of the access token in seconds."""
    refresh_token: str


class LoggedIn(Tokens, frozen=True, kw_only=True):
    message: str


class Done(msgspec.Struct, frozen=True, kw_only=True):
    message: str


class ResetLink(msgspec.Struct, frozen=True, kw_only=True):
    """What a mail to the owner of an account needs. The link is stored nowhere."""

    user_id: int
    email: str
    name: str | None
    language: Language
    link: str
    expires_at: datetime


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """Where and how a mail reaches the owner of an account."""

    user_id: int
    email: str
    name: str | None
    language: Language


class TokenUser(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    email: str
    roles: list[Role]


class Validated(msgspec.Struct, frozen=True, kw_only=True):
    valid: bool
    user: TokenUser


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    email: str
    name: str | None
    roles: list[Role]
    language: Language
    """Of mails."""
    created_at: datetime


class UserDetails(Profile, frozen=True, kw_only=True):
    disabled: bool


class JWK(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A public Ed25519 key (RFC 8037)."""

    kty: str
    crv: str
    x: str
    kid: str
    use: str
    alg: str
    exp: int | UnsetType = UNSET
    """Of a retired key: when it stops verifying, in seconds since 1970."""


class KeySet(msgspec.Struct, frozen=True):
    """A JWK Set (RFC 7517, section 5)."""

    keys: list[JWK]


class KeyState(StrEnum):
    ACTIVE = "active"
    """It signs."""
    RETIRED = "retired"
    """It verifies the tokens that it has signed, until `not_after`."""
    EXPIRED = "expired"
    """It verifies nothing any more."""


class SigningKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key that signs access tokens, or did; never its private part."""

    kid: str
    state: KeyState
    created_at: datetime
    retired_at: datetime | None
    not_after: datetime | None


class KeyRotated(msgspec.Struct, frozen=True):
    kid: str
