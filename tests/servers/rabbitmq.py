"""A RabbitMQ server for tests.

`TEST_RABBITMQ_URL` names one that is there already; else a `rabbitmq-server` of this machine is
started in a temporary folder: a node with its own name, cookie, port mapper and ports, on 127.0.0.1
only, ended with the run. Where there is neither, tests are skipped with the reason, or fail with
BOOKSTORE_REQUIRE_SERVICES=1.

    @pytest.fixture(scope="session")
    def rabbitmq():
        with private_rabbitmq() as node:
            yield node
"""
# ruff: noqa: S603 - the programs are this machine's servers

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn, Protocol
from urllib.parse import quote

import aio_pika
import pytest

from tests.servers.programs import CleanupOnExit, find, free_ports, missing

USER = "bookstore"
PASSWORD = "p@ss/w%40rd"
VHOST = "shop/local"
"""Nothing that a URL takes as it is."""

STARTING = 90.0

_SCRIPTS = ("/usr/lib/rabbitmq/bin", "/opt/homebrew/sbin", "/usr/local/sbin")
_FIRST_BYTES = b"AMQP\x00\x00\x09\x01"


class RabbitMQ(Protocol):
    """What tests may ask of a server."""

    url: str

    async def depth(self, queue: str) -> int:
        """How many messages wait in it, without those that a consumer holds."""

    def definitions(self) -> dict[str, Any]:
        """Exchanges, queues and bindings, as the server itself lists them."""

    def kill(self) -> None:
        """End it at once, as a crash does."""

    def start(self) -> None: ...

    def restart(self) -> None:
        """End it in order, and start it again."""

    def freeze(self) -> None:
        """Let it answer nothing until `thaw`, with every connection kept."""

    def thaw(self) -> None: ...


class _Connected:
    url: str

    async def depth(self, queue: str) -> int:
        connection = await aio_pika.connect(self.url)
        async with connection, connection.channel() as channel:
            found = await channel.declare_queue(queue, passive=True)
            return found.declaration_result.message_count or 0


class PrivateRabbitMQ(_Connected):
    """A node of our own, from an empty data folder."""

    def __init__(self, scripts: Path, folder: Path) -> None:
        self.port, self._distribution, self._mapper_port = free_ports(3)
        secret = f"{quote(USER, safe='')}:{quote(PASSWORD, safe='')}"
        self.url = f"amqp://{secret}@127.0.0.1:{self.port}/{quote(VHOST, safe='')}"
        self._scripts = scripts
        self._folder = folder
        self._log = folder / "server.log"
        self._mapper: subprocess.Popen[bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._cleanup: CleanupOnExit | None = None
        self._write_configuration()

    def _write_configuration(self) -> None:
        (self._folder / "node.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\n"
            f"default_user = {USER}\n"
            f"default_pass = {PASSWORD}\n"
            f"default_vhost = {VHOST}\n"
            # A test machine's disk may be fuller than a server's should be.
            "disk_free_limit.absolute = 1MB\n"
            # Of quorum queues' log, which is kept in memory too: 512 MiB else.
            f"raft.wal_max_size_bytes = {16 * 1024 * 1024}\n"
            "log.console = true\nlog.console.level = warning\nlog.file = false\n",
            encoding="utf-8",
        )
        (self._folder / "plugins").write_text("[].\n", encoding="utf-8")
        (self._folder / "environment").touch()
        cookie = self._folder / ".erlang.cookie"
        cookie.write_text(secrets.token_hex(16), encoding="utf-8")
        cookie.chmod(0o400)

    def _environment(self) -> dict[str, str]:
        folder = str(self._folder)
        ours = {name: text for name, text in os.environ.items() if "RABBITMQ" not in name}
        return {
            **ours,
            "HOME": folder,
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self._mapper_port),
            "RABBITMQ_NODENAME": f"test{self.port}@localhost",
            "RABBITMQ_DIST_PORT": str(self._distribution),
            "RABBITMQ_CONF_ENV_FILE": f"{folder}/environment",
            "RABBITMQ_CONFIG_FILE": f"{folder}/node.conf",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/plugins",
            "RABBITMQ_MNESIA_BASE": f"{folder}/data",
            "RABBITMQ_LOG_BASE": f"{folder}/logs",
            "RABBITMQ_PID_FILE": f"{folder}/pid",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                "-kernel inet_dist_use_interface {127,0,0,1} +S 1:1 +sbwt none +sbwtdcpu none"
            ),
            # The script becomes the server, rather than its parent: its pid is the server's.
            "RUNNING_UNDER_SYSTEMD": "1",
        }

    def start(self) -> None:
        environment = self._environment()
        with self._log.open("ab") as log:
            if self._mapper is None:
                # A node would start one that stays when the node has gone.
                mapper = find("epmd") or "epmd"
                self._mapper = subprocess.Popen(
                    [mapper, "-port", str(self._mapper_port), "-address", "127.0.0.1"],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
                )  # fmt: skip
                _until_accepting(self._mapper, self._mapper_port, self._log)
            self._process = subprocess.Popen(
                [str(self._scripts / "rabbitmq-server")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
                cwd=self._folder, start_new_session=True,
            )  # fmt: skip
        self._cleanup = CleanupOnExit(
            'kill -9 "$1" "$2"; rm -rf "$3"', self._process.pid, self._mapper.pid, self._folder
        )
        _until_accepting(self._process, self.port, self._log, _FIRST_BYTES)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.send_signal(how)
            self._process.wait(timeout=STARTING)
            self._process = None
        if self._cleanup is not None:
            self._cleanup.cancel()
            self._cleanup = None

    def end(self) -> None:
        self.stop(signal.SIGKILL)
        if self._mapper is not None:
            self._mapper.kill()
            self._mapper.wait(timeout=STARTING)

    def kill(self) -> None:
        self.stop(signal.SIGKILL)

    def restart(self) -> None:
        self.stop()
        self.start()

    def freeze(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        os.waitpid(self._process.pid, os.WUNTRACED)  # every thread of it stands still

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def definitions(self) -> dict[str, Any]:
        listed = subprocess.run(
            [str(self._scripts / "rabbitmqctl"), "-q", "export_definitions", "-"],
            env=self._environment(), capture_output=True, text=True, check=True, timeout=STARTING,
        )  # fmt: skip
        definitions: dict[str, Any] = json.loads(listed.stdout)
        return definitions


class ExternalRabbitMQ(_Connected):
    """The server of TEST_RABBITMQ_URL, which is not ours to stop."""

    def __init__(self, url: str) -> None:
        self.url = url

    def _not_ours(self) -> NoReturn:
        pytest.skip("the server of TEST_RABBITMQ_URL is not ours to stop, or to list")

    def definitions(self) -> dict[str, Any]:
        self._not_ours()

    def kill(self) -> None:
        self._not_ours()

    def start(self) -> None:
        self._not_ours()

    def restart(self) -> None:
        self._not_ours()

    def freeze(self) -> None:
        self._not_ours()

    def thaw(self) -> None:
        self._not_ours()


@contextlib.contextmanager
def private_rabbitmq(*, must_be_private: bool = False) -> Iterator[RabbitMQ]:
    """A running server; `must_be_private` is for tests that stop it."""
    url = os.environ.get("TEST_RABBITMQ_URL")
    if url and not must_be_private:
        yield ExternalRabbitMQ(url)
        return
    scripts = next(
        (Path(path) for path in _SCRIPTS if Path(path, "rabbitmq-server").exists()), None
    )
    if scripts is None or find("epmd") is None:
        missing("rabbitmq-server is not installed, and TEST_RABBITMQ_URL is not set")
    folder = Path(tempfile.mkdtemp(prefix="rabbitmq-"))
    node = PrivateRabbitMQ(scripts, folder)
    try:
        node.start()
        yield node
    finally:
        node.end()
        shutil.rmtree(folder, ignore_errors=True)


def _until_accepting(
    process: subprocess.Popen[bytes], port: int, log: Path, hello: bytes = b""
) -> None:
    deadline = time.monotonic() + STARTING
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5) as sock:
            sock.sendall(hello)
            # The first frame of AMQP is a method's: type 1.
            if not hello or sock.recv(1) == b"\x01":
                return
        if process.poll() is not None or time.monotonic() > deadline:
            raise AssertionError(log.read_text(errors="replace"))
        time.sleep(0.05)
