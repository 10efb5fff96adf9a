"""A deployed shop as its clients and its operator use it.

`tests/cluster/ops/test_e2e_helpers.py` tests this on a fake cluster.

Requests go through the ingress only. Nothing here reads a Secret except for the first admin's
password, as the README says to.
"""

import base64
import secrets
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx

from knative.ops.cluster import traffic
from knative.ops.cluster.cluster import Cluster
from knative.ops.cluster.ingress import IngressRoute
from knative.ops.objects import SELECTOR, Object
from knative.ops.rollout import credentials

SERVICE_LABEL = "serving.knative.dev/service"
REVISION_LABEL = "serving.knative.dev/revision"

T = TypeVar("T")


class NotInTime(AssertionError):
    """Something did not become true in its time."""


@dataclass
class Shop:
    cluster: Cluster
    route: IngressRoute
    urls: Mapping[str, str]
    """Public URL by service."""
    timeout: float = 70.0
    """Seconds of one request; a cold start is shorter."""
    pause: float = 1.0
    """Seconds between two looks at something that changes."""
    measured: dict[str, Any] = field(default_factory=dict)
    """What goes into the report."""
    books: list[int] = field(default_factory=list)
    """Those that this suite added and that are for sale."""

    # As a client

    def request(
        self,
        method: str,
        service: str,
        path: str,
        *,
        token: str = "",
        json: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """One request by a connection of its own. Raises `httpx.TransportError`."""
        public = urlsplit(self.urls[service])
        base = self.urls[service]
        if self.route.host:
            base = f"http://{self.route.host}:{self.route.port}"
        sent = {"Host": public.netloc, "Accept-Language": "en", **(headers or {})}
        if token:
            sent["Authorization"] = f"Bearer {token}"
        with httpx.Client(trust_env=False, timeout=self.timeout) as client:
            return client.request(method, base + path, headers=sent, json=json)

    def expect(self, status: int, method: str, service: str, path: str, **given: Any) -> Any:
        """The JSON of an answer. A 503 is repeated, as its Retry-After tells clients to."""
        answer = self.patiently(lambda: self.request(method, service, path, **given))
        if answer.status_code != status:
            raise AssertionError(
                f"{method} {service}{path}: {answer.status_code}, not {status}: {answer.text[:500]}"
            )
        return answer.json() if answer.content else None

    def patiently(self, ask: Callable[[], httpx.Response], seconds: float = 120) -> httpx.Response:
        """The first answer that is not a gateway's or a database's pause."""
        end = time.monotonic() + seconds
        while True:
            try:
                answer = ask()
                if answer.status_code not in {502, 503, 504} or time.monotonic() > end:
                    return answer
            except httpx.TransportError:
                if time.monotonic() > end:
                    raise
            time.sleep(self.pause)

    def log_in(self, email: str, password: str) -> str:
        account = {"email": email, "password": password}
        return str(self.expect(200, "POST", "auth", "/login", json=account)["access_token"])

    def customer(self) -> str:
        """The token of a new account."""
        email, password = f"e2e-{secrets.token_hex(8)}@bookstore.example", secrets.token_urlsafe(18)
        self.expect(201, "POST", "auth", "/register", json={"email": email, "password": password})
        return self.log_in(email, password)

    def admin(self) -> str:
        """The token of the first admin."""
        secret = self.cluster.one(f"secret/{credentials.ADMIN}")
        assert secret is not None, "deploy made no first admin"
        email, password = (
            base64.b64decode(secret["data"][name]).decode() for name in ("email", "password")
        )
        return self.log_in(email, password)

    def book(self, staff: str, *, stock: int) -> int:
        """A new book that purchase knows and can sell."""
        title = f"End to end {secrets.token_hex(4)}"
        body = {"title": title, "author": "A Test", "price": 12.5, "stock": stock}
        book_id: int = self.expect(201, "POST", "catalog", "/books", token=staff, json=body)[
            "book_id"
        ]
        self.books.append(book_id)
        self.until(
            f"purchase sells book {book_id}",
            lambda: self.stock_at_purchase(staff, book_id) == stock,
        )
        return book_id

    def retire_books(self) -> None:
        """End the sale of the books of this suite: the shop may have customers."""
        staff = self.admin() if self.books else ""
        while self.books:
            self.expect(200, "DELETE", "catalog", f"/books/{self.books.pop()}", token=staff)

    def stock_at_purchase(self, staff: str, book_id: int) -> int | None:
        answer = self.request("GET", "purchase", f"/inventory/{book_id}", token=staff)
        return int(answer.json()["available"]) if answer.status_code == 200 else None

    def stock_at_catalog(self, book_id: int) -> int | None:
        answer = self.request("GET", "catalog", f"/books/{book_id}")
        return int(answer.json()["stock"]) if answer.status_code == 200 else None

    def buy(self, token: str, book_id: int, *, key: str = "") -> httpx.Response:
        """One copy; the same key is the same purchase."""
        return self.request(
            "POST",
            "purchase",
            "/purchase",
            token=token,
            json={"book_id": book_id, "quantity": 1},
            headers={"Idempotency-Key": key or str(uuid.uuid4())},
        )

    # As an operator

    def until(self, what: str, holds: Callable[[], T], *, seconds: float = 180) -> T:
        """Wait; the value that holds. Raises `NotInTime`."""
        end = time.monotonic() + seconds
        while True:
            try:
                if found := holds():
                    return found
            except httpx.TransportError:
                pass
            if time.monotonic() > end:
                raise NotInTime(f"Not in {seconds:.0f} s: {what}")
            time.sleep(self.pause)

    def pods(self, selector: str = SERVICE_LABEL) -> list[Object]:
        """Those that are not being deleted."""
        found = self.cluster.every("pods", selector=selector)
        return [each for each in found if "deletionTimestamp" not in each["metadata"]]

    def awake(self, service: str) -> bool:
        return bool(self.pods(f"{SERVICE_LABEL}={service}"))

    def _asleep(self, service: str) -> bool:
        return not self.awake(service)

    def until_zero(self, *services: str, seconds: float = 900) -> None:
        """Wait for the services to scale to zero by themselves."""
        for service in services:
            self.until(f"{service} at zero", partial(self._asleep, service), seconds=seconds)

    def delete(self, *references: str) -> None:
        self.cluster.kubectl("delete", *references, "--wait=false")

    def service(self, name: str) -> Object:
        found = self.cluster.one(f"service.serving.knative.dev/{name}")
        assert found is not None
        return found

    def newest(self, name: str) -> str:
        return traffic.newest(self.service(name))

    def generations(self) -> dict[str, int]:
        """Of every object of the shop that has one, by kind and name."""
        kinds = (
            *("services.serving.knative.dev", "statefulsets.apps", "networkpolicies", "cronjobs"),
            *("brokers.eventing.knative.dev", "triggers.eventing.knative.dev"),
            *("pingsources.sources.knative.dev", "rabbitmqclusters.rabbitmq.com"),
        )
        return {
            f"{item['kind']}/{item['metadata']['name']}": item["metadata"].get("generation", 0)
            for kind in kinds
            for item in self.cluster.every(kind, selector=SELECTOR)
        }

    def logs(self) -> Iterator[tuple[str, str]]:
        """The log of each container of the shop's pods, by its name."""
        for pod in self.cluster.every("pods", selector=SELECTOR):
            name = pod["metadata"]["name"]
            for container in pod["spec"]["containers"]:
                result = self.cluster.kubectl("logs", name, "-c", container["name"], check=False)
                yield f"{name}/{container['name']}", result.stdout

    def secret_values(self) -> dict[str, str]:
        """Every value of the namespace's Secrets that is long enough to be one, by its name."""
        found = {}
        for secret in self.cluster.every("secrets"):
            for key, value in (secret.get("data") or {}).items():
                text = base64.b64decode(value).decode("utf-8", "replace").strip()
                if len(text) >= 12 and "\n" not in text:
                    found[f"{secret['metadata']['name']}.{key}"] = text
        return found
