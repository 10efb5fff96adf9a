"""The client's address behind proxies: by position, never by the range of an address."""

import ipaddress
from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.kit.base.settings import BadSettings, ServiceSettings
from functions.kit.http.forwarded import ForwardedMiddleware, address
from tests.support.processes import Service, running
from tests.support.proxies import (
    EXTERNAL,
    FORWARDED_FOR,
    FORWARDED_PROTO,
    Headers,
    Proxy,
    appending_line,
    application_load_balancer,
    envoy,
    go_reverse_proxy,
    passed,
    with_port,
)

PEER = "127.0.0.1"
CLIENT = "203.0.113.9"

addresses = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str)
invented = st.one_of(
    addresses,
    st.sampled_from(["", " ", ",", ",,", "unknown", "_hidden", "10.0.0.1:80", "[::1]:9", "a b"]),
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20),
)
forged: st.SearchStrategy[Headers] = st.lists(
    st.tuples(
        st.sampled_from([FORWARDED_FOR, "x-forwarded-for", FORWARDED_PROTO, EXTERNAL, "Forwarded"]),
        st.lists(invented, max_size=4).map(", ".join),
    ),
    max_size=5,
)
"""Forged headers of a client."""


async def seen(
    headers: Headers, *, hops: int = 0, header: str = "", peer: str | None = PEER
) -> tuple[str | None, str]:
    """Address and scheme as the app finds them."""
    found: list[Any] = []

    async def app(scope: Any, receive: object, send: object) -> None:
        found.append(scope)

    scope: Any = {
        "type": "http",
        "client": peer and (peer, 4711),
        "scheme": "http",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
    }
    await ForwardedMiddleware(app, hops, header)(scope, None, None)  # type: ignore[arg-type]
    return found[0]["client"] and found[0]["client"][0], found[0]["scheme"]


@given(forged)
async def test_without_proxies_the_connection_counts(headers: Headers) -> None:
    """With no trusted hop and no gateway header, no header changes the address or the scheme."""
    assert await seen(headers) == (PEER, "http")


@given(
    headers=forged,
    client=addresses,
    proxies=st.lists(
        st.tuples(st.sampled_from([go_reverse_proxy, appending_line, with_port]), addresses),
        min_size=1,
        max_size=5,
    ),
)
async def test_the_client_is_the_peer_of_the_outermost_proxy(
    headers: Headers, client: str, proxies: Sequence[tuple[Proxy, str]]
) -> None:
    """Whatever it invents, in however many lines, and however the proxies append."""
    got = passed(headers, client, proxies)

    assert (await seen(got, hops=len(proxies)))[0] == address(client)


@given(headers=forged, client=addresses, activator=st.booleans(), pods=st.tuples(*[addresses] * 2))
async def test_the_gateways_header_does_not_depend_on_the_number_of_proxies(
    headers: Headers, client: str, activator: bool, pods: tuple[str, str]
) -> None:
    """It gives the client's address with and without Knative's activator behind the gateway."""
    chain: list[tuple[Proxy, str]] = [(envoy(tls=True), pods[0]), (go_reverse_proxy, PEER)]
    if activator:
        chain.insert(1, (go_reverse_proxy, pods[1]))
    got = passed(headers, client, chain)

    assert await seen(got, hops=2, header=EXTERNAL) == (address(client), "https")


@given(headers=forged, client=addresses, node=addresses)
async def test_a_gateway_that_trusts_a_load_balancer_takes_its_word(
    headers: Headers, client: str, node: str
) -> None:
    """Kourier's trusted-hops-count, 1 behind an application load balancer."""
    chain = [
        (application_load_balancer, node),
        (envoy(trusted_hops=1), "10.0.1.5"),
        (go_reverse_proxy, PEER),
    ]
    got = passed(headers, client, chain)

    assert await seen(got, header=EXTERNAL) == (address(client), "https")


@pytest.mark.parametrize(
    ("lines", "hops", "expected"),
    [
        (["203.0.113.9"], 1, "203.0.113.9"),
        (["203.0.113.9"], 2, PEER),
        ([], 1, PEER),
        ([""], 1, PEER),
        (["198.51.100.1", "203.0.113.9"], 1, "203.0.113.9"),
        (["198.51.100.1", "203.0.113.9"], 2, "198.51.100.1"),
        (["198.51.100.1,203.0.113.9 ,\t10.0.0.1"], 2, "203.0.113.9"),
        (["198.51.100.1", "", "10.0.0.1"], 2, PEER),
        (["198.51.100.1, unknown"], 1, PEER),
        (["198.51.100.1, 203.0.113.9:443"], 1, "203.0.113.9"),
        (["198.51.100.1, [2001:DB8::1]:443"], 1, "2001:db8::1"),
        (['198.51.100.1, "[2001:db8:0:0::1]"'], 1, "2001:db8::1"),
        (["::ffff:203.0.113.9"], 1, "203.0.113.9"),
        (["fe80::1%eth0"], 1, "fe80::1"),
    ],
)
async def test_addresses_are_counted_from_the_right(
    lines: list[str], hops: int, expected: str
) -> None:
    """With too few of them, or one that is none, the connection counts."""
    assert (await seen([(FORWARDED_FOR, line) for line in lines], hops=hops))[0] == expected


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        ([CLIENT], CLIENT),
        ([CLIENT, "198.51.100.1"], PEER),
        ([f"{CLIENT}, 198.51.100.1"], PEER),
        (["nobody"], PEER),
        ([], PEER),
    ],
)
async def test_the_gateways_header_is_one_address_or_none(given_: list[str], expected: str) -> None:
    """Two addresses, on one line or two, or an invalid one leave the connection's address."""
    assert (await seen([(EXTERNAL, each) for each in given_], header=EXTERNAL))[0] == expected


async def test_without_the_gateways_header_hops_are_counted() -> None:
    """With two hops, the second address from the right in X-Forwarded-For is the client's."""
    headers = [(FORWARDED_FOR, f"198.51.100.1, {CLIENT}, 10.0.1.5")]

    assert (await seen(headers, hops=2, header=EXTERNAL))[0] == CLIENT


@pytest.mark.parametrize(
    ("lines", "hops", "expected"),
    [
        (["https"], 0, "http"),
        (["https"], 1, "https"),
        (["HTTPS"], 3, "https"),
        (["https, http"], 1, "http"),
        (["http", "https"], 1, "https"),
        (["http, https, http"], 2, "https"),
        (["http, https"], 3, "http"),
        (["javascript"], 1, "http"),
        (["wss"], 1, "http"),
        ([""], 1, "http"),
    ],
)
async def test_the_scheme_is_what_our_proxies_say(
    lines: list[str], hops: int, expected: str
) -> None:
    """One value is the outermost's, passed on; several are counted as addresses are."""
    headers = [(FORWARDED_PROTO, line) for line in lines]

    assert (await seen(headers, hops=hops))[1] == expected


async def test_a_connection_without_an_address_gets_one_where_a_proxy_says_it() -> None:
    """Over a Unix socket there is none."""
    assert (await seen([(FORWARDED_FOR, CLIENT)], hops=1, peer=None))[0] == CLIENT
    assert (await seen([(FORWARDED_FOR, CLIENT)], peer=None))[0] is None


@given(st.text(max_size=50) | invented)
def test_what_is_taken_for_an_address_is_one_in_its_one_spelling(text: str) -> None:
    """`address` returns None or a valid IP address, and returns that address unchanged."""
    found = address(text)

    assert found is None or str(ipaddress.ip_address(found)) == found == address(found)


@pytest.mark.parametrize(
    ("environ", "reason"),
    [
        ({"TRUSTED_HOPS": "-1"}, "TRUSTED_HOPS"),
        ({"TRUSTED_HOPS": "10.0.0.0/8"}, "TRUSTED_HOPS"),
        ({"CLIENT_ADDRESS_HEADER": "X-Forwarded-For"}, "use TRUSTED_HOPS for it"),
        ({"CLIENT_ADDRESS_HEADER": "no header:"}, "CLIENT_ADDRESS_HEADER"),
        ({"FORWARDED_ALLOW_IPS": "*"}, "TRUSTED_HOPS"),
    ],
)
def test_a_setting_that_cannot_be_used_says_what_to_do(
    environ: dict[str, str], reason: str
) -> None:
    """`BadSettings` names the invalid setting, or TRUSTED_HOPS as the one to use instead."""
    with pytest.raises(BadSettings, match=reason):
        ServiceSettings.from_mapping(environ)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, 429),
        ({"TRUSTED_HOPS": "1"}, 429),
        ({"TRUSTED_HOPS": "2"}, 401),
        ({"CLIENT_ADDRESS_HEADER": EXTERNAL}, 429),
    ],
    ids=["no proxy", "one proxy", "one more than there is", "the gateway's header"],
)
async def test_a_varying_header_evades_a_throttle_only_where_it_is_believed(
    database_url: str, environ: dict[str, str], expected: int
) -> None:
    """A real process behind its own server; the last try of six at a limit of five."""
    settings = {"DATABASE_URL": database_url, "AUTO_MIGRATE": "true"}
    service = Service("auth", {**settings, **environ, "LOGIN_TRIES": "5"})
    statuses = []
    async with running(service), httpx.AsyncClient(timeout=60) as client:
        for number in range(6):
            forged_: Headers = [(FORWARDED_FOR, f"198.51.100.{number}"), (EXTERNAL, f"::{number}")]
            chain = [(envoy(), PEER)]
            headers = passed(forged_, CLIENT, chain)
            body = {"email": "ana@example.org", "password": "wrong"}
            answer = await client.post(f"{service.url}/login", json=body, headers=headers)
            statuses.append(answer.status_code)

    assert statuses == [401] * 5 + [expected]
