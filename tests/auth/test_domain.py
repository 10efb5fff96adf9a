import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.auth.domain import (
    MAX_EMAIL,
    Email,
    TryLimit,
    check_password,
    email_key,
    network,
    origin,
    parse_email,
    seconds_to_wait,
)
from functions.auth.errors import EmailInvalid, PasswordRefused

ANA = Email("Ana.Ruiz@Example.com", "ana.ruiz@example.com")


@pytest.mark.parametrize(
    "text",
    [
        "ana@example.com",
        "ana+libros@sub.example.co",
        "o'hara@example.com",
        "a@b",
        f"{'a' * 64}@example.com",
    ],
)
def test_addresses_that_browsers_accept_are_accepted(text: str) -> None:
    """In development the rule of the HTML standard applies."""
    assert parse_email(text, development=True) == Email(text, text)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("josé.ñandú@ejemplo.es", "josé.ñandú@ejemplo.es"),
        ("Jose\u0301@ÑANDÚ.es", "josé@ñandú.es"),
        ("a@xn--and-6ma2c.es", "a@ñandú.es"),
        ("用户@例子.中国", "用户@例子.中国"),
        ("ана@пример.рф", "ана@пример.рф"),
    ],
)
def test_addresses_of_every_script_are_accepted(text: str, key: str) -> None:
    """They are stored as typed; accents and domains in any encoding have one key."""
    assert parse_email(text) == Email(text, key)


@pytest.mark.parametrize("text", ["a@b", "ana@localhost", "ana@shop.local", "ana@tienda.test"])
def test_a_local_domain_is_accepted_in_development_only(text: str) -> None:
    """In production the refusal gives the reason."""
    assert parse_email(text, development=True).address == text

    with pytest.raises(EmailInvalid, match="@-sign"):
        parse_email(text)


@pytest.mark.parametrize(
    "text", ["a..b@example.com", ".a@example.com", "a@[127.0.0.1]", '"a"@b.es']
)
def test_a_refused_address_has_a_reason(text: str) -> None:
    """The reason is in the field's message."""
    with pytest.raises(EmailInvalid) as caught:
        parse_email(text)

    message = str(caught.value.errors[0].message)
    assert message.startswith("is not an email address, such as ana@")
    assert len(message) > 60


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ana",
        "@example.com",
        "ana@",
        "ana@@example.com",
        "ana@example..com",
        "ana@-example.com",
        "ana@exam\nple.com",
        "ana ruiz@example.com",
        "ana@exa mple.com",
        "ana\x00@example.com",
        f"{'a' * 65}@example.com",
        f"a@{'b' * 64}.com",
        f"a@{'.'.join(['b' * 60] * 5)}",
        "Ana <ana@example.com>",
    ],
)
def test_an_invalid_address_is_refused_by_field(text: str) -> None:
    """Length, spaces, control characters and display names are refused with the field's name."""
    with pytest.raises(EmailInvalid) as caught:
        parse_email(text)

    assert [each.field for each in caught.value.errors] == ["email"]


def test_an_address_is_stored_as_typed_and_found_in_lower_case() -> None:
    """Surrounding spaces are removed."""
    assert parse_email("  Ana.Ruiz@Example.com ") == ANA


@pytest.mark.parametrize(
    ("host", "site"),
    [
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("::ffff:192.0.2.1", None),
        ("192.0.2.1", None),
        (None, None),
    ],
)
def test_a_site_is_an_ipv6_network_of_48_bits(host: str | None, site: str | None) -> None:
    """IPv4 addresses have no site."""
    assert network(host) == site


@given(st.text(max_size=400))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    """An accepted address fits its column and is found by its key."""
    try:
        email = parse_email(text)
    except EmailInvalid:
        return

    assert len(email.address) <= MAX_EMAIL
    assert email_key(email.address) == email.key == email_key(email.key)


@given(st.text(alphabet="abc.@-_", max_size=20))
def test_an_accepted_address_is_a_fixed_point(text: str) -> None:
    """Parsing an accepted address again gives the same address."""
    try:
        email = parse_email(text)
    except EmailInvalid:
        return

    assert parse_email(email.address) == email


@pytest.mark.parametrize("password", ["12345678a!", "ñ" * 8, "x y z w v u", "a" * 128])
def test_characters_are_counted_not_bytes(password: str) -> None:
    """Eight accented letters are eight characters, and 128 are permitted."""
    check_password(password, ANA, frozenset())


def test_a_letter_and_its_accent_are_one_character() -> None:
    """Seven letters are seven characters, also as fourteen code points."""
    with pytest.raises(PasswordRefused):
        check_password("n\u0303" * 7, ANA, frozenset())


@pytest.mark.parametrize(
    ("password", "problem"),
    [
        ("seven77", "must have 8 to 128 characters"),
        ("a" * 129, "must have 8 to 128 characters"),
        ("PassWord1", "is one of the most common ones, which attackers try first"),
        ("ANA.RUIZ", "must not be the email address"),
        ("ana.ruiz@example.com", "must not be the email address"),
    ],
)
def test_a_guessable_password_is_refused(password: str, problem: str) -> None:
    """Common passwords and the address are refused, in any case."""
    with pytest.raises(PasswordRefused) as caught:
        check_password(password, ANA, frozenset({"password1"}), field="new_password")

    assert [(each.field, str(each.message)) for each in caught.value.errors] == [
        ("new_password", problem)
    ]


def test_a_try_waits_until_the_oldest_leaves_the_window() -> None:
    """With three tries per ten seconds, the fourth waits until the first is ten seconds old."""
    limit = TryLimit(tries=3, window=10)

    assert seconds_to_wait([], limit, 100.0) == 0
    assert seconds_to_wait([91.0, 95.0], limit, 100.0) == 0
    assert seconds_to_wait([91.0, 95.0, 99.0], limit, 100.0) == 1.0
    assert seconds_to_wait([91.0, 95.0, 99.0], limit, 101.0) == 0


@given(
    st.lists(st.floats(0, 1000), max_size=60),
    st.integers(1, 5),
    st.integers(1, 100),
)
def test_no_window_ever_holds_more_than_the_limit(
    moments: list[float], tries: int, window: int
) -> None:
    """For tries at any times, no window contains more permitted ones than the limit."""
    limit = TryLimit(tries, window)
    allowed: list[float] = []
    for moment in sorted(moments):
        if seconds_to_wait(allowed[-tries:], limit, moment) == 0:
            allowed.append(moment)

    for begin in allowed:
        assert sum(begin <= moment < begin + window for moment in allowed) <= tries


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::99", "2001:db8:1:2::/64"),
        ("testclient", "testclient"),
        (None, "unknown"),
    ],
)
def test_an_ipv6_network_counts_as_one_client(host: str | None, expected: str) -> None:
    """All addresses of a /64 have one origin."""
    assert origin(host) == expected
