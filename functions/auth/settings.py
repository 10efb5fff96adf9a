"""The variables that auth reads besides those of every service (`kit/base/settings.py`)."""

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta

from functions.auth.domain import (
    ADDRESSES_OF_NETWORK,
    MIN_ADMIN_PASSWORD,
    MIN_PASSWORD,
    Email,
    TryLimit,
    check_password,
    email_key,
    has_email_shape,
)
from functions.auth.errors import PasswordRefused
from functions.auth.passwords import common_passwords
from functions.kit.base.settings import Secret, ServiceSettings
from functions.kit.base.urls import http_problem

MIN_SECRET = 32

LOCAL_STOREFRONT = "http://127.0.0.1:8000"
"""Where `nox -s dev` serves the storefront by default."""


class AuthSettings(ServiceSettings, frozen=True, kw_only=True):
    """A field's name in upper case is the name of its variable."""

    key_encryption_secret: Secret = Secret("")
    """Seals the private signing keys in the database; at least 32 characters. Empty, in
    development only: they lie there unsealed."""

    first_admin_email: str = ""
    """Email of the admin that is made when there is none yet; empty: none is made."""

    first_admin_password: Secret = Secret("")
    """Password of that admin; in production at least 12 characters."""

    access_token_seconds: Annotated[int, Meta(ge=60, le=3600)] = 900
    """How long an access token lives."""

    refresh_token_days: Annotated[int, Meta(ge=1, le=365)] = 30
    """How long a refresh token lives."""

    login_tries: Annotated[int, Meta(ge=1, le=1000)] = 10
    """Tries of a password per account and address in one window."""

    login_tries_per_address: Annotated[int, Meta(ge=1, le=1000)] = 100
    """Failed tries per address, whichever accounts, in one window."""

    login_tries_per_account: Annotated[int, Meta(ge=1, le=10_000)] = 50
    """Failed tries per account in one window from all addresses together, those that it has logged
    in from in the last 30 days aside: its owner goes on there."""

    login_window_seconds: Annotated[int, Meta(ge=1, le=86400)] = 900
    """The sliding window in which password tries are counted."""

    registrations_per_address: Annotated[int, Meta(ge=0, le=1000)] = 20
    """New accounts per address in one window; 0: as many as come, which `nox -s dev` sets."""

    registration_window_seconds: Annotated[int, Meta(ge=1, le=86400)] = 3600
    """The sliding window in which registrations are counted."""

    password_resets_per_account: Annotated[int, Meta(ge=1, le=1000)] = 5
    """Requests to reset a forgotten password per email address in one window."""

    password_resets_per_address: Annotated[int, Meta(ge=1, le=10_000)] = 20
    """Requests to reset a forgotten password per client address in one window."""

    password_reset_window_seconds: Annotated[int, Meta(ge=1, le=86400)] = 3600
    """The sliding window in which requests to reset a password are counted."""

    storefront_url: str = ""
    """Public address of the storefront, which the links in mails begin with; in production https.
    Empty: `http://127.0.0.1:8000` in development; in production no forgotten password can be
    reset."""

    hashing_concurrency: Annotated[int, Meta(ge=1, le=64)] = 2
    """Passwords that are hashed at once; each takes 19 MiB and a core."""

    @property
    def login_limit(self) -> TryLimit:
        return TryLimit(self.login_tries, self.login_window_seconds)

    @property
    def address_limit(self) -> TryLimit:
        return TryLimit(self.login_tries_per_address, self.login_window_seconds)

    @property
    def account_limit(self) -> TryLimit:
        return TryLimit(self.login_tries_per_account, self.login_window_seconds)

    @property
    def network_limit(self) -> TryLimit:
        return self.address_limit._replace(
            tries=self.login_tries_per_address * ADDRESSES_OF_NETWORK
        )

    @property
    def registrations_per_network(self) -> TryLimit:
        return self.registration_limit._replace(
            tries=self.registrations_per_address * ADDRESSES_OF_NETWORK
        )

    @property
    def registration_limit(self) -> TryLimit:
        return TryLimit(self.registrations_per_address, self.registration_window_seconds)

    @property
    def resets_per_account(self) -> TryLimit:
        return TryLimit(self.password_resets_per_account, self.password_reset_window_seconds)

    @property
    def resets_per_address(self) -> TryLimit:
        return TryLimit(self.password_resets_per_address, self.password_reset_window_seconds)

    @property
    def resets_per_network(self) -> TryLimit:
        limit = self.resets_per_address
        return limit._replace(tries=limit.tries * ADDRESSES_OF_NETWORK)

    @property
    def link_base(self) -> str | None:
        """What the links in mails begin with; None where no link can be made."""
        return self.storefront_url or (LOCAL_STOREFRONT if self.development else None)

    @property
    def minimum_admin_password(self) -> int:
        """Minimum length in characters."""
        return MIN_ADMIN_PASSWORD if self.production else MIN_PASSWORD

    def problems(self) -> Iterator[str]:
        yield from super().problems()
        secret = len(self.key_encryption_secret.reveal())
        if secret < MIN_SECRET and (self.production or secret):
            yield f"KEY_ENCRYPTION_SECRET: needs at least {MIN_SECRET} random characters"
        if self.storefront_url:
            problem = http_problem(self.storefront_url, base=True)
            if problem is None and self.production and not self.storefront_url.startswith("https:"):
                problem = "must begin with https:// in production, since the links reset passwords"
            if problem is not None:
                yield f"STOREFRONT_URL: {problem}"
        yield from self._first_admin_problems()

    def _first_admin_problems(self) -> Iterator[str]:
        if not self.first_admin_email and not self.first_admin_password:
            return
        if not self.first_admin_email or not self.first_admin_password:
            yield "FIRST_ADMIN_EMAIL, FIRST_ADMIN_PASSWORD: set both or neither"
            return
        if not has_email_shape(self.first_admin_email):
            yield "FIRST_ADMIN_EMAIL: is not an email address"
            return
        address = self.first_admin_email.strip()
        try:
            check_password(
                self.first_admin_password.reveal(),
                Email(address, email_key(address)),
                common_passwords(),
                minimum=self.minimum_admin_password,
            )
        except PasswordRefused as error:
            yield f"FIRST_ADMIN_PASSWORD: {error.errors[0].message}"
