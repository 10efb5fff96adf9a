"""Delivery providers: public to read; staff add, change and retire them."""

from typing import Annotated

from litestar import Response, delete, get, patch, post
from litestar.params import JSONBody, QueryParameter
from msgspec import UNSET

from functions.kit.base.errors import Text
from functions.kit.base.language import localized
from functions.kit.base.money import from_minor
from functions.kit.data.database import Row
from functions.kit.http.guards import staff
from functions.kit.http.operations import ETAG, IF_MATCH, described
from functions.kit.http.pagination import After, Limit
from functions.kit.http.problems import problems
from functions.kit.http.requests import AnyRequest, AuthenticatedRequest, PathId
from functions.kit.http.responses import JSONResponse
from functions.purchase import queries, storage
from functions.purchase.commands.providers import add_provider, change_provider
from functions.purchase.controllers.shared import id_after, optional_minor, page_by_id
from functions.purchase.schemas.providers import (
    NewProvider,
    ProviderChange,
    ProviderChanged,
    ProviderCreated,
    ProviderStatus,
    ProviderView,
)
from functions.purchase.services import services_of

ADDED = Text("Proveedor agregado", "Provider added")
UPDATED = Text("Proveedor actualizado", "Provider updated")
RETIRED = Text("Proveedor retirado", "Provider retired")


Status = Annotated[
    ProviderStatus, QueryParameter(description="Those that are offered, the retired ones, or both")
]


@get("/providers")
async def list_providers(
    request: AnyRequest,
    status: Status = ProviderStatus.OFFERED,
    limit: Limit = 50,
    after: After = None,
) -> Response[list[ProviderView]]:
    """List the delivery providers, with their countries and fees."""
    retired = {ProviderStatus.OFFERED: False, ProviderStatus.RETIRED: True}.get(status)
    rows = await queries.providers(
        services_of(request).database, retired=retired, after=id_after(after), limit=limit + 1
    )
    return page_by_id(request, rows, limit, _view)


@get(
    "/providers/{provider_id:int}",
    responses=problems(404),
    opt=described(response_headers=[ETAG]),
)
async def get_provider(request: AnyRequest, provider_id: PathId) -> Response[ProviderView]:
    """Read a delivery provider, also a retired one. Its ETag is the `If-Match` of `PATCH`."""
    row = await queries.provider(services_of(request).database, provider_id)
    return JSONResponse(_view(row), headers={"etag": storage.provider_etag(row)})


def _view(row: Row) -> ProviderView:
    return ProviderView(
        id=row["id"],
        name=row["name"],
        contact=row["contact"],
        coverage=storage.decode_countries(row["countries"]),
        fee=from_minor(row["fee_minor"]),
        fee_minor=row["fee_minor"],
        retired=bool(row["retired"]),
    )


@post(
    "/providers",
    guards=[staff],
    responses=problems(409),
    opt=described(location="/providers/{provider_id}"),
)
async def create_provider(
    request: AuthenticatedRequest, data: JSONBody[NewProvider]
) -> ProviderCreated:
    """Add a delivery provider."""
    provider_id = await add_provider(
        services_of(request).database,
        data.name.strip(),
        data.contact.strip(),
        data.coverage or (),
        optional_minor("fee", data.fee) or 0,
    )
    return ProviderCreated(message=localized(request.headers, ADDED), provider_id=provider_id)


@patch(
    "/providers/{provider_id:int}",
    guards=[staff],
    responses=problems(404, 409, 412),
    opt=described(request_headers=[IF_MATCH], response_headers=[ETAG]),
)
async def update_provider(
    request: AuthenticatedRequest, provider_id: PathId, data: JSONBody[ProviderChange]
) -> Response[ProviderChanged]:
    """Change a delivery provider. Omitted fields keep their values, placed purchases their fee.

    `If-Match` is optional: with it, a provider that was changed meanwhile is not changed.
    """
    etag = await change_provider(
        services_of(request).database,
        provider_id,
        name=None if data.name is UNSET else data.name.strip(),
        contact=None if data.contact is UNSET else data.contact.strip(),
        coverage=None if data.coverage is UNSET else data.coverage,
        fee_minor=optional_minor("fee", data.fee),
        retired=None if data.retired is UNSET else data.retired,
        preconditions=request.headers,
    )
    changed = ProviderChanged(message=localized(request.headers, UPDATED), provider_id=provider_id)
    return JSONResponse(changed, headers={"etag": etag})


@delete("/providers/{provider_id:int}", status_code=200, guards=[staff], responses=problems(404))
async def retire_provider(request: AuthenticatedRequest, provider_id: PathId) -> ProviderChanged:
    """Retire a delivery provider. It keeps its deliveries, and PATCH offers it again."""
    await change_provider(services_of(request).database, provider_id, retired=True)
    return ProviderChanged(message=localized(request.headers, RETIRED), provider_id=provider_id)


HANDLERS = (list_providers, get_provider, create_provider, update_provider, retire_provider)
