"""The part of each service's API that the runner uses at its start, in memory.

STUB_BROKEN names a service that cannot start, STUB_UNSTOPPABLE one that ignores SIGTERM,
STUB_BAD_MIGRATION one whose migration fails.
"""

import csv
import io
import json
import os
import signal
import sys
from typing import Any

from uvicorn._types import ASGI3Application

StubResponse = tuple[int, object]


class Stub:
    def __init__(self, name: str) -> None:
        self.name = name
        self.users: dict[str, dict[str, Any]] = {}
        self.books: list[dict[str, Any]] = []
        self.requests: list[str] = []
        if name == "auth":
            self._add(os.environ["FIRST_ADMIN_EMAIL"], os.environ["FIRST_ADMIN_PASSWORD"])

    def _add(self, email: str, password: str) -> int:
        self.users[email] = {"id": len(self.users) + 1, "password": password}
        return len(self.users)

    def respond(self, method: str, path: str, body: bytes) -> StubResponse:
        match method, path:
            case "GET", "/readyz":
                return 200, {}
            case "GET", "/seen":
                return 200, {"pid": os.getpid(), "requests": self.requests}
            case "POST", "/crash":
                os._exit(3)
        self.requests.append(f"{method} {path}")
        return self._api(method, path, body)

    def _api(self, method: str, path: str, body: bytes) -> StubResponse:
        match self.name, method, path.split("/")[1:]:
            case "auth", "POST", ["register"]:
                user = json.loads(body)
                if user["email"] in self.users:
                    return 409, {}
                return 201, {"id": self._add(user["email"], user["password"])}
            case "auth", "POST", ["login"]:
                user = json.loads(body)
                known = self.users.get(user["email"], {}).get("password") == user["password"]
                return (200, {"token": f"token of {user['email']}"}) if known else (401, {})
            case "auth", "PATCH", ["users", _]:
                return 200, {}
            case "catalog", "POST", ["books", "import"]:
                rows = csv.DictReader(io.StringIO(body.decode()))
                self.books = [
                    {"id": number, "stock_revision": 1, **row} for number, row in enumerate(rows, 1)
                ]
                return 200, {}
            case "catalog", "PUT", ["sellers", "me"] | ["books", _, "seller"]:
                return 200, {}
            case "catalog", "GET", ["books"]:
                return 200, self.books
            case "purchase", "POST", ["providers"]:
                return 201, {}
            case "purchase", "GET", ["inventory", _]:
                # The first request arrives before the event, as it may in the real shop.
                early = len(self.requests) == 5
                return (404, {}) if early else (200, {"available": 1})
        return 404, {}


def make_app(name: str) -> ASGI3Application:
    if os.environ.get("STUB_BROKEN") == name:
        sys.exit(f"{name} cannot start")
    if os.environ.get("STUB_UNSTOPPABLE") == name:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    stub = Stub(name)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body = b""
        while True:
            part = await receive()
            body += part.get("body", b"")
            if not part.get("more_body"):
                break
        status, response = stub.respond(scope["method"], scope["path"], body)
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": json.dumps(response).encode()})

    return app


def migrate(name: str) -> None:
    if os.environ.get("STUB_BAD_MIGRATION") == name:
        sys.exit("no such table: books")
