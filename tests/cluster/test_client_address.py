"""The client's address and the host that a service sees behind Knative's proxies.

auth throttles logins by the address, which a client cannot choose; the storefront compares the
host with a form's origin. The settings are those of the manifests, the proxies those of Knative.
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
    activator,
    domain_mapping,
    envoy,
    go_reverse_proxy,
    host_of,
    passed,
    queue_proxy,
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


def through(headers: Headers, client: str, *, activated: bool) -> Headers:
    chain: list[tuple[Proxy, str]] = [(envoy(), GATEWAY), (go_reverse_proxy, QUEUE_PROXY)]
    if activated:
        chain.insert(1, (go_reverse_proxy, ACTIVATOR))
    return passed(headers, client, chain)


@pytest.mark.parametrize("activated", [False, True])
@given(
    client=st.ip_addresses().map(str),
    lines=st.lists(st.lists(st.ip_addresses().map(str), max_size=4).map(", ".join), max_size=3),
)
async def test_it_is_the_gateways_caller(
    behind: list[dict[str, str]], activated: bool, client: str, lines: list[str]
) -> None:
    """Public or private, whatever headers it sends; behind SNAT the caller is a node."""
    headers = [(FORWARDED_FOR, line) for line in lines] + [(EXTERNAL, line) for line in lines]
    for values in behind:
        got = through(headers, client, activated=activated)

        assert await seen(values, got) == address(client)


async def test_behind_a_domain_mapping_all_clients_look_alike(
    behind: list[dict[str, str]],
) -> None:
    """The gateway calls itself, and overwrites its header: the address is its own, never one that
    the client has chosen."""
    chain = [
        (domain_mapping("auth.bookstore.svc.cluster.local", "auth.books.example.com"), GATEWAY),
        (envoy(), GATEWAY),
        (queue_proxy, QUEUE_PROXY),
    ]
    for values in behind:
        for client in ("203.0.113.9", "198.51.100.4"):
            came = [("Host", "auth.books.example.com"), (FORWARDED_FOR, "192.0.2.1")]

            assert await seen(values, passed(came, client, chain)) == GATEWAY


@pytest.mark.parametrize("activator_in_path", [False, True])
@pytest.mark.parametrize("mapped", [False, True])
@given(port=st.none() | st.integers(1, 65535))
def test_the_host_that_arrives_is_the_one_that_was_called(
    activator_in_path: bool, mapped: bool, port: int | None
) -> None:
    """Knative's proxies replace it on the way. A DomainMapping gives its own name, which has no
    port; by Knative's own names the port is kept."""
    name = "shop.books.example.com"
    came = [("Host", name if port is None else f"{name}:{port}")]
    chain: list[tuple[Proxy, str]] = [(envoy(), GATEWAY)]
    if mapped:
        chain.insert(0, (domain_mapping("storefront.bookstore.svc.cluster.local", name), GATEWAY))
    if activator_in_path:
        chain.append((activator, ACTIVATOR))
    arrived = passed(came, "203.0.113.9", [*chain, (queue_proxy, QUEUE_PROXY)])

    assert host_of(arrived) == (name if mapped or port is None else f"{name}:{port}")


async def test_without_the_gateways_header(
    behind: list[dict[str, str]],
) -> None:
    """Then it is still not the client's choice; with the activator it is the gateway's own."""
    headers = [(FORWARDED_FOR, "198.51.100.1, 10.9.9.9")]
    for values in behind:
        for activated, expected in ((False, "203.0.113.9"), (True, GATEWAY)):
            got = without(through(headers, "203.0.113.9", activated=activated), EXTERNAL)

            assert await seen(values, got) == expected


def test_the_gateway_writes_it() -> None:
    """The platform's settings make Envoy overwrite the header."""
    settings = tomllib.loads((KNATIVE / "versions.toml").read_text("utf-8"))["settings"]
    (kourier,) = (each for each in settings if each["configmap"] == "config-kourier")

    assert kourier["data"]["use-remote-address"] == "true"
