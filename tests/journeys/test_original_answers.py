"""What clients of the original know: its statuses, texts and fields, as a table of cases.

Where the shop answers another status on purpose (409 for a taken address or missing stock), the
`error` text is the original's all the same. docs/clients-of-the-original.md lists each difference.
The client is replayed on a new shop, and on one that has moved in from the original.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.adoption.moved_shop import open_moved_shop
from tests.journeys.shop_in_process import ShopInProcess, open_shop


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


@dataclass(frozen=True)
class Id:
    """An id that the first answer with it gives; requests and answers repeat it."""

    name: str


BOOK_ID, PURCHASE_ID, SECOND_PURCHASE_ID = Id("book"), Id("purchase"), Id("second_purchase")
PAYMENT_ID, PROVIDER_ID, ASSIGNMENT_ID = Id("payment"), Id("provider"), Id("assignment")
NO_SUCH_ID = 999_999_999
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
        *(201, {"message": "Libro agregado", "book_id": BOOK_ID}),
    ),
    Case(
        *(
            "buy as nobody",
            "purchase",
            "POST",
            "/purchase",
            {"book_id": BOOK_ID, "quantity": 1},
            None,
        ),
        *(401, {"error": "Token requerido"}),
    ),
    Case(
        *("buy nothing", "purchase", "POST", "/purchase", {}, "ana"),
        *(400, {"error": "book_id y quantity son requeridos"}),
    ),
    Case(
        *("buy what is not there", "purchase", "POST", "/purchase"),
        *({"book_id": NO_SUCH_ID, "quantity": 1}, "ana", 404, {"error": "Libro no encontrado"}),
    ),
    Case(
        *(
            "buy too many",
            "purchase",
            "POST",
            "/purchase",
            {"book_id": BOOK_ID, "quantity": 3},
            "ana",
        ),
        *(409, {"error": "No hay suficiente stock disponible", "stock_actual": 2}),
    ),
    Case(
        *("buy", "purchase", "POST", "/purchase", {"book_id": BOOK_ID, "quantity": 1}, "ana"),
        201,
        {
            "message": "Compra creada",
            "purchase_id": PURCHASE_ID,
            "total_price": 30.3,
            "remaining_stock": 1,
        },
    ),
    Case(
        *("see purchases", "purchase", "GET", "/purchases", None, "ana", 200),
        [
            {
                "id": PURCHASE_ID,
                "user_id": ANY,
                "book_id": BOOK_ID,
                "book_name": "Rayuela",
                "quantity": 1,
                "total_price": 30.3,
                "status": "Pending Payment",
            }
        ],
    ),
    Case(
        *("pay", "purchase", "POST", "/payment"),
        *({"purchase_id": PURCHASE_ID, "amount": 10.1 * 3, "payment_method": "Tarjeta"}, "ana"),
        *(201, {"message": "Pago registrado", "payment_id": PAYMENT_ID}),
    ),
    Case(
        *("see payments", "purchase", "GET", "/payments", None, "ana", 200),
        [
            {
                "id": PAYMENT_ID,
                "purchase_id": PURCHASE_ID,
                "amount": 30.3,
                "method": "Tarjeta",
                "status": "Completed",
            }
        ],
    ),
    Case(
        *(
            "add a provider",
            "purchase",
            "POST",
            "/providers",
            {"name": "Mensajería Sur", "contact": "sur"},
        ),
        *("staff", 201, {"message": "Proveedor agregado", "provider_id": PROVIDER_ID}),
    ),
    Case(
        *("see providers", "purchase", "GET", "/providers", None, None),
        *(200, [{"id": PROVIDER_ID, "name": "Mensajería Sur", "contact": "sur"}]),
    ),
    Case(
        *(
            "assign",
            "purchase",
            "POST",
            "/assignments",
            {"purchase_id": PURCHASE_ID, "provider_id": PROVIDER_ID},
        ),
        *("staff", 201, {"message": "Entrega asignada", "assignment_id": ASSIGNMENT_ID}),
    ),
    Case(
        *("see assignments", "purchase", "GET", "/assignments", None, "staff"),
        *(
            200,
            [
                {
                    "id": ASSIGNMENT_ID,
                    "purchase_id": PURCHASE_ID,
                    "provider_id": PROVIDER_ID,
                    "status": "Assigned",
                }
            ],
        ),
    ),
    Case(
        *("see the purchase on its way", "purchase", "GET", "/purchases", None, "ana"),
        *(200, [{"status": "On Delivery"}]),
    ),
    Case(
        *(
            "change a purchase",
            "purchase",
            "PUT",
            "/purchase/{purchase}",
            {"status": "Delivered"},
            "staff",
        ),
        *(200, {"message": "Compra actualizada"}),
    ),
    Case(
        *(
            "change no purchase",
            "purchase",
            "PUT",
            f"/purchase/{NO_SUCH_ID}",
            {"status": "Delivered"},
        ),
        *("staff", 404, {"error": "Compra no encontrada"}),
    ),
    Case(
        *(
            "buy once more",
            "purchase",
            "POST",
            "/purchase",
            {"book_id": BOOK_ID, "quantity": 1},
            "ana",
        ),
        *(201, {"purchase_id": SECOND_PURCHASE_ID, "remaining_stock": 0}),
    ),
    Case(
        *("write a book where the original had it", "purchase", "POST", "/books", BOOK, "staff"),
        *(308, {"detail": ANY}),
    ),
    Case(
        *("give a purchase up", "purchase", "DELETE", "/purchase/{second_purchase}", None, "ana"),
        *(200, {"message": "Compra eliminada"}),
    ),
    Case(
        *("give nothing up", "purchase", "DELETE", f"/purchase/{NO_SUCH_ID}", None, "ana"),
        *(404, {"error": "Compra no encontrada"}),
    ),
    Case(
        *("see books", "catalog", "GET", "/books", None, None, 200),
        [
            {
                "id": BOOK_ID,
                "title": "Rayuela",
                "author": "J. Cortázar",
                "description": "…",
                "price": 30.3,
                "stock": ANY,
            }
        ],
    ),
    Case(
        *("see no book", "catalog", "GET", f"/books/{NO_SUCH_ID}", None, None),
        *(404, {"error": "libro no encontrado"}),
    ),
    Case(
        *("change a book", "catalog", "PUT", "/books/{book}"),
        *({"author": "Julio Cortázar", "price": 31}, "staff"),
        *(200, {"message": "Libro actualizado"}),
    ),
    Case(
        *("see what of the book has stayed", "catalog", "GET", "/books/{book}", None, None, 200),
        *[{"title": "Rayuela", "author": "Julio Cortázar", "description": "…", "price": 31.0}],
    ),
    Case(
        *("remove a book", "catalog", "DELETE", "/books/{book}", None, "staff"),
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


@pytest.fixture(params=["new", "moved"])
async def any_shop(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ShopInProcess]:
    """A new shop, or one with the data of the original."""
    opening = open_shop if request.param == "new" else open_moved_shop
    async with opening(tmp_path) as running:
        yield running


async def test_the_answers_of_the_original_are_kept(any_shop: ShopInProcess) -> None:
    """One story, in the order of a client's requests."""
    shop, ids = any_shop, dict[str, int]()
    for case in CASES:
        body = _filled(case.body, ids)
        if isinstance(body, dict) and body.get("token") is TOKEN:
            body = {"token": shop.tokens["ana"]}
        path = case.path.format_map(ids)
        response = await shop.call(case.service, case.method, path, body, user=case.user)
        answer = await _whole(shop, case, response.json(), response.headers.get("link"))

        assert response.status_code == case.status, (case.name, response.text)
        assert differences(case.answer, answer, ids) == [], case.name
        if case.name == "login":
            shop.tokens["ana"] = answer["token"]
        if case.name == "add a book":
            await shop.until(lambda: shop.stock_is_known(ids["book"]))


def _filled(body: Any, ids: dict[str, int]) -> Any:
    if not isinstance(body, dict):
        return body
    return {
        name: ids[value.name] if isinstance(value, Id) else value for name, value in body.items()
    }


async def _whole(shop: ShopInProcess, case: Case, answer: Any, link: str | None) -> Any:
    """A list with the pages that follow it."""
    while link is not None:
        path = link.partition("<")[2].partition(">")[0]
        response = await shop.call(case.service, "GET", path, user=case.user)
        answer += response.json()
        link = response.headers.get("link")
    return answer


def differences(expected: Any, actual: Any, ids: dict[str, int], path: str = "$") -> list[str]:
    """Members that are missing or other than expected; more of them are welcome."""
    if expected is ANY:
        return []
    if isinstance(expected, Id):
        expected = ids.setdefault(expected.name, actual)
    if isinstance(expected, dict) and isinstance(actual, dict):
        return [
            difference
            for name, value in expected.items()
            for difference in (
                differences(value, actual[name], ids, f"{path}.{name}")
                if name in actual
                else [f"{path}.{name} is missing"]
            )
        ]
    if isinstance(expected, list) and isinstance(actual, list):
        return [
            f"{path} has no {value!r}"
            for value in expected
            if all(differences(value, each, ids, path) for each in actual)
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
