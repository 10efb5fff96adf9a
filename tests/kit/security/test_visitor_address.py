"""A signed address proves one visitor's address, for one request, for a minute."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.kit.base.addresses import canonical_address
from functions.kit.base.settings import Secret
from functions.kit.security.visitor_address import HEADER, VALIDITY, VisitorAddress
from tests.support.clock import FakeClock
from tests.support.signing import SECRET

OTHER = "another-secret-that-is-as-long-as-it-must-be"
REQUEST = ("auth", "POST", "/login")

addresses = st.ip_addresses().map(str)
requests = st.tuples(
    st.sampled_from(["auth", "catalog"]),
    st.sampled_from(["POST", "PATCH"]),
    st.text(max_size=20).map("/{}".format),
)


def signer(secret: str = SECRET, clock: FakeClock | None = None) -> VisitorAddress:
    return VisitorAddress(Secret(secret), clock or FakeClock())


def header(address: str, request: tuple[str, str, str] = REQUEST, secret: str = SECRET) -> str:
    return signer(secret).headers(*request, address)[HEADER]


@given(addresses, requests)
def test_a_signed_address_is_read_in_one_form(address: str, request: tuple[str, str, str]) -> None:
    """Of either version; an IPv4 address that is mapped into IPv6 is the IPv4 address."""
    read = signer().verified(*request, header(address, request))

    assert read == canonical_address(address)


@given(addresses, requests, requests)
def test_it_proves_nothing_for_another_request(
    address: str, request: tuple[str, str, str], other: tuple[str, str, str]
) -> None:
    """Of another service, method or path."""
    read = signer().verified(*other, header(address, request))

    assert (read is not None) == (request == other)


@given(st.data(), addresses)
def test_a_changed_header_proves_nothing(data: st.DataObject, address: str) -> None:
    """At any place: in the address, the time or the signature."""
    signed = header(address)
    position = data.draw(st.integers(0, len(signed) - 1))
    character = data.draw(st.characters(max_codepoint=0xFF))
    changed = signed[:position] + character + signed[position + 1 :]
    read = signer().verified(*REQUEST, changed)

    assert read is None or changed == signed


@given(st.text(max_size=250), addresses)
def test_any_text_proves_nothing(text: str, address: str) -> None:
    """Neither by itself nor around a signed one; nothing that is sent is an error."""
    for sent in (text, f"{text};", f"{header(address)}{text or ';'}", f"{text};{text};{text}"):
        assert signer().verified(*REQUEST, sent) is None


@given(st.integers(-VALIDITY * 3, VALIDITY * 3), addresses)
def test_it_is_valid_for_a_minute(seconds: int, address: str) -> None:
    """Before and after, since two clocks differ."""
    clock = FakeClock()
    signed = signer(clock=clock).headers(*REQUEST, address)[HEADER]
    clock.now = clock.now.replace(microsecond=0)
    clock.advance(seconds=seconds)
    read = signer(clock=clock).verified(*REQUEST, signed)

    assert (read is not None) == (abs(seconds) <= VALIDITY)


def test_a_secret_is_changed_without_a_pause() -> None:
    """At each step of a rotation both sides understand each other."""
    steps = [SECRET, f"{SECRET}, {OTHER}", f"{OTHER},{SECRET}", OTHER]
    for before, after in itertools.pairwise(steps):
        for writer, reader in ((before, after), (after, before)):
            signed = header("198.51.100.7", secret=writer)

            assert signer(reader).verified(*REQUEST, signed) == "198.51.100.7"
    assert signer(OTHER).verified(*REQUEST, header("198.51.100.7")) is None


@pytest.mark.parametrize("address", [None, "", "unknown", "198.51.100.7:80", "example.org"])
def test_what_is_no_address_is_not_signed(address: str | None) -> None:
    """The reader then counts by the connection's address."""
    assert signer().headers(*REQUEST, address) == {}


def test_without_a_secret_nothing_is_signed_or_believed() -> None:
    """An empty key would be one that everybody knows."""
    none: Any = signer("")

    assert not none
    assert none.headers(*REQUEST, "198.51.100.7") == {}
    assert none.verified(*REQUEST, header("198.51.100.7")) is None
