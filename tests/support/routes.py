"""The routes of an app, as it mounts them: method, path template, handler."""

from typing import NamedTuple

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute


class Route(NamedTuple):
    method: str
    path: str
    handler: HTTPRouteHandler

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def routes_of(app: Litestar) -> list[Route]:
    """All that a caller can reach; OPTIONS, which Litestar answers by itself, left out."""
    return [
        Route(method, route.path_format or "/", handler)
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        for method in sorted(handler.http_methods)
        if method != "OPTIONS"
    ]
