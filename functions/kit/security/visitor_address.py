"""The address of a storefront's visitor, handed to a service with a signature.

auth limits password tries by address. The storefront calls it for every visitor, from its own
address, so it sends the visitor's in the header `Visitor-Address`:

    Visitor-Address: 198.51.100.7;1789000000;9f86d081...

That is the address, the time in seconds since 1970, and an HMAC-SHA256 (RFC 2104) over both and
the service, method and path of the request. The key is derived from `INTERNAL_SECRET`. A header
that is forged, older than `VALIDITY` or of another request is ignored, so it changes nothing.
"""

import hashlib
import hmac

import msgspec

from functions.kit.base.addresses import canonical_address
from functions.kit.base.clock import Clock
from functions.kit.base.settings import Secret, split_secret

HEADER = "visitor-address"

VALIDITY = 60
"""Seconds by which the clock of the reader may differ from the signed time, in both directions. A
request may wait for a start from zero."""

_PURPOSE = b"bookstore/visitor-address"
_MAX_LENGTH = 200
"""Characters of a header that are looked at."""


class VisitorAddress:
    """Signs addresses, and verifies signed ones.

    `INTERNAL_SECRET` may hold several secrets, separated by commas: the first one signs, all are
    accepted.
    """

    def __init__(self, secret: Secret, clock: Clock) -> None:
        self._keys = [
            hmac.new(each.encode(), _PURPOSE, hashlib.sha256).digest()
            for each in split_secret(secret)
        ]
        self._clock = clock

    def __bool__(self) -> bool:
        return bool(self._keys)

    def headers(self, service: str, method: str, path: str, address: str | None) -> dict[str, str]:
        """The header for one request; none without a secret or an IP address."""
        known = canonical_address(address) if address is not None else None
        if not self._keys or known is None:
            return {}
        at = str(int(self._clock().timestamp()))
        signature = _signature(self._keys[0], service, method, path, known, at)
        return {HEADER: f"{known};{at};{signature}"}

    def verified(self, service: str, method: str, path: str, header: str) -> str | None:
        """The address that a header proves for this request; None where it proves none."""
        parts = header.split(";")
        if len(header) > _MAX_LENGTH or len(parts) != 3:
            return None
        address, at, signature = parts
        genuine = any(
            hmac.compare_digest(
                _signature(key, service, method, path, address, at).encode(),
                signature.encode("utf-8", "replace"),
            )
            for key in self._keys
        )
        if not genuine or canonical_address(address) != address:
            return None
        # Signed, so it is a number.
        return address if abs(self._clock().timestamp() - int(at)) <= VALIDITY else None


def _signature(key: bytes, service: str, method: str, path: str, address: str, at: str) -> str:
    # JSON, so that different requests have different texts.
    signed = msgspec.json.encode((service, method, path, address, at))
    return hmac.new(key, signed, hashlib.sha256).hexdigest()
