"""Takes the client's address from a signed `Visitor-Address`, inside of `forwarded.py`.

Without a valid signature the address stays as it is: a caller cannot choose it, and an error in the
deployment makes all visitors of a storefront look like one client.
"""

import logging

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from functions.kit.security.rate_limit import TokenBucket
from functions.kit.security.visitor_address import HEADER, VALIDITY, VisitorAddress

logger = logging.getLogger(__name__)

_NAME = HEADER.encode("ascii")


class VisitorMiddleware:
    """Sets the client's address in the scope of a request that the storefront makes."""

    def __init__(self, app: ASGIApp, service: str, addresses: VisitorAddress) -> None:
        self.app = app
        self._service = service
        self._addresses = addresses
        # Anybody can send the header: not one line of the log for each.
        self._warnings = TokenBucket(per_second=1 / 60, burst=1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP:
            self._set_client(scope)
        await self.app(scope, receive, send)

    def _set_client(self, scope: HTTPScope) -> None:
        found = [value for name, value in scope["headers"] if name == _NAME]
        if not found:
            return
        address = None
        if len(found) == 1:
            address = self._addresses.verified(
                self._service, scope["method"], scope["path"], found[0].decode("latin-1")
            )
        if address is not None:
            scope["client"] = (address, 0)
        elif self._warnings.try_acquire():
            logger.warning(
                "a Visitor-Address was ignored: it is not signed with this INTERNAL_SECRET, is"
                " older than %d s, or belongs to another request",
                VALIDITY,
            )
