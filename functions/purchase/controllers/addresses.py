"""A customer's own addresses; a purchase that names one keeps a copy of it."""

import msgspec
from litestar import Response, delete, get, patch, post
from litestar.params import JSONBody
from msgspec import UNSET

from functions.kit.base.errors import Text
from functions.kit.base.language import localized
from functions.kit.http.guards import signed_in
from functions.kit.http.idempotency import IDEMPOTENCY_KEY, IDEMPOTENCY_REPLAYED, respond_once
from functions.kit.http.operations import Link, described
from functions.kit.http.problems import problems
from functions.kit.http.requests import AuthenticatedRequest, PathId
from functions.kit.http.responses import encode
from functions.purchase import queries
from functions.purchase.commands.customers import (
    AddressChanges,
    add_address,
    change_address,
    delete_address,
)
from functions.purchase.domain.addresses import Address
from functions.purchase.schemas.addresses import (
    AddressChange,
    AddressChanged,
    AddressView,
    NewAddress,
    PurchaseAddress,
)
from functions.purchase.services import services_of
from functions.purchase.storage_customers import StoredAddress

ADDED = Text("Dirección guardada", "Address saved")
UPDATED = Text("Dirección actualizada", "Address updated")

_IT = {"address_id": "$response.body#/address_id"}


@get("/addresses", guards=[signed_in])
async def list_addresses(request: AuthenticatedRequest) -> list[AddressView]:
    """List the caller's own addresses, oldest first; there are at most 20."""
    database = services_of(request).database
    return [_view(each) for each in await queries.addresses(database, request.user.user_id)]


@get("/addresses/{address_id:int}", guards=[signed_in], responses=problems(404))
async def get_address(request: AuthenticatedRequest, address_id: PathId) -> AddressView:
    """Read one of the caller's own addresses."""
    database = services_of(request).database
    return _view(await queries.address(database, request.user.user_id, address_id))


def shown(address: Address) -> PurchaseAddress:
    """The copy of an address that a purchase has."""
    return PurchaseAddress(
        recipient=address.recipient,
        lines=list(address.lines),
        city=address.city,
        region=address.region,
        postal_code=address.postal_code,
        country=address.country,
        phone=address.phone,
    )


def _view(kept: StoredAddress) -> AddressView:
    return AddressView(
        id=kept.id,
        default=kept.is_default,
        **msgspec.structs.asdict(shown(kept.address)),
    )


@post(
    "/addresses",
    guards=[signed_in],
    responses=problems(409, 422),
    opt=described(
        location="/addresses/{address_id}",
        request_headers=[IDEMPOTENCY_KEY],
        response_headers=[IDEMPOTENCY_REPLAYED],
        links={
            "read": Link("GET /addresses/{address_id}", _IT),
            "change": Link("PATCH /addresses/{address_id}", _IT),
            "delete": Link("DELETE /addresses/{address_id}", _IT),
        },
    ),
)
async def create_address(
    request: AuthenticatedRequest, data: JSONBody[NewAddress]
) -> Response[AddressChanged]:
    """Add an address. Its country decides which fields are required.

    With an `Idempotency-Key` header the same request can be sent again safely.
    """
    services = services_of(request)
    new = Address(
        recipient=data.recipient,
        lines=tuple(data.lines),
        city=data.city,
        region=data.region,
        postal_code=data.postal_code,
        country=data.country,
        phone=data.phone,
    )

    async def command() -> int:
        return await add_address(
            services.database,
            request.user.user_id,
            new,
            is_default=data.default,
            now=services.clock(),
        )

    def render(address_id: int) -> tuple[int, bytes]:
        message = localized(request.headers, ADDED)
        return 201, encode(AddressChanged(message=message, address_id=address_id))

    return await respond_once(request, "POST /addresses", command, render)


@patch("/addresses/{address_id:int}", guards=[signed_in], responses=problems(404))
async def update_address(
    request: AuthenticatedRequest, address_id: PathId, data: JSONBody[AddressChange]
) -> AddressChanged:
    """Change an address. Omitted fields keep their values, placed purchases their copy."""
    given = {
        name: value for name, value in msgspec.structs.asdict(data).items() if value is not UNSET
    }
    is_default = given.pop("default", None)
    if "lines" in given:
        given["lines"] = tuple(given["lines"])
    await change_address(
        services_of(request).database,
        request.user.user_id,
        address_id,
        AddressChanges(given, is_default),
    )
    return AddressChanged(message=localized(request.headers, UPDATED), address_id=address_id)


@delete("/addresses/{address_id:int}", guards=[signed_in], responses=problems(404))
async def remove_address(request: AuthenticatedRequest, address_id: PathId) -> None:
    """Delete an address. Purchases that were placed keep their copy of it."""
    await delete_address(services_of(request).database, request.user.user_id, address_id)


HANDLERS = (list_addresses, get_address, create_address, update_address, remove_address)
