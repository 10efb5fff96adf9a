"""Connections that cannot be made: a clear error, no password, no hanging."""

import asyncio
import datetime as dt
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from piccolo.querystring import QueryString

from functions.kit.mysql import MySQLEngine
from functions.kit.mysql.errors import (
    AccessDenied,
    CannotConnect,
    TLSRefused,
    Unavailable,
    UnknownDatabase,
)
from tests.kit.mysql.conftest import MakeEngine
from tests.servers.mysql import Flavour, Server, private_server


async def refused(engine: MySQLEngine, kind: type[Unavailable], complaint: str) -> None:
    """The same clear error, however often it is tried."""
    for _ in range(2):
        with pytest.raises(kind, match=complaint) as caught:
            await engine.ping()
        assert engine.is_unavailable(caught.value)
        assert not engine.is_retryable(caught.value)
        assert "s3cret" not in str(caught.value)


async def test_a_wrong_password_is_told(make_engine: MakeEngine) -> None:
    """`AccessDenied` counts as unavailable, is not retryable and does not contain the password."""
    engine = make_engine(password="s3cret")

    await refused(engine, AccessDenied, "Access denied")


async def test_an_unknown_database_is_told_and_found_later(
    make_engine: MakeEngine, server: Server
) -> None:
    """`UnknownDatabase` is raised until the database exists; then the same engine connects."""
    engine = make_engine(database="not_there_yet")
    await refused(engine, UnknownDatabase, "not_there_yet")

    server.create_database("not_there_yet")

    await engine.ping()
    server.run("DROP DATABASE not_there_yet")


async def test_nobody_listening_is_told(make_engine: MakeEngine) -> None:
    """A closed port raises `CannotConnect`, whose message has the host but not the password."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        engine = make_engine(f"mysql://u:s3cret@127.0.0.1:{sock.getsockname()[1]}/x")

        await refused(engine, CannotConnect, "no connection to 127.0.0.1")


@pytest.fixture
async def blackhole() -> AsyncIterator[int]:
    """A port that takes connections and never says a word."""
    silence = asyncio.Event()
    peers = []

    async def hold(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peers.append(writer)
        await silence.wait()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    silence.set()
    server.close()
    for writer in peers:
        writer.transport.abort()


async def test_a_peer_that_never_answers_is_given_up(
    make_engine: MakeEngine, blackhole: int
) -> None:
    """The driver's own timeout ends with the TCP connection, and would wait for the greeting."""
    engine = make_engine(f"mysql://u:s3cret@127.0.0.1:{blackhole}/x", connect_timeout=0.1)

    await refused(engine, CannotConnect, r"no answer from 127.0.0.1:\d+ within 0.1 s")


@asynccontextmanager
async def greeting(greeting: bytes) -> AsyncIterator[tuple[int, bytearray]]:
    """A port that says this to everyone, and what it was told in return."""
    told = bytearray()
    ended = asyncio.Event()

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        told.extend(await reader.read())
        writer.close()
        ended.set()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], told
        await ended.wait()
    finally:
        server.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x01\x00\x00\x00\x0a",
        b"\x05\x00\x00\x00\x0a8.4.",
        b"\x0a\x00\x00\x00\xff\x15\x04#08S01ab",
    ],
)
async def test_a_peer_that_speaks_something_else_is_told(
    make_engine: MakeEngine, answer: bytes
) -> None:
    """An HTTP reply, a truncated greeting or an error packet raises `CannotConnect`."""
    async with greeting(answer) as (port, _):
        engine = make_engine(f"mysql://u:s3cret@127.0.0.1:{port}/x")

        with pytest.raises(CannotConnect):
            await engine.ping()


PLAIN = (1 << 9 | 1 << 15 | 1 << 19) & ~(1 << 11)
"""A server's capabilities: the protocol of 4.1, secure passwords, plugins, and no TLS."""


def handshake(capabilities: int) -> bytes:
    body = b"\x0a8.4.0\x00" + (7).to_bytes(4, "little") + b"abcdefgh\x00"
    body += (capabilities & 0xFFFF).to_bytes(2, "little") + b"\x2d\x02\x00"
    body += (capabilities >> 16).to_bytes(2, "little") + b"\x15" + bytes(10)
    body += b"ijklmnopqrst\x00mysql_native_password\x00"
    return len(body).to_bytes(3, "little") + b"\x00" + body


async def test_tls_that_is_not_offered_is_refused_before_the_password_is_sent(
    make_engine: MakeEngine,
) -> None:
    """The driver would go on in plaintext."""
    async with greeting(handshake(PLAIN)) as (port, told):
        engine = make_engine(f"mysql://u:s3cret@127.0.0.1:{port}/x?ssl=required")

        with pytest.raises(TLSRefused, match="offers no TLS"):
            await engine.ping()

    assert bytes(told) == b""


async def test_without_tls_the_same_server_is_spoken_to(make_engine: MakeEngine) -> None:
    """So the handshake of the test above is one that the driver takes."""
    async with greeting(handshake(PLAIN)) as (port, told):
        engine = make_engine(f"mysql://user@127.0.0.1:{port}/x", connect_timeout=0.2)

        with pytest.raises(CannotConnect, match="no answer"):
            await engine.ping()

    assert b"user" in told


def certificate(folder: Path, authority: tuple[Path, Path] | None = None) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that this authority signs, or it itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    signer: Any = key
    if authority is not None:
        issuer = x509.load_pem_x509_certificate(authority[0].read_bytes()).subject
        signer = serialization.load_pem_private_key(authority[1].read_bytes(), None)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "server")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=authority is None, path_length=None), critical=True)
        .sign(signer, hashes.SHA256())
    )
    certificate_file, key_file = folder / "cert.pem", folder / "key.pem"
    certificate_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate_file, key_file


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def tls_url(flavour: Flavour, ca: tuple[Path, Path]) -> Iterator[str]:
    options = f"--ssl-cert={ca[0]}", f"--ssl-key={ca[1]}"
    with private_server(*options, flavour=flavour) as server:
        yield server.create_database("x")


async def cipher(engine: MySQLEngine) -> str:
    connection = await engine.pool.acquire()
    result = await connection.run("SHOW SESSION STATUS LIKE 'Ssl_cipher'")
    engine.pool.release(connection)
    text: str = result.rows[0]["Value"]
    return text


async def connection_id(engine: MySQLEngine) -> int:
    connection = await engine.pool.acquire()
    engine.pool.release(connection)
    thread: int = connection.thread_id()
    return thread


@pytest.mark.parametrize("mode", ["required", "verify_ca", "verify_identity"])
async def test_tls_is_used_where_it_is_asked_for(
    make_engine: MakeEngine, tls_url: str, ca: tuple[Path, Path], mode: str
) -> None:
    """Told by the server, and with statements that come back over it."""
    engine = make_engine(tls_url, ssl=mode, ssl_ca=str(ca[0]))

    first = await connection_id(engine)
    assert await cipher(engine) != ""
    assert (await engine.execute(QueryString("SELECT 1 AS one"))).rows == [{"one": 1}]
    assert first == await connection_id(engine)


async def test_tls_is_not_used_where_it_is_not_asked_for(
    make_engine: MakeEngine, tls_url: str
) -> None:
    """Without `ssl` the session has no cipher, though the server has a certificate."""
    assert await cipher(make_engine(tls_url)) == ""


async def test_a_server_that_cannot_prove_itself_is_refused(
    make_engine: MakeEngine, tls_url: str, tmp_path: Path
) -> None:
    """`verify_ca` raises `TLSRefused` if `ssl_ca` did not sign the server's certificate."""
    other, _ = certificate(tmp_path)
    engine = make_engine(tls_url, ssl="verify_ca", ssl_ca=str(other))

    await refused(engine, TLSRefused, "no TLS")


async def test_a_server_of_another_name_is_refused(
    make_engine: MakeEngine, tls_url: str, ca: tuple[Path, Path]
) -> None:
    """`verify_identity` raises `TLSRefused` for `localhost` if the certificate names 127.0.0.1."""
    port = urlsplit(tls_url).port
    engine = make_engine(
        tls_url, host="localhost", port=port, ssl="verify_identity", ssl_ca=str(ca[0])
    )

    await refused(engine, TLSRefused, "no TLS")


async def test_connections_that_are_given_up_leave_no_socket(
    make_engine: MakeEngine, blackhole: int
) -> None:
    """filterwarnings turns an unclosed one into an error."""
    engine = make_engine(f"mysql://u@127.0.0.1:{blackhole}/x", pool_size=1)
    task = asyncio.create_task(engine.ping())
    await asyncio.sleep(0.01)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert not engine.pool._places.locked()


async def test_a_certificate_that_is_refused_for_its_form_is_explained(
    make_engine: MakeEngine, flavour: Flavour, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Python 3.13 refuses those that MySQL makes by itself: they do not say who made them."""
    create = ssl.create_default_context

    def strict(**options: Any) -> ssl.SSLContext:
        context = create(**options)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    monkeypatch.setattr(ssl, "create_default_context", strict)
    authority, authority_key = certificate(tmp_path)
    (tmp_path / "server").mkdir()
    leaf, leaf_key = certificate(tmp_path / "server", (authority, authority_key))
    options = f"--ssl-cert={leaf}", f"--ssl-key={leaf_key}", f"--ssl-ca={authority}"
    with private_server(*options, flavour=flavour) as server:
        engine = make_engine(server.create_database("x"), ssl="verify_ca", ssl_ca=str(authority))

        with pytest.raises(TLSRefused, match=r"RFC 5280.*ssl=required"):
            await engine.ping()
