"""What proves that a request to the internal API comes from a service of this shop.

The internal API is reachable inside the cluster only, and nothing else guards it by default: an
event is then no more than a hint, and what it says is read from its owner (`internal_door.py`).
With `INTERNAL_SECRET`, the same for all services, two things change:

- Each event carries a signature in the extension attribute `signature`. Brokers pass attributes
  on as they are, so it needs nothing of the platform. A signed event takes effect as it comes; the
  owner need not be asked, nor be awake.
- Feeds and snapshots are answered only to whoever shows a token that is made from the secret.

Source: RFC 2104 for the HMAC. A signed event that is sent again changes nothing: the inbox has it.
"""

import hashlib
import hmac
from collections.abc import Mapping

import msgspec

from functions.kit.base.settings import Secret
from functions.kit.events.cloudevents import Event

_FEEDS = b"bookstore/feeds"
_EVENTS = b"bookstore/events\x00"


class InternalSecret:
    """`INTERNAL_SECRET`: one secret, or several with commas between them.

    The first one signs, all are accepted, so that a new one is brought in without a pause: add it
    at the end everywhere, then put it first, then leave the old one out.
    """

    def __init__(self, secret: Secret) -> None:
        self._keys = [part.strip().encode() for part in secret.reveal().split(",") if part.strip()]

    def __bool__(self) -> bool:
        return bool(self._keys)

    def sign(self, event: Event) -> Event:
        """The event with its signature; as it was where there is no secret."""
        if not self._keys:
            return event
        return msgspec.structs.replace(event, signature=_signature(self._keys[0], event))

    def is_genuine(self, event: Event) -> bool:
        """Whether a service that knows the secret has made this event, as it stands."""
        given = (event.signature or "").encode()
        return any(
            hmac.compare_digest(_signature(key, event).encode(), given) for key in self._keys
        )

    @property
    def headers(self) -> dict[str, str]:
        """What opens another service's feeds. The secret itself is never sent."""
        return {"authorization": f"Bearer {_feed_token(self._keys[0])}"} if self._keys else {}

    def admits(self, headers: Mapping[str, str]) -> bool:
        """Whether a request may read feeds and snapshots; anybody, where there is no secret."""
        given = headers.get("authorization", "").encode()
        return not self._keys or any(
            hmac.compare_digest(f"Bearer {_feed_token(key)}".encode(), given) for key in self._keys
        )


def _signature(key: bytes, event: Event) -> str:
    # As JSON, so that no two events have one text. `time` and others are left out: a broker may
    # write them in another form, and nothing is decided by them.
    signed = (event.id, event.source, event.type, event.subject, event.sequence, event.revision)
    text = _EVENTS + msgspec.json.encode(signed) + b"\x00" + event.data
    return hmac.new(key, text, hashlib.sha256).hexdigest()


def _feed_token(key: bytes) -> str:
    return hmac.new(key, _FEEDS, hashlib.sha256).hexdigest()
