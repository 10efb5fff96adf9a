"""One of the services is away: what can be shown is shown, and the rest says what to do."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

import httpx
import pytest

from functions.storefront.clients.auth import AuthClient
from functions.storefront.clients.service import Caller, ServiceAway, ServiceClient
from tests.journeys.shop_in_process import ShopInProcess
from tests.storefront.visitor import Visitor, Wire, fields_of, open_storefront, text_of

AWAY = {
    ("catalog", "en"): "The books cannot be shown right now",
    ("catalog", "es"): "Los libros no se pueden mostrar ahora",
    ("purchase", "en"): "Cart and orders are away for a moment",
    ("purchase", "es"): "El carrito y los pedidos no responden por el momento",
    ("notifications", "en"): "Your choice of mails is away for a moment",
    ("notifications", "es"): "Su elección de correos no está disponible por el momento",
    ("auth", "en"): "Accounts are away for a moment",
    ("auth", "es"): "Las cuentas no responden por el momento",
}

NEEDED = {
    "": {"catalog"},
    "books": {"catalog"},
    "books/{book}": {"catalog"},
    "cart": {"purchase"},
    "orders": {"purchase"},
    "checkout/address": {"purchase"},
    "account": {"auth"},
    "account/mails": {"auth", "notifications"},
    "sign-in": set(),
    "register": set(),
}
"""Which services a page cannot be shown without, to a customer whose token is fresh."""


@contextlib.contextmanager
def away(shop: ShopInProcess, name: str) -> Iterator[None]:
    client = shop.clients.pop(name)
    yield
    shop.clients[name] = client


@pytest.mark.parametrize("language", ["es", "en"])
@pytest.mark.parametrize("missing", ["auth", "catalog", "purchase", "notifications"])
async def test_a_page_needs_only_the_services_that_it_shows(
    visitor: Visitor, shop: ShopInProcess, missing: str, language: str
) -> None:
    """The others are 503 with the shop's frame, the time to wait, and which part is away."""
    book = await shop.sell()
    await visitor.sign_up()
    await visitor.submit("/en/cart/items", book_id=book, quantity=1)
    found = {}
    with away(shop, missing):
        for path in NEEDED:
            page = await visitor.get(f"/{language}/{path.format(book=book)}".rstrip("/"))
            found[path] = page.status_code == 503
            if page.status_code == 503:
                assert AWAY[missing, language] in text_of(page)
                assert int(page.headers["retry-after"]) > 0
                assert page.headers["cache-control"] == "no-store"
                assert "<header" in page.text

    assert found == {path: missing in needed for path, needed in NEEDED.items()}


async def test_no_cache_keeps_suggestions_that_could_not_be_asked_for(
    visitor: Visitor, shop: ShopInProcess
) -> None:
    """An empty list stands in for them; where catalog has none, it is kept like any other."""
    with away(shop, "catalog"):
        missing = await visitor.get("/en/suggestions?q=mar")
    none = await visitor.get("/en/suggestions?q=mar")

    assert (missing.json(), missing.headers["cache-control"]) == ([], "no-store")
    assert (none.json(), none.headers["cache-control"]) == ([], "public, max-age=60")


async def test_a_visitors_cart_needs_neither_auth_nor_purchase(
    visitor: Visitor, shop: ShopInProcess
) -> None:
    """Nobody who only looks around notices that they are away."""
    book = await shop.sell("Rayuela")
    with away(shop, "auth"), away(shop, "purchase"):
        cart = await visitor.submit("/en/cart/items", book_id=book, quantity=2)
        changed = await visitor.submit("/en/cart/update", book_id=book, quantity=3)

    assert "Rayuela" in text_of(cart)
    assert 'value="3"' in changed.text


async def test_a_token_is_renewed_before_auth_is_needed(
    visitor: Visitor, shop: ShopInProcess
) -> None:
    """A third of its life is left when it is; while auth is away the old one is used."""
    await visitor.sign_up()
    shop.clock.advance(minutes=11)
    with away(shop, "auth"):
        early = await visitor.get("/en/cart")
        shop.clock.advance(minutes=5)
        late = await visitor.get("/en/cart")
    back = await visitor.get("/en/cart")

    assert (early.status_code, late.status_code, back.status_code) == (200, 503, 200)


async def test_a_customer_without_a_token_still_looks_at_books(
    visitor: Visitor, shop: ShopInProcess
) -> None:
    """Its token has run out and auth is away: books need no token."""
    book = await shop.sell()
    await visitor.sign_up()
    shop.clock.advance(minutes=20)
    with away(shop, "auth"):
        pages = [await visitor.get(path) for path in ("/en", "/en/books", f"/en/books/{book}")]

    assert [page.status_code for page in pages] == [200] * 3


@pytest.mark.parametrize("form", ["sign-in", "register"])
async def test_a_form_with_a_password_is_shown_again_while_auth_is_away(
    visitor: Visitor, shop: ShopInProcess, form: str
) -> None:
    """503, with what was typed but the password."""
    with away(shop, "auth"):
        page = await visitor.send(f"/es/{form}", email="ana@example.org", password="a-secret-x")

    assert page.status_code == 503
    assert int(page.headers["retry-after"]) > 0
    assert "Las cuentas no responden ahora" in text_of(page)
    assert 'value="ana@example.org"' in page.text
    assert "a-secret-x" not in page.text


async def test_a_cart_that_could_not_be_handed_over_is_so_later(
    visitor: Visitor, shop: ShopInProcess
) -> None:
    """Signing in needs auth alone."""
    book = await shop.sell("Rayuela")
    await visitor.submit("/en/cart/items", book_id=book, quantity=2)
    with away(shop, "purchase"):
        await visitor.sign_up()
    cart = await visitor.get("/en/cart")
    again = await visitor.get("/en/cart")

    for page in (cart, again):
        assert text_of(page).count("Rayuela") == 2  # the line, and the name of its quantity
        assert 'value="2"' in page.text


async def test_an_account_is_shown_without_its_addresses(
    visitor: Visitor, shop: ShopInProcess
) -> None:
    """They are purchase's."""
    await visitor.sign_up()
    with away(shop, "purchase"):
        page = await visitor.get("/en/account")

    assert page.status_code == 200
    assert "Your addresses cannot be shown right now" in text_of(page)


async def test_a_form_that_failed_can_be_sent_again(visitor: Visitor, shop: ShopInProcess) -> None:
    """Its fields are in the page of the failure."""
    book = await shop.sell("Rayuela")
    await visitor.sign_up()
    with away(shop, "purchase"):
        failed = await visitor.send("/en/cart/items", book_id=book, quantity=2)
    kept = fields_of(failed, "/en/cart/items")
    sent = await visitor.submit("/en/cart/items", **kept)

    assert failed.status_code == 503
    assert kept.pop("account_id").isdecimal()  # it is of this account only
    assert kept == {"book_id": str(book), "quantity": "2"}
    assert 'value="2"' in sent.text


# Slow services: real sockets


@asynccontextmanager
async def slow_service(
    answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[str]:
    """A server that does as it is told with each connection; its address."""
    tasks: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            await answer(reader, writer)
        writer.transport.abort()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def never(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Reads what comes, and says nothing."""
    while await reader.read(65_536):
        pass


async def byte_by_byte(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Each byte is in time for a limit of reads, and the answer never ends."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n[")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("answer", [never, byte_by_byte])
async def test_a_page_waits_for_a_bounded_time(
    shop: ShopInProcess, answer: Callable[..., Awaitable[None]]
) -> None:
    """Without the limit this test would never end."""
    async with slow_service(answer) as url, httpx.AsyncClient() as http:
        wire = open_storefront(shop, http, CATALOG_URL=url, SERVICE_TIMEOUT_SECONDS="0.2")
        async with wire as visitor:
            page = await visitor.get("/en/books")

    assert page.status_code == 503
    assert AWAY["catalog", "en"] in text_of(page)


async def test_a_page_has_one_deadline_for_all_its_answers() -> None:
    """What the first answers took is missing to the last."""
    async with slow_service(never) as url, httpx.AsyncClient() as http:
        service = ServiceClient("purchase", url, http, timeout=3600)
        caller = Caller("en", deadline=asyncio.get_running_loop().time() + 0.2)
        for _ in range(3):
            with pytest.raises(ServiceAway):
                await service.request("GET", "/cart", caller=caller)


@pytest.mark.parametrize("body", [b"<html>", b"{}", b"[1, 2]", b"\xff", b"[" * 2000])
async def test_an_answer_of_something_else_is_a_service_that_is_away(
    shop: ShopInProcess, body: bytes
) -> None:
    """A proxy's error page, say, with status 200."""
    wire = httpx.MockTransport(lambda _: httpx.Response(200, content=body))
    async with httpx.AsyncClient(transport=wire) as http, open_storefront(shop, http) as visitor:
        page = await visitor.get("/en/books")

    assert page.status_code == 503


# Lost answers


@pytest.fixture
async def wire(shop: ShopInProcess) -> AsyncIterator[Wire]:
    wire = Wire(shop)
    yield wire
    await wire.client.aclose()


@pytest.fixture
async def wired(shop: ShopInProcess, wire: Wire) -> AsyncIterator[Visitor]:
    """A visitor of a storefront on that wire."""
    async with open_storefront(shop, wire.client) as visitor:
        yield visitor


@pytest.mark.usefixtures("provider")
@pytest.mark.parametrize("lost", [1, 2], ids=["one", "two"])
@pytest.mark.parametrize("path", ["/purchase", "/payment"])
async def test_a_lost_answer_makes_no_second_purchase(
    wired: Visitor, wire: Wire, shop: ShopInProcess, path: str, lost: int
) -> None:
    """It is asked for again under the same key: by the storefront, then by the visitor's form."""
    book = await shop.sell(stock=5)
    await wired.sign_up()
    await wired.submit("/en/cart/items", book_id=book, quantity=2)
    payment = await wired.go_to_payment()
    form = fields_of(payment, "/en/checkout/payment")
    wire.losing[f"POST {path}"] = lost
    page = await wired.submit("/en/checkout/payment", **form)
    if page.status_code == 503:
        assert "not done twice" in text_of(page)
        page = await wired.submit("/en/checkout/payment", **fields_of(page, "/en/checkout/payment"))
    shown = text_of(page)
    orders = text_of(await wired.get("/en/orders"))

    assert "Order 1" in shown
    assert orders.count("Order ") == 1
    await shop.until(lambda: _shows(shop, book, stock=3))
    if (path, lost) == ("/payment", 2):
        assert "the answer to the payment did not arrive" in shown
    assert "Paid" in orders


async def _shows(shop: ShopInProcess, book: int, *, stock: int) -> bool:
    return (await shop.shown_stock(book))[0] == stock


async def test_a_registration_whose_answer_was_lost_is_sent_again(
    wired: Visitor, wire: Wire
) -> None:
    """The account is there; its password proves whose it is."""
    wire.losing["POST /register"] = 1
    typed = {"email": "ana@example.org", "password": "ana-has-a-password", "name": "Ana"}
    lost = await wired.send("/en/register", **typed)
    again = await wired.send("/en/register", **typed)
    other = await wired.send("/en/register", **typed | {"password": "another-password"})

    assert (lost.status_code, again.status_code, other.status_code) == (503, 303, 409)


async def test_a_renewal_whose_answer_was_lost_ends_no_session(
    wired: Visitor, wire: Wire, shop: ShopInProcess
) -> None:
    """auth gives the successor again, and is asked again at once."""
    await wired.sign_up()
    for lost in (1, 2):
        shop.clock.advance(minutes=16)
        wire.losing["POST /refresh"] = lost

        assert (await wired.get("/en/orders")).status_code == 200


async def test_what_is_not_repeatable_is_sent_once(wire: Wire, shop: ShopInProcess) -> None:
    """A registration is not, a page is."""
    service = ServiceClient("auth", "http://auth.test", wire.client, timeout=5)
    wire.losing |= {"POST /register": 1, "GET /livez": 1}
    with pytest.raises(ServiceAway):
        await AuthClient(service).register(
            Caller("en"), email="ana@example.org", password="ana-has-a-password", name=""
        )
    await service.request("GET", "/livez", caller=Caller("en"))

    assert wire.sent == ["POST /register", "GET /livez", "GET /livez"]
