"""`GET /`, and the probes of the platform.

`/readyz` does not touch the database: a pod that wakes from zero is ready when it can answer, and
a database that is away is a 503 of the request that needs it, not a pod that gets no traffic.
"""

from typing import Any

import msgspec
from litestar import Request, Response, get
from litestar.exceptions import ServiceUnavailableException

from functions.kit import dead_letters


class ServiceStatus(msgspec.Struct, frozen=True):
    service: str
    status: str


@get("/", sync_to_thread=False, summary="What this is, and that it runs")
def root(request: Request[Any, Any, Any]) -> ServiceStatus:
    return ServiceStatus(request.app.state.service, "running")


@get("/livez", sync_to_thread=False, include_in_schema=False)
def livez(request: Request[Any, Any, Any]) -> ServiceStatus:
    return ServiceStatus(request.app.state.service, "alive")


@get("/readyz", sync_to_thread=False, include_in_schema=False)
def readyz(request: Request[Any, Any, Any]) -> ServiceStatus:
    if request.app.state.stopping:
        raise ServiceUnavailableException("stopping")
    return ServiceStatus(request.app.state.service, "ready")


@get("/metrics", include_in_schema=False)
async def metrics(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Prometheus' text format; mounted by the internal door only."""
    state = request.app.state
    await state.relay.measure()
    state.metrics.dead_letters.set(await dead_letters.waiting(state.database))
    return Response(state.metrics.exposition(), media_type="text/plain; version=0.0.4")


PROBES = (root, livez, readyz)
