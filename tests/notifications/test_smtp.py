"""The connection to the SMTP server: encrypted, logged in, or not made at all."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.notifications.post_office import MailServer, Office, open_office


def certificate(folder: Path) -> Path:
    """A certificate for 127.0.0.1 that signs itself, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "smtp.test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "smtp.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


def context_of(file: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file)
    return context


@asynccontextmanager
async def sending_to(
    tmp_path: Path, server: MailServer, scheme: str, login: str = "", **listening: Any
) -> AsyncIterator[Office]:
    async with server.listening(**listening):
        url = f"{scheme}://{login}127.0.0.1:{server.port}"
        database = f"sqlite:///{tmp_path}/notifications.db?synchronous=off"
        async with open_office(database, url) as office:
            await office.deliver(office.order())
            await office.send_due()
            yield office


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """The context of a server whose certificate clients trust."""
    file = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    return context_of(file)


@pytest.mark.parametrize("scheme", ["smtps", "smtp"])
async def test_mails_and_passwords_are_encrypted(
    tmp_path: Path, trusted: ssl.SSLContext, scheme: str
) -> None:
    """From the first byte, or after STARTTLS; then the login."""
    server = MailServer()
    tls: dict[str, Any] = (
        {"tls": trusted, "auth_require_tls": False}
        if scheme == "smtps"
        else {"tls_context": trusted, "require_starttls": True}
    )
    options = {**tls, "authenticator": server.authenticate, "auth_required": True}
    async with sending_to(tmp_path, server, scheme, "us%40er:right%20password@", **options):
        assert len(server.accepted) == 1
        assert server.encrypted == [True]
        assert server.logins[-1] == (b"us@er", b"right password")


@pytest.mark.parametrize(
    ("scheme", "options"), [("smtp", {}), ("smtps", {})], ids=["no STARTTLS", "no TLS"]
)
async def test_nothing_is_sent_unencrypted(
    tmp_path: Path, trusted: ssl.SSLContext, scheme: str, options: dict[str, Any]
) -> None:
    """A server that offers no encryption gets neither the password nor the mail."""
    del trusted
    server = MailServer()
    async with sending_to(tmp_path, server, scheme, "user:password@", **options) as office:
        assert (server.accepted, server.envelopes, server.logins) == ([], [], [])
        assert await office.states() == ["waiting"]


async def test_an_unknown_certificate_is_not_trusted(tmp_path: Path) -> None:
    """Somebody in between could read the password."""
    server = MailServer()
    tls = context_of(certificate(tmp_path))
    async with sending_to(tmp_path, server, "smtps", tls=tls) as office:
        (mail,) = await office.mails()

        assert (mail["state"], server.envelopes) == ("waiting", [])
        assert "certificate" in mail["reason"].lower()


async def test_a_refused_login_makes_mails_wait(tmp_path: Path, trusted: ssl.SSLContext) -> None:
    """It concerns no single mail, so none is put aside; the reason shows no password."""
    server = MailServer()
    options = {"authenticator": server.authenticate, "auth_require_tls": False}
    login = "user:wrong-password@"
    async with sending_to(tmp_path, server, "smtps", login, tls=trusted, **options) as office:
        (mail,) = await office.mails()

        assert (mail["state"], server.accepted) == ("waiting", [])
        assert mail["reason"].startswith("535")
        assert "wrong-password" not in mail["reason"]


@pytest.mark.parametrize("takes", [True, False])
async def test_an_international_address_needs_a_server_that_takes_it(
    tmp_path: Path, takes: bool
) -> None:
    """Otherwise the mail is put aside, and says so."""
    url = f"sqlite:///{tmp_path}/notifications.db?synchronous=off"
    server = MailServer()
    async with (
        server.listening(enable_SMTPUTF8=takes),
        open_office(url, server.url) as office,
    ):
        office.auth.people[7]["email"] = "josé@ñandú.example"
        await office.deliver(office.order())
        await office.send_due()

        recipients = [recipient for _, found in server.envelopes for recipient in found]
        assert recipients == (["josé@xn--and-6ma2c.example"] if takes else [])
        assert await office.states() == ["sent" if takes else "put-aside"]
