"""`GET /`, the probes of the platform, and `/metrics`.

`/readyz` does not query the database: a pod that starts from zero is ready as soon as it can
answer. If the database is down, requests that need it get a 503 and the pod still gets traffic.
"""

import asyncio
from typing import Any, cast

import msgspec
from litestar import Response, get
from litestar.exceptions import ServiceUnavailableException

from functions.kit.base.errors import Text
from functions.kit.base.language import localized, preferred
from functions.kit.http.measuring import REFRESH_LIMIT, leave_out_database, refresh
from functions.kit.http.requests import AnyRequest
from functions.kit.http.services import AppServices, Services, services_of


class ServiceStatus(msgspec.Struct, frozen=True):
    service: str
    status: str


_PAGE = """<!DOCTYPE html>
<html lang="{language}">
<head><meta charset="utf-8"><title>Bookstore: {service}</title></head>
<body>
<h1>Bookstore: {service}</h1>
<p>{running}</p>
<ul>
<li><a href="/apidocs">{documentation}</a></li>
<li><a href="/openapi.json">OpenAPI 3.1</a></li>
</ul>
</body>
</html>
"""
_RUNNING = Text("El servicio está en marcha.", "The service is running.")
_DOCUMENTATION = Text("Documentación de la API", "Documentation of the API")


@get("/", sync_to_thread=False, summary="What this is, and that it runs")
def root(request: AnyRequest) -> Response[ServiceStatus]:
    """JSON; for a browser, a page that leads to the documentation."""
    services = services_of(request, Services)
    headers = {"vary": "Accept, Accept-Language"}
    wants_page = "text/html" in request.headers.get("accept", "").lower()
    if not (wants_page and services.settings.exposed_api.public):  # the internal API has no page
        return Response(ServiceStatus(services.name, "running"), headers=headers)
    page = _PAGE.format(
        service=services.name,
        language=preferred(request.headers.get("accept-language")),
        running=localized(request.headers, _RUNNING),
        documentation=localized(request.headers, _DOCUMENTATION),
    )
    return Response(cast("Any", page.encode()), media_type="text/html", headers=headers)


@get("/livez", sync_to_thread=False, include_in_schema=False)
def livez(request: AnyRequest) -> ServiceStatus:
    return ServiceStatus(services_of(request, AppServices).name, "alive")


@get("/readyz", sync_to_thread=False, include_in_schema=False)
def readyz(request: AnyRequest) -> ServiceStatus:
    services = services_of(request, AppServices)
    if services.stopping:
        raise ServiceUnavailableException("stopping")
    return ServiceStatus(services.name, "ready")


@get("/metrics", include_in_schema=False)
async def metrics(request: AnyRequest) -> Response[bytes]:
    """Metrics in Prometheus' text format, without those of the database if it is away. Part of the
    internal API only."""
    services = services_of(request, Services)
    try:
        async with asyncio.timeout(REFRESH_LIMIT):
            await refresh(services)
    except Exception as error:  # noqa: BLE001 - an outage is when the others are looked at
        leave_out_database(services, error)
    return Response(services.metrics.exposition(), media_type="text/plain; version=0.0.4")


PROBES = (livez, readyz)
