"""The session's cookie: sealed, bounded, and worthless to anybody else."""

from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.storefront.domain.carts import MAX_LINES, MAX_QUANTITY, Cart
from functions.storefront.sessions import (
    LIFETIME,
    MAX_COOKIE,
    RESEALED_AFTER,
    Session,
    Sessions,
    SignedIn,
)
from tests.support.clock import FakeClock

KEYS = ["first-" + "a" * 32, "second-" + "b" * 32]


def largest() -> Session:
    """As much as a session can hold."""
    signed_in = SignedIn(
        user_id=2**63 - 1,
        email="a" * 64 + "@" + "b" * 189,
        name="ñ" * 100,
        roles=["admin", "customer", "seller", "staff"],
        access_token="x" * 700,
        expires_at=1.9e9,
        refresh_token="y" * 200,
        renew_at=1.9e9,
    )
    cart = Cart({2**60 + number: MAX_QUANTITY for number in range(MAX_LINES)})
    return Session("es", cart, [("problem", "m" * 200)] * 3, signed_in, "t" * 100)


def test_the_largest_session_fits_into_a_cookie(clock: FakeClock) -> None:
    """Browsers keep 4096 bytes with the name and the attributes."""
    assert len(Sessions(KEYS, clock).seal(largest())) <= MAX_COOKIE


def test_a_session_comes_back_as_it_was(clock: FakeClock) -> None:
    """Also after a rotation: the key that was first opens while it is the second."""
    sealed = Sessions(KEYS[:1], clock).seal(largest())
    opened = Sessions([KEYS[1], KEYS[0]], clock).open(sealed)

    assert opened.signed_in == largest().signed_in
    assert opened.cart.lines == largest().cart.lines
    assert opened.messages == largest().messages
    assert opened.reset_token == largest().reset_token


def test_a_key_that_is_gone_opens_nothing(clock: FakeClock) -> None:
    """The visitor signs in again."""
    sealed = Sessions(KEYS[:1], clock).seal(largest())

    assert Sessions(KEYS[1:], clock).open(sealed).signed_in is None


@given(st.data())
def test_a_cookie_that_was_changed_is_empty(data: st.DataObject) -> None:
    """At any character, or cut anywhere."""
    sessions = Sessions(KEYS, FakeClock())
    sealed = sessions.seal(largest())
    position = data.draw(st.integers(0, len(sealed) - 1))
    other = data.draw(st.sampled_from("ABCxyz019-_"))
    changed = sealed[:position] + other + sealed[position + 1 :]
    opened = sessions.open(changed)
    cut = sessions.open(sealed[:position])

    assert cut.signed_in is None
    # The last character has bits that belong to no byte.
    assert opened.signed_in is None or changed == sealed or position == len(sealed) - 1


@given(st.text(max_size=200))
def test_any_text_is_an_empty_session(text: str) -> None:
    """A cookie is what anybody sends."""
    assert Sessions(KEYS, FakeClock()).open(text).signed_in is None


def test_a_session_that_is_not_used_ends(clock: FakeClock) -> None:
    """After its lifetime, whatever is in it."""
    sessions = Sessions(KEYS, clock)
    sealed = sessions.seal(largest())
    clock.advance(seconds=(LIFETIME - timedelta(seconds=1)).total_seconds())
    before = sessions.open(sealed)
    clock.advance(seconds=2)
    after = sessions.open(sealed)

    assert before.signed_in is not None
    assert after.signed_in is None


def test_two_seals_of_one_session_differ(clock: FakeClock) -> None:
    """A nonce is used once."""
    sessions = Sessions(KEYS, clock)

    assert sessions.seal(largest()) != sessions.seal(largest())


@pytest.mark.parametrize("text", [None, "", "x", "=" * 10, "A" * 7000, "é"])
def test_what_is_no_cookie_is_an_empty_session(text: str | None, clock: FakeClock) -> None:
    """Without an error."""
    assert Sessions(KEYS, clock).open(text).signed_in is None


def test_a_cookie_is_sealed_anew_before_its_key_goes(clock: FakeClock) -> None:
    """One of the second key, and one that is a day old; no other."""
    sealed = Sessions(KEYS[1:], clock).seal(largest())
    sessions = Sessions(KEYS, clock)
    anew = sessions.seal(largest())

    assert sessions.open(sealed).outdated
    assert not sessions.open(anew).outdated
    clock.advance(seconds=RESEALED_AFTER.total_seconds() + 1)
    assert sessions.open(anew).outdated


@given(
    st.lists(st.text(max_size=3000), max_size=6),
    st.text(max_size=100),
    st.lists(st.integers(1, 10**18), max_size=MAX_LINES, unique=True),
)
def test_any_messages_fit_into_a_cookie(texts: list[str], name: str, books: list[int]) -> None:
    """Long ones are cut, and where even that is too much they stay behind; nothing else does."""
    session = largest()
    assert session.signed_in is not None
    session.signed_in = msgspec.structs.replace(session.signed_in, name=name)
    session.cart = Cart(dict.fromkeys(books, MAX_QUANTITY))
    session.messages = []
    for text in texts:
        session.tell("problem", text)
    sessions = Sessions(KEYS, FakeClock())
    sealed = sessions.seal(session)
    opened = sessions.open(sealed)

    assert len(sealed) <= MAX_COOKIE
    assert (opened.signed_in, opened.cart.lines) == (session.signed_in, session.cart.lines)
    assert opened.messages in ([], session.messages)
