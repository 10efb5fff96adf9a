"""What an ordinary generator makes of the documents: a client that buys a book.

openapi-python-client leaves out what it does not understand, with a warning; every operation must
come through. Nothing is configured but that its formatter need not run.
"""

import io
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from functions.auth.app import create_app as create_auth
from functions.auth.settings import AuthSettings
from functions.catalog.app import create_app as create_catalog
from functions.catalog.settings import CatalogSettings
from functions.kit.http.openapi import document
from functions.notifications.app import create_app as create_notifications
from functions.notifications.settings import NotificationsSettings
from functions.purchase.app import create_app as create_purchase
from functions.purchase.settings import PurchaseSettings
from tests.journeys.shop_in_process import SERVICES, ShopInProcess, address

APPS = {
    "auth": lambda: create_auth(AuthSettings()),
    "catalog": lambda: create_catalog(CatalogSettings()),
    "notifications": lambda: create_notifications(NotificationsSettings()),
    "purchase": lambda: create_purchase(PurchaseSettings()),
}


def generate(service: str, folder: Path) -> None:
    """Make `{service}_client` in a folder, a package."""
    described, config = folder / f"{service}.json", folder / "config.yaml"
    described.write_bytes(msgspec.json.encode(document(APPS[service]())))
    config.write_text("post_hooks: []\n", "utf-8")
    done = subprocess.run(  # noqa: S603 - this interpreter
        [
            *(sys.executable, "-m", "openapi_python_client", "generate"),
            *("--path", str(described), "--output-path", str(folder / f"{service}_client")),
            *("--meta", "none", "--config", str(config)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "will not be generated" not in done.stdout


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The clients of all services, where they can be imported."""
    folder = tmp_path_factory.mktemp("clients")
    for service in SERVICES:
        generate(service, folder)
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))
    for name in [name for name in sys.modules if name.partition(".")[0].endswith("_client")]:
        if name.partition(".")[0] in {f"{service}_client" for service in SERVICES}:
            del sys.modules[name]


def client_of(shop: ShopInProcess, service: str, token: str | None = None) -> Any:
    """A generated client that talks to the service in this process."""
    made = import_module(f"{service}_client")
    wire = {"transport": httpx.ASGITransport(shop.apps[service])}  # type: ignore[arg-type]
    if token is None:
        return made.Client(base_url=address(service), httpx_args=wire)
    return made.AuthenticatedClient(base_url=address(service), httpx_args=wire, token=token)


async def call(client: Any, operation: str, **arguments: Any) -> Any:
    """What an operation answers, parsed; `operation` is such as `auth.logins.login`."""
    service, _, rest = operation.partition(".")
    module = import_module(f"{service}_client.api.{rest}")
    answer = await module.asyncio_detailed(client=client, **arguments)

    assert answer.status_code < 300, answer.content
    return answer.parsed


def model(service: str, kind: str, **values: Any) -> Any:
    return import_module(f"{service}_client.models").__dict__[kind].from_dict(values)


async def test_a_generated_client_buys_a_book(clients: Path, shop: ShopInProcess) -> None:
    """It registers, logs in, reads, buys in both forms, pays, and changes a user's name."""
    books = [await shop.sell(title) for title in ("Rayuela", "Ficciones")]
    who = {"email": "client@example.org", "password": "una frase bastante larga"}
    nobody = client_of(shop, "auth")
    registered = await call(
        nobody, "auth.account.register", body=model("auth", "Registration", **who)
    )
    login = await call(nobody, "auth.logins.login", body=model("auth", "Credentials", **who))
    by_title = import_module("catalog_client.models").ListBooksSort("title")
    listed = await call(client_of(shop, "catalog"), "catalog.books.list_books", sort=by_title)
    buyer = client_of(shop, "purchase", login.token)
    one = await call(
        buyer,
        "purchase.purchases.place",
        body=model("purchase", "NewPurchaseOfOneBook", book_id=listed[1].id, quantity=2),
        idempotency_key="a-key",
    )
    several = await call(
        buyer,
        "purchase.purchases.place",
        body=model(
            "purchase",
            "NewPurchaseOfSeveralBooks",
            items=[{"book_id": book_id, "quantity": 1} for book_id in books],
        ),
    )
    payment = await call(
        buyer,
        "purchase.payments.pay",
        body=model(
            "purchase",
            "NewPaymentByPaymentMethod",
            purchase_id=one.purchase_id,
            payment_method="tok_success",
        ),
    )
    seen = await call(buyer, "purchase.purchases.get_purchase", purchase_id=one.purchase_id)
    me = await call(
        client_of(shop, "auth", login.token),
        "auth.account.change_me",
        body=model("auth", "ProfileChange", name="Ana"),
    )

    assert [book.title for book in listed] == ["Ficciones", "Rayuela"]
    assert (one.total_price, len(several.items)) == (20.0, 2)
    assert (payment.status, seen.status.value) == ("Completed", "Paid")
    assert (me.id, me.name) == (registered.id, "Ana")


async def test_a_generated_client_sends_a_file(clients: Path, shop: ShopInProcess) -> None:
    """Generators send files as forms."""
    content = "title,author,price,stock\nRayuela,Julio Cortázar,21.90,5\n".encode()
    types = import_module("catalog_client.types")
    models = import_module("catalog_client.models")
    report = await call(
        client_of(shop, "catalog", shop.tokens["staff"]),
        "catalog.books.import_file",
        body=models.ImportFileFilesBody(
            file=types.File(io.BytesIO(content), "books.csv", "text/csv")
        ),
    )

    assert (report.lines, report.created) == (1, 1)


@pytest.mark.parametrize("service", SERVICES)
def test_no_operation_is_dropped(clients: Path, service: str) -> None:
    """Each operation of the document has its function, in the module of its tag."""
    operations = {
        (operation["tags"][0].replace(".", "").replace("-", "_"), operation["operationId"])
        for item in document(APPS[service]())["paths"].values()
        for operation in item.values()
    }
    made = {
        (path.parent.name, path.stem)
        for path in (clients / f"{service}_client" / "api").glob("*/*.py")
        if path.stem != "__init__"
    }

    assert made == operations
