"""The session's cookies: sealed, bounded, and worthless to anybody else."""

import base64
import hashlib
from collections.abc import Mapping
from datetime import timedelta

import msgspec
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from functions.kit.base.orders import MAX_LINES, MAX_QUANTITY
from functions.storefront.domain.carts import KEYS, Cart
from functions.storefront.sessions import (
    LIFETIME,
    MAX_COOKIE,
    RESEALED_AFTER,
    Part,
    Session,
    Sessions,
    SignedIn,
    _Tokens,
)
from tests.support.clock import FakeClock

SECRETS = ["first-" + "a" * 32, "second-" + "b" * 32]


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
    cart = Cart({2**60 + number: MAX_QUANTITY for number in range(MAX_LINES)}, [b"digest"] * KEYS)
    return Session("es", cart, [("problem", "m" * 200)] * 3, signed_in, "t" * 100)


def sealed_parts(sessions: Sessions, session: Session) -> dict[Part, str]:
    """All cookies of a session."""
    return {part: sessions.seal(session, part) for part in Part}


def sent(sealed: Mapping[Part, str]) -> dict[Part, list[str]]:
    """As a browser sends them, one of each name."""
    return {part: [text] for part, text in sealed.items()}


def contents(session: Session) -> list[tuple[object, ...]]:
    """Everything that a session holds, to be compared."""
    return [session.content(part) for part in Part]


@pytest.mark.parametrize("part", Part)
def test_the_largest_session_fits_into_its_cookies(clock: FakeClock, part: Part) -> None:
    """Browsers keep 4096 bytes with the name and the attributes."""
    assert len(Sessions(SECRETS, clock).seal(largest(), part)) <= MAX_COOKIE


def test_an_empty_part_needs_no_cookie(clock: FakeClock) -> None:
    """The browser is told to delete the one that it has."""
    assert sealed_parts(Sessions(SECRETS, clock), Session()) == dict.fromkeys(Part, "")


def test_a_cookie_is_not_read_as_another_part(clock: FakeClock) -> None:
    """Somebody who copies one over another has none of either."""
    sessions = Sessions(SECRETS, clock)
    sealed = sealed_parts(sessions, largest())
    swapped = {
        Part.TOKENS: sealed[Part.CART],
        Part.CART: sealed[Part.NOTES],
        Part.NOTES: sealed[Part.TOKENS],
    }

    assert contents(sessions.open(sent(swapped))) == contents(Session())


def test_a_session_of_the_release_before_moves_into_the_three_cookies(clock: FakeClock) -> None:
    """All of it was in one; every part is sealed anew, so that nothing is read from it twice."""
    sessions = Sessions(SECRETS, clock)
    whole = _Tokens(1, int(clock().timestamp()), "es", [(3, 2)], [("info", "x")], None, "t" * 30)
    nonce = bytes(12)
    context = b"bookstore storefront session 1"
    content = AESGCM(hashlib.sha256(SECRETS[0].encode()).digest()).encrypt(
        nonce, msgspec.msgpack.encode(whole), context
    )
    old = base64.urlsafe_b64encode(nonce + content).rstrip(b"=").decode()
    newer = sessions.seal(Session(cart=Cart({3: 1, 4: 1})), Part.CART)
    opened = sessions.open(sent({Part.TOKENS: old, Part.CART: newer}))
    again = sessions.open(sent(sealed_parts(sessions, opened)))

    assert opened.outdated == set(Part)
    assert again.outdated == set()
    assert (again.language, again.messages, again.reset_token) == ("es", [("info", "x")], "t" * 30)
    assert again.cart.lines == {3: 1, 4: 1}


def test_a_session_comes_back_as_it_was(clock: FakeClock) -> None:
    """Also after a rotation: the key that was first opens while it is the second."""
    sealed = sealed_parts(Sessions(SECRETS[:1], clock), largest())
    opened = Sessions([SECRETS[1], SECRETS[0]], clock).open(sent(sealed))

    assert opened.signed_in == largest().signed_in
    assert opened.cart.lines == largest().cart.lines
    assert opened.messages == largest().messages
    assert opened.reset_token == largest().reset_token


def test_a_key_that_is_gone_opens_nothing(clock: FakeClock) -> None:
    """The visitor signs in again."""
    sealed = sealed_parts(Sessions(SECRETS[:1], clock), largest())

    assert Sessions(SECRETS[1:], clock).open(sent(sealed)).signed_in is None


@given(st.data())
def test_a_cookie_that_was_changed_is_empty(data: st.DataObject) -> None:
    """At any character, or cut anywhere."""
    sessions = Sessions(SECRETS, FakeClock())
    part = data.draw(st.sampled_from(Part))
    sealed = sessions.seal(largest(), part)
    position = data.draw(st.integers(0, len(sealed) - 1))
    other = data.draw(st.sampled_from("ABCxyz019-_"))
    changed = sealed[:position] + other + sealed[position + 1 :]
    opened = sessions.open(sent({part: changed})).content(part)
    cut = sessions.open(sent({part: sealed[:position]})).content(part)
    empty = Session().content(part)

    assert cut == empty
    # The last character has bits that belong to no byte.
    assert opened == empty or changed == sealed or position == len(sealed) - 1


@given(st.text(max_size=200))
def test_any_text_is_an_empty_session(text: str) -> None:
    """A cookie is what anybody sends."""
    session = Sessions(SECRETS, FakeClock()).open(sent(dict.fromkeys(Part, text)))

    assert contents(session) == contents(Session())


@given(st.lists(st.text(max_size=50), max_size=3), st.lists(st.text(max_size=50), max_size=3))
def test_cookies_of_the_same_name_hide_no_session(before: list[str], after: list[str]) -> None:
    """Another path, or a neighbouring host on plain http, adds them at either side."""
    sessions = Sessions(SECRETS, FakeClock())
    sealed = sealed_parts(sessions, largest())
    session = sessions.open({part: [*before, text, *after] for part, text in sealed.items()})

    assert contents(session) == contents(largest())


def test_a_session_that_is_not_used_ends(clock: FakeClock) -> None:
    """After its lifetime, whatever is in it."""
    sessions = Sessions(SECRETS, clock)
    sealed = sealed_parts(sessions, largest())
    clock.advance(seconds=(LIFETIME - timedelta(seconds=1)).total_seconds())
    before = sessions.open(sent(sealed))
    clock.advance(seconds=2)
    after = sessions.open(sent(sealed))

    assert before.signed_in is not None
    assert after.signed_in is None


def test_two_seals_of_one_session_differ(clock: FakeClock) -> None:
    """A nonce is used once."""
    sessions = Sessions(SECRETS, clock)

    assert sessions.seal(largest(), Part.CART) != sessions.seal(largest(), Part.CART)


@pytest.mark.parametrize("text", ["", "x", "=" * 10, "A" * 7000, "é"])
def test_what_is_no_cookie_is_an_empty_session(text: str, clock: FakeClock) -> None:
    """Without an error."""
    session = Sessions(SECRETS, clock).open(sent(dict.fromkeys(Part, text)))

    assert contents(session) == contents(Session())


def test_a_cookie_is_sealed_anew_before_its_key_goes(clock: FakeClock) -> None:
    """One of the second key, and one that is a day old; no other."""
    sealed = sealed_parts(Sessions(SECRETS[1:], clock), largest())
    sessions = Sessions(SECRETS, clock)
    anew = sealed_parts(sessions, largest())
    signed_out = sealed_parts(sessions, Session(reset_token="t" * 30))

    assert sessions.open(sent(sealed)).outdated == set(Part)
    assert sessions.open(sent(anew)).outdated == set()
    clock.advance(seconds=RESEALED_AFTER.total_seconds() + 1)
    # Old tokens get a new cookie when they are renewed.
    assert sessions.open(sent(anew)).outdated == {Part.CART, Part.NOTES}
    assert sessions.open(sent(signed_out)).outdated == {Part.TOKENS}


@given(st.lists(st.text(max_size=3000), max_size=6))
def test_any_messages_fit_into_a_cookie(texts: list[str]) -> None:
    """The last ones stay, and long ones are cut."""
    session = Session("es")
    for text in texts:
        session.tell("problem", text)
    sessions = Sessions(SECRETS, FakeClock())
    sealed = sessions.seal(session, Part.NOTES)

    assert len(sealed) <= MAX_COOKIE
    assert sessions.open(sent({Part.NOTES: sealed})).messages == session.messages
