"""The variables that the storefront reads besides those of every app (`kit/base/settings.py`)."""

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta

from functions.kit.base.settings import (
    AppSettings,
    Secret,
    Url,
    internal_secret_problems,
    split_secret,
)
from functions.kit.base.urls import http_problem

MIN_SESSION_KEY = 32
"""Characters of a session key."""


class StorefrontSettings(AppSettings, frozen=True, kw_only=True):
    auth_url: Url = "http://127.0.0.1:5000"
    """Where auth's public API is."""

    catalog_url: Url = "http://127.0.0.1:5001"
    """Where catalog's public API is."""

    purchase_url: Url = "http://127.0.0.1:5002"
    """Where purchase's public API is."""

    auth_internal_url: Url = "http://127.0.0.1:5000"
    """Where auth's internal API is, which the pages for administrators ask."""

    catalog_internal_url: Url = "http://127.0.0.1:5001"
    """Where catalog's internal API is."""

    purchase_internal_url: Url = "http://127.0.0.1:5002"
    """Where purchase's internal API is."""

    notifications_internal_url: Url = "http://127.0.0.1:5003"
    """Where notifications' internal API is."""

    runbooks_url: str = ""
    """Where the folder `docs/runbooks` can be read, such as
    `https://git.example/bookstore/blob/main/docs/runbooks`; the operations page links to it. Empty:
    it names the file in the repository."""

    notifications_url: Url = "http://127.0.0.1:5003"
    """Where notifications' public API is."""

    mailbox_url: str = ""
    """Where the mailbox of a shop on one machine is, whose mails `/dev/mail` shows to everybody.
    For development only; empty: that page does not exist."""

    session_keys: Secret = Secret("")
    """Seals the session's cookies; at least 32 random characters. During a rotation two keys with
    a comma between them: the first seals, both open. Empty, in development only: a key that lasts
    as long as the process."""

    internal_secret: Secret = Secret("")
    """The secret that all services share, at least 32 characters. It signs the visitor's address
    for auth, which limits password tries by it. During a rotation: two, separated by a comma.
    Empty: all visitors share the limits of one address."""

    secure_cookies: bool | None = None
    """Whether the session's cookies are sent over https only, with the prefix `__Host-`; unset: in
    production. `false` in production is for a cluster without TLS, and logs a warning."""

    service_timeout_seconds: Annotated[float, Meta(gt=0, le=60)] = 10.0
    """How long a page waits for one answer of another service, its cold start included."""

    page_timeout_seconds: Annotated[float, Meta(gt=0, le=120)] = 20.0
    """How long a page waits for all answers that it needs."""

    def problems(self) -> Iterator[str]:
        yield from super().problems()
        yield from internal_secret_problems(self.internal_secret)
        if self.runbooks_url and (problem := http_problem(self.runbooks_url)) is not None:
            yield f"RUNBOOKS_URL: {problem}"
        if self.mailbox_url:
            if self.production:
                yield "MAILBOX_URL: production refuses it, since everybody could read the mails"
            elif (problem := http_problem(self.mailbox_url, base=True)) is not None:
                yield f"MAILBOX_URL: {problem}"
        keys = self.keys
        if any(len(key) < MIN_SESSION_KEY for key in keys):
            yield f"SESSION_KEYS: each needs at least {MIN_SESSION_KEY} random characters"
        if self.production and not keys:
            yield "SESSION_KEYS: production needs one; without it a restart signs everybody out"

    @property
    def keys(self) -> list[str]:
        """The session keys; the first one seals."""
        return split_secret(self.session_keys)

    @property
    def cookie_is_secure(self) -> bool:
        return self.production if self.secure_cookies is None else self.secure_cookies
