"""Covers and static files: immutable, named by what they hold."""

from litestar import Response, get
from litestar.params import FromPath

from functions.kit.http.requests import AnyRequest
from functions.storefront.assets import by_served_name
from functions.storefront.clients.service import Caller
from functions.storefront.covers import cover, cover_path
from functions.storefront.errors import PageNotFound
from functions.storefront.services import services_of

IMMUTABLE = "public, max-age=31536000, immutable"

ROBOTS = """User-agent: *
Disallow: /es/cart
Disallow: /en/cart
Disallow: /es/checkout
Disallow: /en/checkout
Disallow: /es/orders
Disallow: /en/orders
Disallow: /es/account
Disallow: /en/account
Disallow: /es/staff
Disallow: /en/staff
Disallow: /es/seller
Disallow: /en/seller
Disallow: /es/admin
Disallow: /en/admin
Disallow: /es/reset-password
Disallow: /en/reset-password
"""


@get("/static/{name:str}", include_in_schema=False, sync_to_thread=False)
def static_file(request: AnyRequest, name: FromPath[str]) -> Response[bytes]:
    asset = by_served_name().get(name)
    if asset is None:
        raise PageNotFound
    content, encoding = asset.encoded(request.headers.get("accept-encoding", ""))
    headers = {"cache-control": IMMUTABLE, "vary": "Accept-Encoding"}
    if encoding is not None:
        headers["content-encoding"] = encoding
    return Response(content, media_type=asset.media_type, headers=headers)


@get("/covers/{name:str}", include_in_schema=False)
async def cover_file(request: AnyRequest, name: FromPath[str]) -> Response[bytes]:
    """A book's cover; an address of an earlier title, or without one, leads to the present one."""
    number, revision, _ = name.removesuffix(".svg").partition("-")
    if not (number.isascii() and number.isdecimal() and len(number) <= 18 and number[0] != "0"):
        raise PageNotFound
    book_id = int(number)
    catalog, caller = services_of(request).catalog, Caller("en")
    known = await catalog.title_and_author(caller, book_id)
    if known is not None and revision and cover_path(book_id, *known) != f"/covers/{name}":
        # The title may have changed since this process saw it. Without asking again, two processes
        # that know different titles would redirect to each other.
        known = await catalog.title_and_author(caller, book_id, remembered=False)
    if known is None:
        raise PageNotFound
    path = cover_path(book_id, *known)
    if path != f"/covers/{name}":
        return Response(
            b"",
            status_code=302,
            media_type="image/svg+xml",
            headers={"location": path, "cache-control": "public, max-age=60"},
        )
    headers = {
        "cache-control": IMMUTABLE,
        # An SVG that is opened by itself is a document: it may do nothing.
        "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    }
    drawn = cover(book_id, *known)
    return Response(drawn.encode(), media_type="image/svg+xml", headers=headers)


@get("/robots.txt", include_in_schema=False, sync_to_thread=False)
def robots() -> Response[bytes]:
    return Response(ROBOTS.encode(), media_type="text/plain")


@get("/favicon.ico", include_in_schema=False, sync_to_thread=False)
def favicon() -> Response[bytes]:
    headers = {"location": "/static/" + _icon(), "cache-control": "public, max-age=86400"}
    return Response(b"", status_code=302, media_type="image/svg+xml", headers=headers)


def _icon() -> str:
    return next(name for name in by_served_name() if name.startswith("icon."))


HANDLERS = (static_file, cover_file, robots, favicon)
