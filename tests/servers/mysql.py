"""A MariaDB or a MySQL server for tests.

`TEST_MYSQL_URL` names one that is there already, of either kind; else a program of this machine is
started on a free port with durability off, and ended with the run. Its data is in memory where that
has room. MariaDB is `mariadbd`; MySQL is what `debian_mysql.py` has unpacked, or a `mysqld` that is
installed. Without MariaDB its tests are skipped with the reason, or fail with
BOOKSTORE_REQUIRE_SERVICES=1.
Without MySQL its tests are always skipped, and the run says so at its end (`tests/conftest.py`).

    @pytest.fixture(scope="session")
    def servers():
        with Servers() as servers:
            yield servers
"""
# ruff: noqa: S603 - the programs are this machine's servers

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Literal, NoReturn, Protocol, Self
from urllib.parse import quote, unquote, urlsplit

import pymysql
import pytest

from tests.servers import debian_mysql
from tests.servers.programs import CleanupOnExit, data_folder, find, free_port, missing

Flavour = Literal["mariadb", "mysql"]
FLAVOURS: tuple[Flavour, ...] = ("mariadb", "mysql")

NO_MYSQL = f"no MySQL server is here; `{debian_mysql.COMMAND}` fetches one where apt has Debian's"
"""Why a test on MySQL was skipped; the end of the run counts these."""

USER = "bookstore"
PASSWORD = "p%40ss/w'ö\\rd"
"""Nothing that a URL or a literal takes as it is."""

STARTING = 60.0


class Server(Protocol):
    """What tests may ask of a server."""

    host: str
    port: int
    flavour: Flavour

    def url(self, database: str) -> str: ...

    def create_database(self, name: str) -> str:
        """Make an empty database, whatever was there; answers its URL."""

    def run(self, sql: str) -> Sequence[tuple[object, ...]]:
        """Run a statement as an administrator."""

    def connect(self) -> "pymysql.connections.Connection[pymysql.cursors.Cursor]":
        """A connection as an administrator."""

    def restart(self) -> None: ...

    def kill(self) -> None:
        """End it at once, as a crash does."""

    def start(self) -> None: ...

    def freeze(self) -> None:
        """Let it answer nothing until `thaw`, with every connection kept."""

    def thaw(self) -> None: ...


_ONLY_MYSQL = (
    "--secure-file-priv=NULL",  # LOAD DATA from nowhere; Debian's default is a folder of the system
    "--mysqlx=OFF",  # a second port, the same for every server
    "--innodb-redo-log-capacity=16M",
    "--innodb-doublewrite=OFF",  # against a torn page when the machine loses its power
)
_ONLY_MARIADB = ("--innodb-log-file-size=16M",)  # as small as MySQL's: the folder may be in memory


class _Connected:
    """What both kinds of server do in the same way."""

    host: str
    port: int
    user: str
    password: str

    def url(self, database: str) -> str:
        secret = quote(self.password, safe="")
        return f"mysql://{quote(self.user, safe='')}:{secret}@{self.host}:{self.port}/{database}"

    def create_database(self, name: str) -> str:
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS `{name}`")
            cursor.execute(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
        return self.url(name)

    def run(self, sql: str) -> Sequence[tuple[object, ...]]:
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()

    def connect(self) -> "pymysql.connections.Connection[pymysql.cursors.Cursor]":
        return pymysql.connect(
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password.encode(),  # the driver encodes text as Latin-1
            charset="utf8mb4",
            autocommit=True,
            connect_timeout=5,
            ssl_disabled=True,  # to read the machine's certificates takes longer than a statement
        )


class PrivateServer(_Connected):
    """A server of our own, from an empty data folder."""

    def __init__(
        self, flavour: Flavour, program: str, folder: Path, options: Sequence[str] = ()
    ) -> None:
        self.flavour = flavour
        self.host = "127.0.0.1"
        self.port = free_port()
        self.user = USER
        self.password = PASSWORD
        self._program = program
        self._folder = folder
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self._cleanup: CleanupOnExit | None = None
        self._log = folder / "server.log"
        self._install()

    def _install(self) -> None:
        data = self._folder / "data"
        secret = PASSWORD.replace("\\", "\\\\").replace("'", "''")
        (self._folder / "users.sql").write_text(
            f"CREATE USER IF NOT EXISTS '{USER}'@'%' IDENTIFIED BY '{secret}';\n"
            f"GRANT ALL PRIVILEGES ON *.* TO '{USER}'@'%' WITH GRANT OPTION;\n",
            encoding="utf-8",
        )
        if self.flavour == "mariadb":
            installer = find("mariadb-install-db", "mysql_install_db") or "mariadb-install-db"
            command = [installer, "--no-defaults", f"--datadir={data}", "--skip-test-db"]
            command += ["--auth-root-authentication-method=normal", *_ONLY_MARIADB]
        else:
            command = [self._program, "--no-defaults", "--initialize-insecure"]
            command += [f"--datadir={data}", *_ONLY_MYSQL]
        command += [*self._as_root(), self._own_tmpdir()]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{command[0]} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")

    def _own_tmpdir(self) -> str:
        """A server that starts removes temporary tables of others from the folder they share."""
        folder = self._folder / "tmp"
        folder.mkdir(exist_ok=True)
        return f"--tmpdir={folder}"

    def _as_root(self) -> list[str]:
        return ["--user=root"] if os.geteuid() == 0 else []

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    self._program,
                    "--no-defaults",
                    *self._as_root(),
                    f"--datadir={self._folder / 'data'}",
                    self._own_tmpdir(),
                    f"--port={self.port}",
                    f"--socket={self._folder / 's'}",
                    f"--pid-file={self._folder / 'pid'}",
                    f"--init-file={self._folder / 'users.sql'}",
                    "--bind-address=127.0.0.1",
                    "--skip-log-bin",
                    "--skip-name-resolve",
                    "--character-set-server=utf8mb4",
                    "--innodb-flush-log-at-trx-commit=0",
                    "--innodb-buffer-pool-size=32M",
                    "--performance-schema=OFF",
                    *(_ONLY_MYSQL if self.flavour == "mysql" else _ONLY_MARIADB),
                    *self._options,
                ],
                stdout=log,
                stderr=log,
            )
        self._cleanup = CleanupOnExit('kill -9 "$1"; rm -rf "$2"', self._process.pid, self._folder)
        deadline = time.monotonic() + STARTING
        while True:
            try:
                self.connect().close()
            except pymysql.err.OperationalError as error:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError(self._log.read_text(errors="replace")) from error
                time.sleep(0.05)
            else:
                return

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.send_signal(how)
            self._process.wait(timeout=STARTING)
            self._process = None
        if self._cleanup is not None:
            self._cleanup.cancel()
            self._cleanup = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def kill(self) -> None:
        self.stop(signal.SIGKILL)

    def freeze(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        os.waitpid(self._process.pid, os.WUNTRACED)  # every thread of it stands still

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


class ExternalServer(_Connected):
    """The server of TEST_MYSQL_URL, which is not ours to stop."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.host = parts.hostname or "127.0.0.1"
        self.port = parts.port or 3306
        self.user = unquote(parts.username or "root")
        self.password = unquote(parts.password or "")
        ((version,),) = self.run("SELECT VERSION()")
        self.flavour: Flavour = "mariadb" if "mariadb" in str(version).lower() else "mysql"

    def _not_ours(self) -> NoReturn:
        pytest.skip("the server of TEST_MYSQL_URL cannot be stopped by a test")

    def restart(self) -> None:
        self._not_ours()

    def kill(self) -> None:
        self._not_ours()

    def start(self) -> None:
        self._not_ours()

    def freeze(self) -> None:
        self._not_ours()

    def thaw(self) -> None:
        self._not_ours()


@contextlib.contextmanager
def private_server(
    *options: str, flavour: Flavour = "mariadb", must_be_private: bool = False
) -> Iterator[Server]:
    """A running server; `options` are for the program, and make it a private one.

    `must_be_private` is for tests that stop it.
    """
    url = os.environ.get("TEST_MYSQL_URL")
    if url and not options and not must_be_private:
        external = ExternalServer(url)
        if external.flavour == flavour:
            yield external
            return
    program = program_of(flavour)
    if program is None and flavour == "mysql":
        pytest.skip(NO_MYSQL)
    if program is None:
        missing("mariadbd is not installed, and TEST_MYSQL_URL names no MariaDB")
    folder = data_folder(f"{flavour}-")
    server = PrivateServer(flavour, program, folder, options)
    try:
        server.start()
        yield server
    finally:
        server.stop(signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)


class Servers:
    """One of each kind, which runs from when it is first asked for to the end of the block.

    A fixture with parameters would end a server whenever the next file begins with the other."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._running: dict[Flavour, Server] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def get(self, flavour: Flavour) -> Server:
        """Skips the test where there is no such server here."""
        if flavour not in self._running:
            server = self._stack.enter_context(private_server(flavour=flavour))
            self._running[flavour] = server
        return self._running[flavour]


@cache
def program_of(flavour: Flavour) -> str | None:
    """The server's program; None where it is not on this machine."""
    if flavour == "mysql" and (unpacked := debian_mysql.program()) is not None:
        return str(unpacked)
    # Debian has a `mysqld` that is MariaDB's.
    for name in ("mariadbd", "mysqld"):
        program = find(name)
        if program is not None:
            command = [program, "--version"]
            version = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            if ("mariadb" in version.lower()) == (flavour == "mariadb"):
                return program
    return None
