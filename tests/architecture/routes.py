"""The routes of an app, as the matrix of who may do what needs them."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from litestar import Litestar
from litestar.routes import HTTPRoute

from functions.kit.http.guards import Requires

MADE_BY_LITESTAR = "OPTIONS"
"""It answers this for every path by itself."""


class GuardedRoute(NamedTuple):
    method: str
    path: str
    """As in the OpenAPI document: `/purchase/{purchase_id}`."""
    roles: frozenset[str] | None
    """Who may come in: None is anybody, an empty set is any user with a valid token."""


def routes(app: Litestar) -> list[GuardedRoute]:
    """Every method and path of an app with what its guards ask for, sorted by path."""
    return sorted(_routes(app), key=lambda route: (route.path, route.method))


def _routes(app: Litestar) -> Iterator[GuardedRoute]:
    for route in app.routes:
        if not isinstance(route, HTTPRoute):
            raise TypeError(f"{route.path} is no HTTP route: what guards it is not known here")
        for handler in route.route_handlers:
            for method in handler.http_methods - {MADE_BY_LITESTAR}:
                guards = handler.resolve_guards()
                yield GuardedRoute(str(method), route.path_format or "/", _roles(guards, route))


def _roles(guards: Sequence[object], route: HTTPRoute) -> frozenset[str] | None:
    if not guards:
        return None
    if len(guards) > 1 or not isinstance(guards[0], Requires):
        raise TypeError(f"{route.path} is guarded by more than one `Requires`: {guards}")
    return guards[0].roles
