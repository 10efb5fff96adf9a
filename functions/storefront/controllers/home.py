"""The first page, and the choice of a language."""

import asyncio

from litestar import Response, get, post

from functions.kit.http.requests import AnyRequest
from functions.storefront.domain.paths import LANGUAGES, in_other_language, local_path
from functions.storefront.forms import read_form
from functions.storefront.visits import open_visit

SHOWN = 12
"""Books in each row of the first page."""


@get("/", include_in_schema=False)
async def root(request: AnyRequest) -> Response[bytes]:
    """Lead to the first page in the visitor's language."""
    visit = open_visit(request)
    response = visit.redirect(visit.url())
    response.status_code = 302
    return response


@get("/{language:str}", include_in_schema=False)
async def home(request: AnyRequest) -> Response[bytes]:
    """New books, popular ones, and the categories."""
    visit = open_visit(request)
    catalog = visit.services.catalog
    new, popular, facets = await asyncio.gather(
        catalog.listed(visit.caller, {"sort": "newest", "limit": SHOWN, "in_stock": "true"}),
        catalog.popular(visit.caller, SHOWN),
        catalog.facets(visit.caller, {}),
    )
    categories = facets.category if facets is not None else []
    return visit.page("home.html", new=new.books, popular=popular, categories=categories)


@post("/{language:str}/language", include_in_schema=False)
async def choose_language(request: AnyRequest) -> Response[bytes]:
    """Remember a language, and show the page in it."""
    visit = open_visit(request)
    form = await read_form(request)
    chosen = form.text("language")
    if chosen in LANGUAGES:
        visit.session.language = chosen
    back = local_path(form.text("next")) or visit.url()
    path, _, query = back.partition("?")
    return visit.redirect(in_other_language(path, query, visit.session.language or visit.language))


HANDLERS = (root, home, choose_language)
