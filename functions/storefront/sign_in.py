"""Access tokens that are fresh, and renewed so that nobody is signed out by it.

auth gives the successor of a used refresh token again for thirty seconds, longer than a page may
take, and takes a later use for theft. Three things could use one later although nobody stole it,
and each has its answer here:

- Two tabs, or a page that needs three answers, find the same token expired: within a process one
  request serves all.
- The answer of one tab overtakes that of another, so that the cookie has the older token again:
  the process remembers successors for as long as their access token lives.
- auth is away when a token expires: it is renewed while a third of its life is left, and until it
  expires a failure of that is no failure of the page.
"""

import asyncio
import base64
import logging

import msgspec

from functions.kit.base.clock import Clock
from functions.storefront.clients.auth import AuthClient, Tokens
from functions.storefront.clients.service import Caller, Refused, ServiceAway
from functions.storefront.sessions import SignedIn

logger = logging.getLogger(__name__)

MARGIN = 10.0
"""Seconds before its end from which on a token is not used any more."""
PART_USED = 2 / 3
"""Of a token's life, after which it is renewed where auth answers."""
REST = 30.0
"""Seconds after auth failed in which only tokens that have expired are renewed."""
REMEMBERED = 1000
"""Successors."""


class _Claims(msgspec.Struct):
    roles: list[str]


def roles_in(access_token: str) -> list[str] | None:
    """The roles that an access token gives; None where it is not a token of this shop.

    Its signature is not verified: auth has just given it. The services verify it.
    """
    payload = access_token.split(".")[1:2]
    try:
        content = base64.b64decode(
            payload[0] + "=" * (-len(payload[0]) % 4), altchars=b"-_", validate=True
        )
        return msgspec.json.decode(content, type=_Claims).roles
    except (IndexError, ValueError, msgspec.MsgspecError):
        return None


class SessionEnded(Exception):
    """auth gives no new token: the session was revoked, or has expired."""


class TokenKeeper:
    def __init__(self, auth: AuthClient, clock: Clock) -> None:
        self._auth = auth
        self._clock = clock
        self._renewing: dict[str, asyncio.Task[SignedIn]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._successors: dict[str, SignedIn] = {}
        self._rest_until = 0.0

    async def fresh(self, signed_in: SignedIn, caller: Caller, *, early: bool = True) -> SignedIn:
        """The same session, with new tokens where it is time: `early` before they expire.

        Raises `SessionEnded`, or `ServiceAway` where auth cannot be reached and the token has
        expired.
        """
        now = self._now
        if now + MARGIN >= signed_in.expires_at:
            return await self.renewed(signed_in, caller)
        if not early or now < signed_in.renew_at or now < self._rest_until:
            return signed_in
        try:
            return await self.renewed(signed_in, caller)
        except ServiceAway:
            self._rest_until = self._now + REST
            return signed_in

    async def renewed(self, signed_in: SignedIn, caller: Caller) -> SignedIn:
        """The same session with other tokens than these. Raises as `fresh` does."""
        latest = self._latest(signed_in)
        if latest.access_token != signed_in.access_token:
            return _of(signed_in, latest)
        token = signed_in.refresh_token
        renewing = self._renewing.get(token)
        if renewing is None:
            renewing = self._renewing[token] = asyncio.create_task(self._renew(signed_in, caller))
            renewing.add_done_callback(lambda task: self._done(token, task))
        # Shielded: a visitor who goes away must not end the request that others wait for.
        return _of(signed_in, await asyncio.shield(renewing))

    async def _renew(self, signed_in: SignedIn, caller: Caller) -> SignedIn:
        # The request serves others too: it ends by its own limit, not by one page's deadline.
        caller = msgspec.structs.replace(caller, deadline=None)
        try:
            tokens = await self._auth.refresh(caller, signed_in.refresh_token)
        except Refused as refusal:
            if refusal.status in {400, 401}:
                raise SessionEnded from refusal
            raise
        renewed = self.with_tokens(signed_in, tokens)
        self._successors[signed_in.refresh_token] = renewed
        while len(self._successors) > REMEMBERED:
            del self._successors[next(iter(self._successors))]
        return renewed

    def end(self, former: SignedIn, caller: Caller) -> None:
        """Revoke a session that another sign-in of its browser has replaced.

        Nobody waits for it, so a slow auth delays no sign-in. Where auth is away the session
        expires by itself.
        """
        ending = asyncio.create_task(self._end(former, caller))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    async def _end(self, former: SignedIn, caller: Caller) -> None:
        # Any token of a session ends it at auth, also one that has expired or has a successor.
        caller = msgspec.structs.replace(caller, token=former.access_token, deadline=None)
        try:
            await self._auth.log_out(caller)
        except (Refused, ServiceAway) as problem:
            logger.warning("a replaced session was not ended at auth: %s", problem)

    async def finish(self) -> None:
        """Wait for the sessions that are being ended; each has the time of one request."""
        await asyncio.gather(*self._ending)

    def _done(self, token: str, task: asyncio.Task[SignedIn]) -> None:
        self._renewing.pop(token, None)
        if not task.cancelled():
            task.exception()  # where all who waited have gone away, nobody else asks for it

    def _latest(self, signed_in: SignedIn) -> SignedIn:
        """The last successor that is known, while its access token lives."""
        latest = signed_in
        while (found := self._successors.get(latest.refresh_token)) is not None:
            if self._now + MARGIN >= found.expires_at:
                break
            latest = found
        return latest

    def with_tokens(self, signed_in: SignedIn, tokens: Tokens) -> SignedIn:
        """The same session with other tokens, and with the roles that these give."""
        roles = roles_in(tokens.access_token)
        return self.signed_in(
            tokens,
            user_id=signed_in.user_id,
            email=signed_in.email,
            name=signed_in.name,
            roles=signed_in.roles if roles is None else roles,
        )

    def signed_in(
        self, tokens: Tokens, *, user_id: int, email: str, name: str, roles: list[str]
    ) -> SignedIn:
        now = self._now
        return SignedIn(
            user_id=user_id,
            email=email,
            name=name,
            roles=roles,
            access_token=tokens.access_token,
            expires_at=now + tokens.expires_in,
            refresh_token=tokens.refresh_token,
            renew_at=now + tokens.expires_in * PART_USED,
        )

    @property
    def _now(self) -> float:
        return self._clock().timestamp()


def _of(signed_in: SignedIn, tokens: SignedIn) -> SignedIn:
    """One tab's session with the tokens and roles of another; a name that was changed stays."""
    return msgspec.structs.replace(
        signed_in,
        roles=tokens.roles,
        access_token=tokens.access_token,
        expires_at=tokens.expires_at,
        refresh_token=tokens.refresh_token,
        renew_at=tokens.renew_at,
    )
