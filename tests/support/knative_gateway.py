"""A real HTTP server in the place of Knative's gateway, activator and queue-proxy.

It changes a request's headers as the chain of `proxies.py` does, and calls the service.
"""

import http.client
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.proxies import Proxy, passed

Chain = Sequence[tuple[Proxy, str]]

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    chain: ClassVar[Chain]
    port: ClassVar[int]
    client: ClassVar[str]

    def _forward(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        came = [
            (name, value) for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP
        ]
        service = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            service.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in passed(came, self.client, self.chain):
                service.putheader(name, value)
            service.putheader("Content-Length", str(len(body)))
            service.endheaders(body)
            answer = service.getresponse()
            content = answer.read()
        finally:
            service.close()
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_HEAD = do_POST = _forward  # noqa: N815 - the names that http.server needs

    def log_message(self, *_: object) -> None: ...


@contextmanager
def knative_gateway(
    service: int, chain: Chain, *, client: str = "203.0.113.7", certificate: Path | None = None
) -> Iterator[int]:
    """The port of a gateway in front of the service's port; with a certificate it speaks TLS."""
    handler = type("_OneGateway", (_Handler,), {"chain": chain, "port": service, "client": client})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def self_signed(folder: Path, host: str) -> Path:
    """A file with a key and a certificate for one host, valid for a day."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "gateway.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path
