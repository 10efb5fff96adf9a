"""auth: accounts and tokens."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from functions.storefront.clients.service import Caller, ServiceAway, ServiceClient

REFRESH_LIMIT = 4.0
"""Seconds of each of two tries: both are over before the 30 seconds in which auth gives the tokens
of a used refresh token again."""


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    access_token: str
    refresh_token: str
    expires_in: int
    """Seconds."""


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    email: str
    name: str | None = None
    roles: list[str] = []
    language: str = "es"
    """Of mails."""


class Account(Profile, frozen=True, kw_only=True):
    """An account as an administrator sees it."""

    disabled: bool
    created_at: datetime


class SigningKey(msgspec.Struct, frozen=True, kw_only=True):
    kid: str
    state: str
    created_at: datetime
    retired_at: datetime | None = None
    not_after: datetime | None = None


class AuthClient:
    def __init__(self, service: ServiceClient) -> None:
        self._service = service

    async def register(self, caller: Caller, *, email: str, password: str, name: str) -> None:
        """Raises `Refused`: 400 with its fields, 409 for a taken address, 429."""
        body = {"email": email, "password": password, "language": caller.language}
        if name:
            body["name"] = name
        await self._service.request("POST", "/register", caller=caller, body=body)

    async def log_in(self, caller: Caller, *, email: str, password: str) -> Tokens:
        """Raises `Refused`: 400, 401, 429."""
        body = {"email": email, "password": password}
        answer = await self._service.request(
            "POST", "/login", caller=caller, body=body, repeatable=True
        )
        return answer.read(Tokens)

    async def refresh(self, caller: Caller, refresh_token: str) -> Tokens:
        """Raises `Refused` with 401 where the session has ended.

        An answer that was lost on the way is asked for again at once, while auth still gives it.
        """
        body = {"refresh_token": refresh_token}
        for last in (False, True):
            try:
                answer = await self._service.request(
                    *("POST", "/refresh"),
                    caller=caller,
                    body=body,
                    repeatable=True,
                    limit=REFRESH_LIMIT,
                )
                return answer.read(Tokens)
            except ServiceAway:
                if last:
                    raise
        raise AssertionError

    async def forgot_password(self, caller: Caller, *, email: str) -> None:
        """Ask for a link in the caller's language. Raises `Refused`: 400, 429."""
        body = {"email": email, "language": caller.language}
        await self._service.request("POST", "/password/forgot", caller=caller, body=body)

    async def reset_password(self, caller: Caller, *, token: str, password: str) -> None:
        """Raises `Refused`: 400 for the token or the password, 429."""
        body = {"token": token, "password": password}
        await self._service.request("POST", "/password/reset", caller=caller, body=body)

    async def profile(self, caller: Caller) -> Profile:
        answer = await self._service.request("GET", "/me", caller=caller)
        return answer.read(Profile)

    async def log_out(self, caller: Caller) -> None:
        """Revoke the session; the caller's token names it. Twice is as good as once."""
        body = {"token": caller.token}
        await self._service.request("POST", "/logout", caller=caller, body=body, repeatable=True)

    async def change_profile(self, caller: Caller, changes: dict[str, str]) -> Profile:
        answer = await self._service.request("PATCH", "/me", caller=caller, body=changes)
        return answer.read(Profile)

    async def change_password(self, caller: Caller, *, current: str, new: str) -> Tokens:
        body = {"current_password": current, "new_password": new}
        answer = await self._service.request("POST", "/me/password", caller=caller, body=body)
        return answer.read(Tokens)

    async def close_account(self, caller: Caller, *, password: str) -> None:
        body = {"current_password": password}
        await self._service.request("DELETE", "/me", caller=caller, body=body)

    # For administrators.

    async def users(
        self, caller: Caller, filters: Mapping[str, Any]
    ) -> tuple[list[Account], str | None]:
        """A page of accounts, oldest first, and the cursor of the next."""
        answer = await self._service.request("GET", "/users", caller=caller, params=filters)
        return answer.read(list[Account]), answer.next_cursor

    async def user(self, caller: Caller, user_id: int) -> Account:
        """Raises `Refused` with 404."""
        answer = await self._service.request("GET", f"/users/{user_id}", caller=caller)
        return answer.read(Account)

    async def change_user(
        self, caller: Caller, user_id: int, changes: Mapping[str, Any]
    ) -> Account:
        """Raises `Refused`: 400, 404, 409 for the last administrator."""
        answer = await self._service.request(
            "PATCH", f"/users/{user_id}", caller=caller, body=changes, repeatable=True
        )
        return answer.read(Account)

    async def keys(self, caller: Caller) -> list[SigningKey]:
        answer = await self._service.request("GET", "/admin/keys", caller=caller)
        return answer.read(list[SigningKey])

    async def rotate_key(self, caller: Caller, replaces: str) -> None:
        """Replace a key, once. Raises `Refused`: 400, or 409 for a key that does not sign."""
        await self._service.request(
            "POST",
            "/admin/keys/rotate",
            caller=caller,
            params={"replaces": replaces},
            repeatable=True,
        )
