"""`assemble`: a Litestar app with what is the same for all, with a database or without.

Requests, problem documents, OPTIONS, limits, trace and log line, and the client's address.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from litestar import Litestar, Response, route
from litestar.datastructures import State
from litestar.events import BaseEventEmitterBackend
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.plugins import PluginProtocol
from litestar.plugins.core import MsgspecDIPlugin
from litestar.types import BeforeRequestHookHandler, ControllerRouterHandler

from functions.kit.http import docs, parameters
from functions.kit.http.admission import Admission
from functions.kit.http.cors import Cors
from functions.kit.http.forwarded import ForwardedMiddleware
from functions.kit.http.middleware import SECURITY_HEADERS, Refuse, RequestMiddleware
from functions.kit.http.problems import allow, problem_response
from functions.kit.http.requests import MAX_BODY, JSONRequest
from functions.kit.http.responses import JSONResponse
from functions.kit.http.services import AppServices

Lifespan = Callable[[Litestar], AbstractAsyncContextManager[None]]


class _App(Litestar):
    """Litestar without its plugin for pydantic, whose models are used nowhere here.

    Piccolo brings pydantic along, and Litestar imports what is there: 10 MiB and a third of a
    second of every cold start.
    """

    @staticmethod
    def _get_default_plugins(plugins: list[PluginProtocol]) -> list[PluginProtocol]:
        return [*plugins, MsgspecDIPlugin()]


class _NoListeners(BaseEventEmitterBackend):
    """Litestar's in-process events, which are not used: events go through the outbox.

    Its own emitter imports all of anyio: 15 modules, a fortieth of a cold start.
    """

    def emit(self, event_id: str, *args: Any, **kwargs: Any) -> None:
        raise LookupError(f"no listener for {event_id}")

    async def __aexit__(self, *_: object) -> None: ...


def assemble(
    services: AppServices,
    handlers: Sequence[ControllerRouterHandler],
    *,
    lifespan: Lifespan,
    cors: Cors,
    openapi: OpenAPIConfig | None,
    refuse: Refuse = problem_response,
    before_request: "BeforeRequestHookHandler | None" = parameters.check,
    security_headers: Mapping[str, str] = SECURITY_HEADERS,
) -> Litestar:
    """An app around `services`. `refuse` answers every exception, unknown routes included;
    `before_request` checks an address and its preconditions after the guards.
    """
    app = _App(
        [*_options(handlers), *handlers],
        lifespan=[lifespan],
        state=State({"services": services}),
        request_class=JSONRequest,
        before_request=before_request,
        response_class=JSONResponse,
        request_max_body_size=MAX_BODY,
        exception_handlers={Exception: refuse},
        openapi_config=openapi,
        plugins=[docs.AmountSchema()] if openapi is not None else [],
        event_emitter_backend=_NoListeners,
        logging_config=None,
        debug=False,
    )
    # Around the router, not inside the routes: an unknown route has a trace and a log line too.
    app.asgi_handler = ForwardedMiddleware(
        RequestMiddleware(
            Admission(app.asgi_handler), cors, refuse=refuse, security_headers=security_headers
        ),
        services.settings.trusted_hops,
        services.settings.client_address_header,
    )
    return app


def _options(handlers: Sequence[ControllerRouterHandler]) -> list[HTTPRouteHandler]:
    """What answers OPTIONS, for each path once.

    Litestar's own would name the methods of the path's first handler only.
    """
    methods: dict[str, set[str]] = {}
    for handler in handlers:
        if isinstance(handler, HTTPRouteHandler):
            for path in handler.paths:
                known = methods.setdefault(path.rstrip("/") or "/", {"OPTIONS"})
                known.update(map(str, handler.http_methods))
    return [_allow(path, allow(known)) for path, known in methods.items()]


def _allow(path: str, methods: str) -> HTTPRouteHandler:
    @route(path, http_method="OPTIONS", include_in_schema=False, sync_to_thread=False)
    def options() -> Response[None]:
        return Response(None, status_code=204, headers={"allow": methods})

    return options
