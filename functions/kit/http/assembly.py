"""`assemble`: creates the Litestar app of every process, with a database or without.

It adds the decoding of requests, problem documents, OPTIONS, limits, tracing, the request log and
the client's address.
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
from functions.kit.http.exporting import exporting
from functions.kit.http.forwarded import ForwardedMiddleware
from functions.kit.http.middleware import SECURITY_HEADERS, Refuse, RequestMiddleware
from functions.kit.http.problems import allow, problem_response
from functions.kit.http.refusals import Render
from functions.kit.http.requests import MAX_BODY, JSONRequest
from functions.kit.http.responses import JSONResponse
from functions.kit.http.services import AppServices, Services
from functions.kit.http.visitors import VisitorMiddleware
from functions.kit.security.visitor_address import VisitorAddress

Lifespan = Callable[[Litestar], AbstractAsyncContextManager[None]]


class _App(Litestar):
    """Litestar without its pydantic plugin, because no pydantic models are used.

    Piccolo depends on pydantic, and Litestar imports it if it is installed, which would take 10 MiB
    and a third of a second of every cold start.
    """

    @staticmethod
    def _get_default_plugins(plugins: list[PluginProtocol]) -> list[PluginProtocol]:
        return [*plugins, MsgspecDIPlugin()]


class _NoListeners(BaseEventEmitterBackend):
    """Disables Litestar's in-process events, which are not used.

    Litestar's default emitter imports all of anyio: 15 modules, a fortieth of a cold start.
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
    render_refusal: Render | None = None,
    before_request: "BeforeRequestHookHandler | None" = parameters.check,
    security_headers: Mapping[str, str] = SECURITY_HEADERS,
) -> Litestar:
    """An app with these dependencies and handlers.

    `refuse` creates the response to every exception, including unknown routes; `render_refusal`
    the documents of requests that do not reach the app (`refusals.py`). `before_request` checks the
    query and the preconditions, after the guards.
    """
    outer = [exporting(services, services.tracer)] if services.tracer is not None else []
    app = _App(
        [*_options(handlers), *handlers],
        lifespan=[*outer, lifespan],
        state=State({"services": services, "render_refusal": render_refusal}),
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
    # Around the router, so that requests to unknown routes are traced and logged too.
    app.asgi_handler = RequestMiddleware(
        Admission(app.asgi_handler),
        cors,
        refuse=refuse,
        security_headers=security_headers,
        tracer=services.tracer,
    )
    if isinstance(services, Services) and services.settings.internal_secret:
        addresses = VisitorAddress(services.settings.internal_secret, services.clock)
        app.asgi_handler = VisitorMiddleware(app.asgi_handler, services.name, addresses)
    app.asgi_handler = ForwardedMiddleware(
        app.asgi_handler,
        services.settings.trusted_hops,
        services.settings.client_address_header,
    )
    return app


def _options(handlers: Sequence[ControllerRouterHandler]) -> list[HTTPRouteHandler]:
    """An OPTIONS handler for each path.

    Litestar's own lists the methods of the path's first handler only.
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
