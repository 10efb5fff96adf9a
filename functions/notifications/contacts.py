"""Asks auth's internal API for what a mail needs and no event has: address, language, link."""

from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec

from functions.kit.base.tracing import pass_on
from functions.kit.events.internal_secret import CONTACTS, RESET_LINKS, InternalSecret
from functions.notifications.domain import Recipient, name_to_greet

if TYPE_CHECKING:
    import httpx

SECONDS = 20.0
"""Of one answer, auth's cold start included."""


class AuthAway(Exception):
    """auth gives no answer at the moment; the text says why."""


class _Contact(msgspec.Struct, frozen=True):
    email: str
    language: str
    name: str | None = None
    link: str = ""


class Contacts:
    """A client of auth's internal API."""

    def __init__(self, url: str, http: "httpx.AsyncClient", secret: InternalSecret) -> None:
        self._url = url
        self._http = http
        self._secret = secret

    async def recipient(self, user_id: int) -> Recipient | None:
        """The owner of an account; None where it was closed. Raises `AuthAway`."""
        found = await self._ask("GET", f"/internal/users/{user_id}/contact", CONTACTS)
        return None if found is None else _recipient(found)

    async def reset_link(self, reset_id: int) -> tuple[Recipient, str] | None:
        """The owner of a request to reset a password, and a new link.

        None where the request was used, replaced or has expired. Raises `AuthAway`.
        """
        found = await self._ask("POST", f"/internal/password-resets/{reset_id}/link", RESET_LINKS)
        return None if found is None else (_recipient(found), found.link)

    async def _ask(self, method: str, path: str, purpose: bytes) -> _Contact | None:
        import httpx  # noqa: PLC0415 - a tenth of a second, with the first mail

        headers = self._secret.headers_for(purpose)
        pass_on(headers)
        try:
            answer = await self._http.request(
                method, self._url + path, headers=headers, timeout=SECONDS
            )
        except httpx.HTTPError as error:
            raise AuthAway(f"auth cannot be reached: {type(error).__name__}") from error
        # Only auth's own refusal has a code; that of a gateway says nothing about the account.
        gone = (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)
        if answer.status_code in gone and "code" in _members(answer.content):
            return None
        if answer.status_code == HTTPStatus.UNAUTHORIZED:
            raise AuthAway("auth refuses the request: its INTERNAL_SECRET is another one")
        if answer.status_code != HTTPStatus.OK:
            raise AuthAway(f"auth answers {answer.status_code}")
        try:
            return msgspec.json.decode(answer.content, type=_Contact)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise AuthAway("auth's answer cannot be read") from error


def _members(body: bytes) -> dict[str, object]:
    try:
        return msgspec.json.decode(body, type=dict[str, object])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}


def _recipient(found: _Contact) -> Recipient:
    language = "en" if found.language == "en" else "es"
    return Recipient(found.email, name_to_greet(found.name), language)
