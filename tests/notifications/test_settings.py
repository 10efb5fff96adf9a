"""What notifications needs of its environment."""

import pytest

from functions.kit.base.settings import BadSettings
from functions.notifications.settings import NotificationsSettings
from functions.notifications.smtp_url import Protection, SMTPServer, parse

PRODUCTION = {
    "ENVIRONMENT": "production",
    "DATABASE_URL": "mysql://user:password@db:3306/bookstore_notifications",
}


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtps://smtp.example", SMTPServer("smtp.example", 465, Protection.TLS)),
        ("smtp://u:p@smtp.example", SMTPServer("smtp.example", 587, Protection.STARTTLS, "u", "p")),
        ("smtp+plain://relay:2525/", SMTPServer("relay", 2525, Protection.NONE)),
        (
            "smtps://a%40b.example:p%2F%3A%40%25@[::1]:4650",
            SMTPServer("::1", 4650, Protection.TLS, "a@b.example", "p/:@%"),
        ),
    ],
)
def test_an_address_says_how_it_is_protected(url: str, server: SMTPServer) -> None:
    """With the port that is usual for it; user and password are decoded."""
    assert parse(url) == server
    assert repr(server) == f"SMTPServer({server.host}:{server.port}, {server.protection})"


@pytest.mark.parametrize(
    "url",
    [
        *("smtp.example:587", "http://smtp.example", "smtp://", "smtp://:587", "smtp://h:0"),
        *("smtp://h:99999", "smtp://user@h", "smtp://user:s3cret/word@h", "smtp://h/path"),
        *("smtp://h?tls=no", "smtp+plain://user:s3cret@h", "smtp://user:s3 cret@h", "smtp://h:"),
    ],
)
def test_an_unusable_address_ends_the_start(url: str) -> None:
    """With the reason, and without the password."""
    with pytest.raises(BadSettings, match="SMTP_URL: ") as refused:
        NotificationsSettings.from_mapping({"SMTP_URL": url})

    assert "s3" not in str(refused.value)


def test_production_needs_server_sender_and_shop() -> None:
    """One message names all three; a process that sends nothing needs none of them."""
    with pytest.raises(BadSettings) as refused:
        NotificationsSettings.from_mapping({**PRODUCTION, "EXPOSED_API": "internal"})

    for name in ("SMTP_URL", "MAIL_FROM", "STOREFRONT_URL"):
        assert f"{name}: production needs one" in str(refused.value)
    assert (
        NotificationsSettings.from_mapping({**PRODUCTION, "EXPOSED_API": "public"}).server is None
    )
    assert NotificationsSettings.from_mapping({**PRODUCTION, "SMTP_URL": "off"}).server is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STOREFRONT_URL", "http://shop.example"),
        ("STOREFRONT_URL", "https://shop.example/"),
        ("MAIL_FROM", "shop"),
        ("MAIL_FROM", "Shop <shop@example.org>\r\nBcc: x@example.org"),
        ("MAIL_FROM", "Librería <shop@example.org>"),
        ("SMTP_TIMEOUT_SECONDS", "0"),
    ],
)
def test_an_unusable_value_is_named(name: str, value: str) -> None:
    """Before anything is sent."""
    with pytest.raises(BadSettings, match=f"{name}: "):
        NotificationsSettings.from_mapping({**PRODUCTION, "SMTP_URL": "off", name: value})


def test_development_needs_nothing() -> None:
    """It sends nothing then, and says so."""
    settings = NotificationsSettings.from_mapping({})

    assert (settings.server, settings.link_base) == (None, "http://127.0.0.1:8000")
