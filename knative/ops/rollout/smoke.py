"""The smoke test: requests through the ingress, as a client makes them.

`reads` changes nothing. `full` also registers an account, logs in, reads it, and deletes it.
"""

import http.client
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from knative.ops.cli.errors import OpsError
from knative.ops.cli.options import DeployOptions
from knative.ops.cli.values import SERVICES_WITH_API, STOREFRONT
from knative.ops.cluster.cluster import Cluster
from knative.ops.cluster.ingress import IngressRoute, Response, open_route
from knative.ops.objects import SERVING, Object, of_kind

_TRIES = 10
_PAUSE = 3.0
_TRANSIENT = {404, 502, 503, 504}
"""A gateway's answers while it does not know a new route, or the pod behind it."""


def addresses(cluster: Cluster, items: Sequence[Object], scheme: str) -> dict[str, str]:
    """The URL of the storefront, then that of each public API."""
    found = {}
    names = (STOREFRONT, *SERVICES_WITH_API)
    mapped = {
        each["spec"]["ref"]["name"]: f"{scheme}://{each['metadata']['name']}"
        for each in of_kind(items, "DomainMapping", SERVING)
    }
    for service in cluster.get(f"service.serving.knative.dev/{name}" for name in names):
        name = service["metadata"]["name"]
        found[name] = mapped.get(name) or service.get("status", {}).get("url", "")
    return {name: found[name] for name in names if found.get(name)}


def run(cluster: Cluster, urls: Mapping[str, str], options: DeployOptions) -> None:
    """Raises `OpsError` at the first unexpected response."""
    if options.smoke == "none":
        return
    cluster.runner.console.heading("smoke test")
    with open_route(cluster, urls, options.ingress) as route:
        cluster.runner.console.print(f"  {route.description}")
        client = _Client(cluster, route, urls)
        for name in SERVICES_WITH_API:
            client.expect({200}, "GET", name, "/")
        client.expect({200}, "GET", "catalog", "/books")
        if STOREFRONT in urls:
            # The first page, which shows books: so the storefront reaches catalog.
            client.expect({200}, "GET", STOREFRONT, "/en")
        if options.smoke == "full":
            _use_an_account(client)


def _use_an_account(client: "_Client") -> None:
    email, password = f"smoke-{secrets.token_hex(6)}@bookstore.example", secrets.token_urlsafe(18)
    client.cluster.runner.hide(password)
    account = {"email": email, "password": password}
    client.expect({201}, "POST", "auth", "/register", body=account)
    response = client.expect({200}, "POST", "auth", "/login", body=account)
    client.token = (response.json() or {}).get("token", "")
    client.cluster.runner.hide(client.token)
    client.expect({200}, "GET", "auth", "/me")
    client.expect({200, 204}, "DELETE", "auth", "/me")


@dataclass
class _Client:
    cluster: Cluster
    route: IngressRoute
    urls: Mapping[str, str]
    token: str = ""

    def expect(
        self,
        statuses: Collection[int],
        method: str,
        service: str,
        path: str,
        *,
        body: object = None,
    ) -> Response:
        url = self.urls.get(service, "") + path
        with self.cluster.runner.console.step(f"{method} {url}") as step:
            response = self._with_retries(method, url, body)
            step.done(str(response.status))
            if response.status not in statuses:
                expected = " or ".join(map(str, sorted(statuses)))
                raise OpsError(
                    f"{method} {url} answered {response.status} where {expected} was expected:\n"
                    f"  {response.text[:500]}"
                )
            return response

    def _with_retries(self, method: str, url: str, body: object) -> Response:
        problem: object = None
        for attempt in range(1, _TRIES + 1):
            try:
                response = self.route.request(method, url, body=body, token=self.token)
                if response.status not in _TRANSIENT or attempt == _TRIES:
                    return response
            except (OSError, http.client.HTTPException) as error:
                problem = error
            self.cluster.runner.clock.sleep(_PAUSE)
        raise OpsError(
            f"{method} {url}: no response {self.route.description}: {problem}\n"
            "The services are ready; check the ingress, or give its URL with --ingress."
        )
