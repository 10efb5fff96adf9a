"""URLs of settings are checked before anything is opened."""

import pytest

from functions.kit.base.urls import http_problem


@pytest.mark.parametrize(
    "url",
    [
        "http://auth",
        "https://auth.example:8443/prefix",
        "http://auth.bookstore.svc.cluster.local",
        "http://127.0.0.1:5000",
        "http://[::1]:5000",
        "http://broker_ingress.knative-eventing.svc/bookstore/default",
    ],
)
def test_addresses_in_use_are_valid(url: str) -> None:
    """Names of services, IPv4 and IPv6 addresses, with a port and a path or without."""
    assert (http_problem(url), http_problem(url, base=True)) == (None, None)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "auth",
        "ftp://auth",
        "http://",
        "http:///path",
        "http://:5000",
        "http://a b",
        "http://-",
        "http://auth:",
        "http://auth:0",
        "http://auth:65536",
        "http://auth:none",
        "http://[::1",
        "http://shop:hunter2@auth",
        "http://auth/#top",
        "http://áuth",
    ],
)
def test_a_malformed_address_has_a_problem(url: str) -> None:
    """Its text does not contain the URL, which may hold a password."""
    problem = http_problem(url)

    assert problem is not None
    assert "hunter2" not in problem


@pytest.mark.parametrize("url", ["http://auth/", "http://auth//v1", "http://auth?x=1"])
def test_a_base_url_can_be_extended_by_a_path(url: str) -> None:
    """`http://auth/` would lead to `http://auth//.well-known/jwks.json`. A sink may have these."""
    assert (http_problem(url), http_problem(url, base=True) is None) == (None, False)
