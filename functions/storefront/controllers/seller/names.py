"""The name under which the shop shows a seller's books."""

from litestar import Response, get, post

from functions.kit.http.requests import AnyRequest
from functions.storefront.back_office import SELLER
from functions.storefront.clients.service import Refused
from functions.storefront.forms import read_form
from functions.storefront.translations import N_
from functions.storefront.visits import SUCCESS, Visit, open_area

CHOSEN = N_("Your books are shown under this name.")


@get("/{language:str}/seller/name", include_in_schema=False)
async def show(request: AnyRequest) -> Response[bytes]:
    visit = await open_area(request, SELLER)
    seller = await visit.as_customer(visit.services.catalog.seller)
    return _page(visit, "" if seller is None else seller.name, {})


def _page(visit: Visit, name: str, problems: dict[str, str], status: int = 200) -> Response[bytes]:
    return visit.page("seller/name.html", status=status, name=name, problems=problems)


@post("/{language:str}/seller/name", include_in_schema=False)
async def choose(request: AnyRequest) -> Response[bytes]:
    visit = await open_area(request, SELLER, keeps_form=True)
    visit.returns_to = visit.url("seller", "name")
    name = (await read_form(request)).text("name")
    catalog = visit.services.catalog
    try:
        await visit.as_customer(lambda caller: catalog.name_seller(caller, name))
    except Refused as refusal:
        if refusal.status not in {400, 409}:
            raise
        message = refusal.fields.get("name") or visit.reason(refusal)
        return _page(visit, name, {"name": message}, refusal.status)
    visit.tell(SUCCESS, CHOSEN)
    return visit.redirect(visit.url("seller", "books"))


HANDLERS = (show, choose)
