"""Access tokens that are fresh: each is renewed a moment before it expires, once per process.

Two tabs, or a page that needs three answers, may find the same token expired. auth gives the
successor of a refresh token again for ten seconds; within a process one request serves all.
"""

import asyncio

from functions.kit.base.clock import Clock
from functions.storefront.clients.auth import AuthClient, Tokens
from functions.storefront.clients.service import Caller, Refused
from functions.storefront.sessions import SignedIn

MARGIN = 10.0
"""Seconds before its end at which a token is renewed."""


class SessionEnded(Exception):
    """auth gives no new token: the session was revoked, or has expired."""


class TokenKeeper:
    def __init__(self, auth: AuthClient, clock: Clock) -> None:
        self._auth = auth
        self._clock = clock
        self._renewing: dict[str, asyncio.Task[Tokens]] = {}

    def is_fresh(self, signed_in: SignedIn) -> bool:
        return self._clock().timestamp() + MARGIN < signed_in.expires_at

    async def renew(self, signed_in: SignedIn, caller: Caller) -> SignedIn:
        """The same session with new tokens.

        Raises `SessionEnded`, or `ServiceAway` where auth cannot be reached.
        """
        token = signed_in.refresh_token
        renewing = self._renewing.get(token)
        if renewing is None:
            renewing = self._renewing[token] = asyncio.create_task(
                self._auth.refresh(caller, token)
            )
            renewing.add_done_callback(lambda _: self._renewing.pop(token, None))
        try:
            # Shielded: a visitor who goes away must not end the request that others wait for.
            tokens = await asyncio.shield(renewing)
        except Refused as refusal:
            if refusal.status in {400, 401}:
                raise SessionEnded from refusal
            raise
        return self.signed_in(
            tokens,
            user_id=signed_in.user_id,
            email=signed_in.email,
            name=signed_in.name,
            roles=signed_in.roles,
        )

    def signed_in(
        self, tokens: Tokens, *, user_id: int, email: str, name: str, roles: list[str]
    ) -> SignedIn:
        return SignedIn(
            user_id=user_id,
            email=email,
            name=name,
            roles=roles,
            access_token=tokens.access_token,
            expires_at=self._clock().timestamp() + tokens.expires_in,
            refresh_token=tokens.refresh_token,
        )
