"""What clients of the original know: its statuses, texts and fields, as a table of cases.

Where the shop answers another status on purpose (409 for a taken address or missing stock), the
`error` text is the original's all the same. docs/clients-of-the-original.md lists each difference.
"""

from typing import Any, NamedTuple

from tests.journeys.shop_in_process import ShopInProcess


class Case(NamedTuple):
    """A request in the original's words, and the members of the answer that its clients read."""

    name: str
    service: str
    method: str
    path: str
    body: Any
    user: str | None
    status: int
    answer: Any


ANA = {"email": "ana@original.example", "password": "clave-de-ana"}
BOOK = {"title": "Rayuela", "author": "J. Cortázar", "description": "…", "price": 30.3, "stock": 2}
TOKEN = object()
"""Stands for Ana's token."""
ANY = object()
"""A member that must be there, whatever it is."""

CASES = [
    Case(
        "auth runs", "auth", "GET", "/", None, None, 200, {"service": "auth", "status": "running"}
    ),
    Case("catalog runs", "catalog", "GET", "/", None, None, 200, {"status": "running"}),
    Case("purchase runs", "purchase", "GET", "/", None, None, 200, {"status": "running"}),
    Case(
        *("register without a password", "auth", "POST", "/register", {"email": "a@b.co"}, None),
        *(400, {"error": "email y password requeridos"}),
    ),
    Case(
        *("register", "auth", "POST", "/register", {"name": "Ana", **ANA}, None),
        *(201, {"message": "usuario creado", "id": ANY}),
    ),
    Case(
        *("register without a name", "auth", "POST", "/register"),
        *({"name": "", "email": "eva@original.example", "password": "clave-de-eva"}, None),
        *(201, {"message": "usuario creado", "id": ANY}),
    ),
    Case(
        *("register again", "auth", "POST", "/register", ANA, None),
        *(409, {"error": "usuario ya existe"}),
    ),
    Case(
        *("login without anything", "auth", "POST", "/login", {}, None),
        *(400, {"error": "email y password requeridos"}),
    ),
    Case(
        *("login with a wrong password", "auth", "POST", "/login", {**ANA, "password": "x"}, None),
        *(401, {"error": "credenciales inválidas"}),
    ),
    Case(
        *("login", "auth", "POST", "/login", ANA, None),
        *(200, {"message": "login exitoso", "token": ANY}),
    ),
    Case(
        *("validate nothing", "auth", "POST", "/validate", {}, None),
        *(400, {"error": "token requerido"}),
    ),
    Case(
        *("validate nonsense", "auth", "POST", "/validate", {"token": "x"}, None),
        *(401, {"valid": False, "error": "Token inválido"}),
    ),
    Case(
        *("validate", "auth", "POST", "/validate", {"token": TOKEN}, None),
        *(200, {"valid": True, "user": {"id": ANY, "email": ANA["email"]}}),
    ),
    Case(
        *("add a book", "catalog", "POST", "/books", BOOK, "staff"),
        *(201, {"message": "Libro agregado", "book_id": 1}),
    ),
    Case(
        *("buy as nobody", "purchase", "POST", "/purchase", {"book_id": 1, "quantity": 1}, None),
        *(401, {"error": "Token requerido"}),
    ),
    Case(
        *("buy nothing", "purchase", "POST", "/purchase", {}, "ana"),
        *(400, {"error": "book_id y quantity son requeridos"}),
    ),
    Case(
        *("buy what is not there", "purchase", "POST", "/purchase"),
        *({"book_id": 99, "quantity": 1}, "ana", 404, {"error": "Libro no encontrado"}),
    ),
    Case(
        *("buy too many", "purchase", "POST", "/purchase", {"book_id": 1, "quantity": 3}, "ana"),
        *(409, {"error": "No hay suficiente stock disponible", "stock_actual": 2}),
    ),
    Case(
        *("buy", "purchase", "POST", "/purchase", {"book_id": 1, "quantity": 1}, "ana"),
        201,
        {
            "message": "Compra creada",
            "purchase_id": 1,
            "total_price": 30.3,
            "remaining_stock": 1,
        },
    ),
    Case(
        *("see purchases", "purchase", "GET", "/purchases", None, "ana", 200),
        [
            {
                "id": 1,
                "user_id": ANY,
                "book_id": 1,
                "book_name": "Rayuela",
                "quantity": 1,
                "total_price": 30.3,
                "status": "Pending Payment",
            }
        ],
    ),
    Case(
        *("pay", "purchase", "POST", "/payment"),
        *({"purchase_id": 1, "amount": 10.1 * 3, "payment_method": "Tarjeta"}, "ana"),
        *(201, {"message": "Pago registrado", "payment_id": 1}),
    ),
    Case(
        *("see payments", "purchase", "GET", "/payments", None, "ana", 200),
        [
            {
                "id": 1,
                "purchase_id": 1,
                "amount": 30.3,
                "method": "Tarjeta",
                "status": "Completed",
            }
        ],
    ),
    Case(
        *("add a provider", "purchase", "POST", "/providers", {"name": "DHL", "contact": "dhl"}),
        *("staff", 201, {"message": "Proveedor agregado", "provider_id": 1}),
    ),
    Case(
        *("see providers", "purchase", "GET", "/providers", None, None),
        *(200, [{"id": 1, "name": "DHL", "contact": "dhl"}]),
    ),
    Case(
        *("assign", "purchase", "POST", "/assignments", {"purchase_id": 1, "provider_id": 1}),
        *("staff", 201, {"message": "Entrega asignada", "assignment_id": 1}),
    ),
    Case(
        *("see assignments", "purchase", "GET", "/assignments", None, "staff"),
        *(200, [{"id": 1, "purchase_id": 1, "provider_id": 1, "status": "Assigned"}]),
    ),
    Case(
        *("see the purchase on its way", "purchase", "GET", "/purchases", None, "ana"),
        *(200, [{"status": "On Delivery"}]),
    ),
    Case(
        *("change a purchase", "purchase", "PUT", "/purchase/1", {"status": "Delivered"}, "staff"),
        *(200, {"message": "Compra actualizada"}),
    ),
    Case(
        *("change no purchase", "purchase", "PUT", "/purchase/9", {"status": "Delivered"}),
        *("staff", 404, {"error": "Compra no encontrada"}),
    ),
    Case(
        *("buy once more", "purchase", "POST", "/purchase", {"book_id": 1, "quantity": 1}, "ana"),
        *(201, {"remaining_stock": 0}),
    ),
    Case(
        *("write a book where the original had it", "purchase", "POST", "/books", BOOK, "staff"),
        *(308, {"detail": ANY}),
    ),
    Case(
        *("give a purchase up", "purchase", "DELETE", "/purchase/2", None, "ana"),
        *(200, {"message": "Compra eliminada"}),
    ),
    Case(
        *("give nothing up", "purchase", "DELETE", "/purchase/9", None, "ana"),
        *(404, {"error": "Compra no encontrada"}),
    ),
    Case(
        *("see books", "catalog", "GET", "/books", None, None, 200),
        [
            {
                "id": 1,
                "title": "Rayuela",
                "author": "J. Cortázar",
                "description": "…",
                "price": 30.3,
                "stock": ANY,
            }
        ],
    ),
    Case(
        *("see no book", "catalog", "GET", "/books/9", None, None),
        *(404, {"error": "libro no encontrado"}),
    ),
    Case(
        *("change a book", "catalog", "PUT", "/books/1"),
        *({"author": "Julio Cortázar", "price": 31}, "staff"),
        *(200, {"message": "Libro actualizado"}),
    ),
    Case(
        *("see what of the book has stayed", "catalog", "GET", "/books/1", None, None, 200),
        *[{"title": "Rayuela", "author": "Julio Cortázar", "description": "…", "price": 31.0}],
    ),
    Case(
        *("remove a book", "catalog", "DELETE", "/books/1", None, "staff"),
        *(200, {"message": "Libro eliminado"}),
    ),
    Case(
        *("log out nobody", "auth", "POST", "/logout", {}, None),
        *(400, {"error": "token requerido"}),
    ),
    Case(
        *("log out", "auth", "POST", "/logout", {"token": TOKEN}, None),
        *(200, {"message": "logout exitoso"}),
    ),
    Case(
        *("validate what was logged out", "auth", "POST", "/validate", {"token": TOKEN}, None),
        *(401, {"valid": False, "error": "Token invalidado"}),
    ),
]


async def test_the_answers_of_the_original_are_kept(shop: ShopInProcess) -> None:
    """One story, in the order of a client's requests."""
    for case in CASES:
        body = case.body
        if isinstance(body, dict) and body.get("token") is TOKEN:
            body = {"token": shop.tokens["ana"]}
        response = await shop.call(case.service, case.method, case.path, body, user=case.user)

        assert response.status_code == case.status, (case.name, response.text)
        assert differences(case.answer, response.json()) == [], case.name
        if case.name == "login":
            shop.tokens["ana"] = response.json()["token"]
        if case.name == "add a book":
            await shop.until(lambda: shop.stock_is_known(1))


def differences(expected: Any, actual: Any, path: str = "$") -> list[str]:
    """Members that are missing or other than expected; more of them are welcome."""
    if expected is ANY:
        return []
    if isinstance(expected, dict) and isinstance(actual, dict):
        return [
            difference
            for name, value in expected.items()
            for difference in (
                differences(value, actual[name], f"{path}.{name}")
                if name in actual
                else [f"{path}.{name} is missing"]
            )
        ]
    if isinstance(expected, list) and isinstance(actual, list) and len(expected) <= len(actual):
        return [
            difference
            for number, value in enumerate(expected)
            for difference in differences(value, actual[number], f"{path}[{number}]")
        ]
    return [] if expected == actual else [f"{path}: {actual!r}, not {expected!r}"]


async def test_messages_and_errors_follow_accept_language(shop: ShopInProcess) -> None:
    """`message` and `error` follow `Accept-Language`."""
    made = await shop.call(
        "auth", "POST", "/register", {"email": "e@example.org", "password": "an-english-password"},
        accept_language="en-GB, es;q=0.5",
    )  # fmt: skip
    refused = await shop.call(
        "purchase", "POST", "/purchase", {"book_id": 1, "quantity": 1}, accept_language="en"
    )

    assert made.json()["message"] != "usuario creado"
    assert refused.json()["error"] == "Token required"
    assert refused.headers["content-language"] == "en"
