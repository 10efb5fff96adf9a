"""Where the back office begins: the first page that somebody may see."""

from litestar import Response, get

from functions.kit.http.requests import AnyRequest
from functions.storefront.back_office import AREAS, STAFF, Area
from functions.storefront.errors import PageNotFound
from functions.storefront.visits import Visit, open_area, open_visit


@get("/{language:str}/back-office", include_in_schema=False)
async def show_back_office(request: AnyRequest) -> Response[bytes]:
    visit = open_visit(request)
    if not visit.areas:
        await visit.require(STAFF)
    return _first_page(visit, visit.areas[0] if visit.areas else STAFF)


@get([f"/{{language:str}}/{area.name}" for area in AREAS], include_in_schema=False)
async def show_area(request: AnyRequest) -> Response[bytes]:
    name = request.scope["path"].rstrip("/").rpartition("/")[2]
    area = next(each for each in AREAS if each.name == name)
    return _first_page(await open_area(request, area), area)


def _first_page(visit: Visit, area: Area) -> Response[bytes]:
    if not area.entries:
        raise PageNotFound
    return visit.redirect(visit.url(area.name, *area.entries[0].path.split("/")))


HANDLERS = (show_back_office, show_area)
