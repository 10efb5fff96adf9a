"""Whether the shop answers, asked as a client would: through the ingress.

`reads` changes nothing. `full` also registers an account, logs in, reads books, and deletes the
account again.
"""

import http.client
import secrets
from collections.abc import Mapping, Sequence

from knative.ops.cli.errors import OpsError
from knative.ops.cli.option_list import SERVICES
from knative.ops.cli.options import Options
from knative.ops.cluster.cluster import Cluster
from knative.ops.cluster.ingress import Answer, Way, way_in
from knative.ops.objects import SERVING, Object, of_kind

_TRIES = 10
_PAUSE = 3.0
_PASSING = {404, 502, 503, 504}
"""What a gateway says that has not heard of a route yet, or of the pod behind it."""


def addresses(cluster: Cluster, items: Sequence[Object], scheme: str) -> dict[str, str]:
    """Where clients reach each public door."""
    found = {}
    mapped = {
        each["spec"]["ref"]["name"]: f"{scheme}://{each['metadata']['name']}"
        for each in of_kind(items, "DomainMapping", SERVING)
    }
    for service in cluster.get(f"service.serving.knative.dev/{name}" for name in SERVICES):
        name = service["metadata"]["name"]
        found[name] = mapped.get(name) or service.get("status", {}).get("url", "")
    return {name: url for name, url in found.items() if url}


def run(cluster: Cluster, urls: Mapping[str, str], options: Options) -> None:
    """Raises `OpsError` at the first answer that is not as it should be."""
    kind, console = options.text("smoke"), cluster.runner.console
    if kind == "none":
        return
    console.heading("smoke test")
    with way_in(cluster, urls, options.text("ingress")) as way:
        console.say(f"  {way.told}")
        visitor = _Visitor(cluster, way, urls)
        for name in urls:
            visitor.expect(200, "GET", name, "/")
        visitor.expect(200, "GET", "catalog", "/books")
        if kind == "full":
            _live_a_little(cluster, visitor)


def _live_a_little(cluster: Cluster, visitor: "_Visitor") -> None:
    email, password = f"smoke-{secrets.token_hex(6)}@bookstore.example", secrets.token_urlsafe(18)
    cluster.runner.hide(password)
    account = {"email": email, "password": password}
    visitor.expect(201, "POST", "auth", "/register", body=account)
    answer = visitor.expect(200, "POST", "auth", "/login", body=account)
    visitor.token = (answer.json() or {}).get("token", "")
    cluster.runner.hide(visitor.token)
    visitor.expect(200, "GET", "auth", "/me")
    visitor.expect(200, "DELETE", "auth", "/me", also={204})


class _Visitor:
    def __init__(self, cluster: Cluster, way: Way, urls: Mapping[str, str]) -> None:
        self.cluster, self.way, self.urls = cluster, way, urls
        self.token = ""

    def expect(
        self,
        status: int,
        method: str,
        service: str,
        path: str,
        *,
        body: object = None,
        also: set[int] | None = None,
    ) -> Answer:
        url = self.urls.get(service, "") + path
        with self.cluster.runner.console.step(f"{method} {url}") as step:
            answer = self._patiently(method, url, body)
            step.done(str(answer.status))
            if answer.status not in {status, *(also or ())}:
                raise OpsError(
                    f"{method} {url} answered {answer.status} where {status} was expected:\n"
                    f"  {answer.text[:500]}"
                )
            return answer

    def _patiently(self, method: str, url: str, body: object) -> Answer:
        problem: object = None
        for attempt in range(1, _TRIES + 1):
            try:
                answer = self.way.ask(method, url, body=body, token=self.token)
                if answer.status not in _PASSING or attempt == _TRIES:
                    return answer
            except (OSError, http.client.HTTPException) as error:
                problem = error
            self.cluster.runner.clock.sleep(_PAUSE)
        raise OpsError(
            f"{method} {url}: no answer {self.way.told}: {problem}\n"
            "The services are ready; look at the ingress, or name it with --ingress."
        )
