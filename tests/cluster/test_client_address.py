"""The client's address that a service sees behind the gateway; a client cannot choose it.

auth throttles logins by it. The settings are those of the manifests, the proxies those of Knative.
"""

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.kit.base.settings import ServiceSettings
from functions.kit.http.forwarded import ForwardedMiddleware, address
from tests.cluster.manifests import KNATIVE, OVERLAYS, knative_services, rendered, settings_of
from tests.support.proxies import (
    EXTERNAL,
    FORWARDED_FOR,
    Headers,
    Proxy,
    envoy,
    go_reverse_proxy,
    passed,
    without,
)

QUEUE_PROXY = "127.0.0.1"
GATEWAY, ACTIVATOR = "10.0.1.5", "10.0.2.6"


@pytest.fixture(scope="module", params=OVERLAYS)
def behind(request: pytest.FixtureRequest) -> list[dict[str, str]]:
    """The settings of each service of an overlay."""
    objects = rendered(request.param)
    return [
        settings_of(objects, service["spec"]["template"]["spec"]["containers"][0])
        for service in knative_services(objects)
    ]


async def seen(values: dict[str, str], headers: Headers) -> str:
    """The client's address in the scope of the app."""
    names = ("TRUSTED_HOPS", "CLIENT_ADDRESS_HEADER")
    settings = ServiceSettings.from_mapping({name: values[name] for name in names})

    async def app(scope: object, receive: object, send: object) -> None: ...

    scope: Any = {
        "type": "http",
        "client": (QUEUE_PROXY, 1),
        "scheme": "http",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
    }
    middleware = ForwardedMiddleware(app, settings.trusted_hops, settings.client_address_header)
    await middleware(scope, None, None)  # type: ignore[arg-type]
    found: str = scope["client"][0]
    return found


def through(headers: Headers, client: str, *, activator: bool) -> Headers:
    chain: list[tuple[Proxy, str]] = [(envoy(), GATEWAY), (go_reverse_proxy, QUEUE_PROXY)]
    if activator:
        chain.insert(1, (go_reverse_proxy, ACTIVATOR))
    return passed(headers, client, chain)


@pytest.mark.parametrize("activator", [False, True])
@given(
    client=st.ip_addresses().map(str),
    lines=st.lists(st.lists(st.ip_addresses().map(str), max_size=4).map(", ".join), max_size=3),
)
async def test_it_is_the_gateways_caller(
    behind: list[dict[str, str]], activator: bool, client: str, lines: list[str]
) -> None:
    """Public or private, whatever headers it sends; behind SNAT the caller is a node."""
    headers = [(FORWARDED_FOR, line) for line in lines] + [(EXTERNAL, line) for line in lines]
    for values in behind:
        got = through(headers, client, activator=activator)

        assert await seen(values, got) == address(client)


async def test_without_the_gateways_header(
    behind: list[dict[str, str]],
) -> None:
    """Then it is still not the client's choice; with the activator it is the gateway's own."""
    headers = [(FORWARDED_FOR, "198.51.100.1, 10.9.9.9")]
    for values in behind:
        for activator, expected in ((False, "203.0.113.9"), (True, GATEWAY)):
            got = without(through(headers, "203.0.113.9", activator=activator), EXTERNAL)

            assert await seen(values, got) == expected


def test_the_gateway_writes_it() -> None:
    """The platform's settings make Envoy overwrite the header."""
    settings = tomllib.loads((KNATIVE / "versions.toml").read_text("utf-8"))["settings"]
    (kourier,) = (each for each in settings if each["configmap"] == "config-kourier")

    assert kourier["data"]["use-remote-address"] == "true"
