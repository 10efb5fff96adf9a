"""Authenticates requests between services: signatures of events, and tokens for the feeds.

The internal API is reachable only inside the cluster, and by default it has no other protection:
an unsigned event is confirmed with its owner before it takes effect (`receiver.py`).
With `INTERNAL_SECRET`, which all services share:

- Each event carries a signature in the extension attribute `signature`, which brokers pass on
  unchanged. A signed event takes effect without a request to its owner.
- Feeds and snapshots require a token that is derived from the secret. Other calls between services
  require another token each, so that a token which is seen by mistake opens one of them only.

The signature is an HMAC (RFC 2104). A replayed event has no effect, because the inbox contains it.
"""

import hashlib
import hmac
from collections.abc import Mapping

import msgspec

from functions.kit.base.settings import Secret, split_secret
from functions.kit.events.cloudevents import Event

FEEDS = b"bookstore/feeds"
RESET_LINKS = b"bookstore/password-reset-links"
CONTACTS = b"bookstore/contacts"
"""What a token is for."""

_EVENTS = b"bookstore/events\x00"


class InternalSecret:
    """`INTERNAL_SECRET`: one secret, or several separated by commas.

    The first one signs; all are accepted. To rotate without interruption: append the new secret in
    every service, then put it first, then remove the old one.
    """

    def __init__(self, secret: Secret) -> None:
        self._keys = [each.encode() for each in split_secret(secret)]

    def __bool__(self) -> bool:
        return bool(self._keys)

    def sign(self, event: Event) -> Event:
        """The event with its signature; unchanged if there is no secret."""
        if not self._keys:
            return event
        return msgspec.structs.replace(event, signature=_signature(self._keys[0], event))

    def is_genuine(self, event: Event) -> bool:
        """Whether the event's signature is valid."""
        given = (event.signature or "").encode()
        return any(
            hmac.compare_digest(_signature(key, event).encode(), given) for key in self._keys
        )

    @property
    def headers(self) -> dict[str, str]:
        """The headers that authorize a read of another service's feeds."""
        return self.headers_for(FEEDS)

    def headers_for(self, purpose: bytes) -> dict[str, str]:
        """The headers that authorize a call. They contain a token, not the secret."""
        return {"authorization": f"Bearer {_token(self._keys[0], purpose)}"} if self._keys else {}

    def authorizes(self, headers: Mapping[str, str], purpose: bytes = FEEDS) -> bool:
        """Whether a request carries the token of a purpose. Without a secret every request passes;
        a caller for whom that is too weak checks that there is one.
        """
        given = headers.get("authorization", "").encode()
        return not self._keys or any(
            hmac.compare_digest(f"Bearer {_token(key, purpose)}".encode(), given)
            for key in self._keys
        )


def _signature(key: bytes, event: Event) -> str:
    # JSON, so that different events have different texts. `time` and the others are not signed: a
    # broker may reformat them, and no decision depends on them.
    signed = (event.id, event.source, event.type, event.subject, event.sequence, event.revision)
    text = _EVENTS + msgspec.json.encode(signed) + b"\x00" + event.data
    return hmac.new(key, text, hashlib.sha256).hexdigest()


def _token(key: bytes, purpose: bytes) -> str:
    return hmac.new(key, purpose, hashlib.sha256).hexdigest()
