"""Whose address a service sees behind the gateway: the client's, and none that it invents.

auth counts tries of passwords by it. Envoy appends who called it (`use-remote-address` in
versions.toml), activator and queue-proxy append the pods before them.
"""

import tomllib

import pytest
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from tests.cluster.manifests import KNATIVE, OVERLAYS, knative_services, rendered, settings_of

QUEUE_PROXY = "127.0.0.1"
CLIENT = "203.0.113.9"
INVENTED = "198.51.100.1"


async def seen(trusted: str, forwarded: str) -> str:
    """The client's address as the app finds it in its scope."""
    found: list[str] = []

    async def app(scope: object, receive: object, send: object) -> None:
        assert isinstance(scope, dict)
        found.append(scope["client"][0])

    middleware = ProxyHeadersMiddleware(app, trusted)
    headers = [(b"x-forwarded-for", forwarded.encode())]
    scope = {"type": "http", "client": (QUEUE_PROXY, 1), "scheme": "http", "headers": headers}
    await middleware(scope, None, None)  # type: ignore[arg-type]
    return found[0]


@pytest.mark.parametrize("overlay", OVERLAYS)
@pytest.mark.parametrize("pods", ["10.0.1.5, 10.0.2.6", "192.168.7.8", "172.20.0.3, fd00::7"])
async def test_it_is_the_clients_and_none_that_it_invents(overlay: str, pods: str) -> None:
    objects = rendered(overlay)
    for service in knative_services(objects):
        (container,) = service["spec"]["template"]["spec"]["containers"]
        trusted = settings_of(objects, container)["FORWARDED_ALLOW_IPS"]

        assert await seen(trusted, f"{INVENTED}, {CLIENT}, {pods}") == CLIENT


def test_the_gateway_is_told_to_append_it() -> None:
    settings = tomllib.loads((KNATIVE / "versions.toml").read_text("utf-8"))["settings"]
    (kourier,) = (each for each in settings if each["configmap"] == "config-kourier")

    assert kourier["data"]["use-remote-address"] == "true"
