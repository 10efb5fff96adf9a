"""No password, token or key is in what the shop says, however much it is told to say.

The whole shop with LOG_LEVEL=DEBUG, a whole journey through it with good secrets and bad ones, and
then a search for each of them in every log and every refusal.
"""

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from functions.local.mysql import DATABASES
from functions.local.ports import SERVICES
from tests.local.runners import Runner, running
from tests.servers.mysql import PASSWORD, Server

KEY_SECRET = "seals-the-signing-keys-of-this-test-only"
FIRST, SECOND = "la primera frase secreta", "la segunda frase secreta"
WRONG = "a-wrong-password-that-somebody-typed"
CARD = "4111 1111 1111 1111"
TOKEN_FIELDS = ("token", "access_token", "refresh_token")


class Journey:
    """Somebody who uses the shop, and remembers every secret and every refusal."""

    def __init__(self, client: httpx.AsyncClient, runner: Runner) -> None:
        self.client = client
        self.runner = runner
        self.secrets = {FIRST, SECOND, WRONG, CARD, KEY_SECRET}
        self.refusals: list[str] = []
        self.statuses: list[int] = []

    async def call(
        self, service: str, method: str, path: str, body: Any = None, token: str | None = None
    ) -> Any:
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        url = self.runner.ports.url(service) + path
        response = await self.client.request(method, url, json=body, headers=headers)
        self.statuses.append(response.status_code)
        answer = response.json() if response.content else None
        if response.status_code >= 400:
            self.refusals.append(f"{response.headers}{response.text}")
        if isinstance(answer, dict):
            self.secrets.update(answer[name] for name in TOKEN_FIELDS if name in answer)
        return answer

    async def log_in(self, email: str, password: str) -> Any:
        return await self.call("auth", "POST", "/login", {"email": email, "password": password})


async def travel(journey: Journey, admin: dict[str, str]) -> None:
    """Everything that takes or gives a secret, done rightly and wrongly; and a sale."""
    call, email = journey.call, "ana@example.org"
    await call("auth", "POST", "/register", {"email": email, "password": FIRST})
    await call("auth", "POST", "/register", {"email": email, "password": SECOND})
    await call("auth", "POST", "/register", {"email": "no address", "password": WRONG})
    await call("auth", "POST", "/register", {"email": email, "password": FIRST, "x": WRONG})
    await journey.log_in(email, WRONG)
    await journey.log_in("nobody@example.org", WRONG)
    tokens = await journey.log_in(email, FIRST)
    bearer = tokens["token"]
    body = {"current_password": WRONG, "new_password": SECOND}
    await call("auth", "POST", "/me/password", body, bearer)
    body = {"current_password": FIRST, "new_password": SECOND}
    tokens = await call("auth", "POST", "/me/password", body, bearer)
    bearer = tokens["token"]
    again = {"refresh_token": tokens["refresh_token"]}
    tokens = await call("auth", "POST", "/refresh", again)
    bearer = tokens["token"]
    await call("auth", "POST", "/password/reset", {"token": WRONG, "password": WRONG})
    await call("notifications", "POST", "/unsubscribe", {"token": WRONG})
    for service in SERVICES:
        await call(service, "GET", f"/nowhere?token={bearer}&password={WRONG}", None, bearer)
    await call("auth", "POST", "/validate", {"token": bearer})
    await call("auth", "POST", "/validate", {"token": bearer[:-3]})
    journey.secrets.add(admin["password"])
    boss = (await journey.log_in(admin["email"], admin["password"]))["token"]
    book = {"title": "Rayuela", "author": "Cortázar", "price": 10, "stock": 5}
    await call("catalog", "POST", "/books", book, boss)
    await call("catalog", "POST", "/books", book, bearer)
    await call("catalog", "PATCH", "/books/1", {"price": WRONG}, boss)
    await call("purchase", "POST", "/purchase", {"book_id": 1, "quantity": 1}, bearer[:-3])
    await call("purchase", "POST", "/payment", {"purchase_id": 1, "payment_method": CARD}, bearer)
    await call("purchase", "POST", "/payment", {"purchase_id": WRONG, "method": CARD}, bearer)
    await call("purchase", "GET", "/purchases", None, bearer)
    await call("auth", "POST", "/admin/keys/rotate", None, boss)
    await call("auth", "POST", "/logout", {"token": bearer[:-3]})
    await call("auth", "POST", "/logout", {"token": bearer})
    await call("auth", "GET", "/me", None, bearer)
    await call("auth", "POST", "/refresh", again)


@pytest.fixture(params=["sqlite", "mysql"])
def where(request: pytest.FixtureRequest) -> Iterator[Server | None]:
    if request.param == "sqlite":
        yield None
        return
    server: Server = request.getfixturevalue("mysql_server")

    def drop() -> None:
        for database in DATABASES.values():
            server.run(f"DROP DATABASE IF EXISTS `{database}`")

    drop()
    yield server
    drop()


def signing_keys(data: Path, server: Server | None) -> set[str]:
    """As they lie in the database: sealed."""
    select = "SELECT private_key FROM {}signing_keys"
    if server is not None:
        rows = server.run(select.format(f"{DATABASES['auth']}."))
    else:
        with contextlib.closing(sqlite3.connect(data / "auth.db")) as connection:
            rows = connection.execute(select.format("")).fetchall()
    return {str(row[0]) for row in rows}


async def test_no_secret_is_logged_or_returned(where: Server | None, tmp_path: Path) -> None:
    """No secret is in the logs of any process at DEBUG, nor in any refusal."""
    data = tmp_path / "data"
    options = ["--no-seed"]
    if where is not None:
        options += ["--mysql", where.url("").rstrip("/")]
    shop = running(
        data, *options, package="functions", LOG_LEVEL="DEBUG", KEY_ENCRYPTION_SECRET=KEY_SECRET
    )
    async with shop as runner:
        await runner.until_printed("Ctrl-C stops the shop")
        async with httpx.AsyncClient(timeout=30) as client:
            journey = Journey(client, runner)
            admin = json.loads((data / "admin.json").read_text("utf-8"))
            await travel(journey, admin)
        keys = signing_keys(data, where)
        assert await runner.stop() == 0
    logs = [file.read_text("utf-8", "replace") for file in (data / "logs").rglob("*.log")]
    # dev shows who may enter, once; nobody else says it.
    assert runner.output.count(admin["password"]) == 1
    said = "\n".join([runner.output.replace(admin["password"], ""), *logs])
    secrets = journey.secrets | keys | {PASSWORD, quote(PASSWORD, safe=""), repr(PASSWORD)[1:-1]}
    secrets |= {token.rpartition(".")[2] for token in journey.secrets if token.count(".") == 2}

    assert "POST /login 401" in said
    assert {200, 201, 400, 401, 403, 404, 409} <= set(journey.statuses)
    assert len(keys) == 2
    assert len(journey.secrets) >= 12
    assert {secret for secret in secrets if secret in said} == set()
    refused = "\n".join(journey.refusals)
    assert {secret for secret in secrets if secret in refused} == set()
