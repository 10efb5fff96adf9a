"""Guards of handlers: they require a valid access token, and optionally a role."""

from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler

from functions.kit.base.errors import Forbidden, Text
from functions.kit.http.services import Services, services_of
from functions.kit.security.principal import ADMIN, SELLER, STAFF


def bearer(header: str | None) -> str | None:
    """The token of an Authorization header, with or without the `Bearer` scheme."""
    if header is None:
        return None
    scheme, _, rest = header.strip().partition(" ")
    token = rest.strip() if scheme.lower() == "bearer" else header.strip()
    return token or None


class Requires:
    """A guard that requires one of the roles, or any valid token if no role is given.

    Sets the principal in `scope["user"]`.
    """

    def __init__(self, *roles: str) -> None:
        self.roles = frozenset(roles)

    async def __call__(
        self, connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler
    ) -> None:
        verifier = services_of(connection, Services).verifier
        principal = await verifier.authenticate(bearer(connection.headers.get("authorization")))
        if self.roles and self.roles.isdisjoint(principal.roles):
            named = sorted(self.roles)
            raise Forbidden(
                Text(
                    f"Hace falta el rol {' o '.join(named)}.",
                    f"This needs the role {' or '.join(named)}.",
                )
            )
        connection.scope["user"] = principal


signed_in = Requires()
staff = Requires(STAFF, ADMIN)
seller = Requires(SELLER)
seller_or_staff = Requires(SELLER, STAFF, ADMIN)
"""A seller is admitted to the route; the command decides which books are theirs."""
admin = Requires(ADMIN)
