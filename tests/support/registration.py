"""Apps of one service whose handlers were registered with Litestar once in this process.

Registration parses the signature of each handler, and takes longer than most tests do. Its result
depends on nothing but the handlers and the app's options. What an app owns is made anew for each:
its dependencies, its lifespan, its routing of the request to the error handler, its middleware.
Only the functions that open a service for tests use this; tests of apps themselves create apps as
a process does.
"""

import copy
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, ParamSpec
from unittest import mock

from litestar import Litestar
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig

from functions.kit.http import assembly

P = ParamSpec("P")
Lifespans = Sequence[Callable[[Litestar], AbstractAsyncContextManager[None]]]


def registered_once(
    create_app: Callable[P, Litestar], /, *args: P.args, **kwargs: P.kwargs
) -> Litestar:
    """`create_app(...)`, with the registration of the first app that had these handlers."""
    with mock.patch.object(assembly, "_App", _app):
        return create_app(*args, **kwargs)


_originals: dict[object, tuple[Litestar, Sequence[Any]]] = {}
"""Never run. The handlers are kept, so that no other object gets the id of one of them."""

_App = assembly._App


def _app(handlers: Sequence[Any], *, lifespan: Lifespans, state: State, **options: Any) -> Litestar:
    key = (tuple(map(_identity, handlers)), tuple(sorted(map(_comparable, options.items()))))
    if key not in _originals:
        _originals[key] = (_App(handlers, lifespan=[], state=State(), **options), handlers)
    original, _ = _originals[key]
    app = copy.copy(original)
    app.state = state
    app._lifespan_managers = [*lifespan, *original._lifespan_managers]
    app.event_emitter = options["event_emitter_backend"](listeners=[])
    app.routes = list(original.routes)
    app.asgi_router = copy.copy(original.asgi_router)
    app.asgi_router.app = app
    app.asgi_handler = app._create_asgi_handler()
    return app


def _identity(handler: Any) -> object:
    """OPTIONS handlers are made for each app, from the others."""
    if isinstance(handler, HTTPRouteHandler) and handler.http_methods == {"OPTIONS"}:
        return tuple(sorted(handler.paths))
    return id(handler)


def _comparable(option: tuple[str, Any]) -> tuple[str, str]:
    """An option's name and a text of its value, for objects that are made for each app."""
    name, value = option
    if isinstance(value, OpenAPIConfig):  # `docs.openapi_config` makes all from these three
        value = value.title, value.version, value.description
    elif name == "plugins":
        value = [*map(type, value)]
    return name, repr(value)
