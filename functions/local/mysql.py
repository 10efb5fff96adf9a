"""The shop on a MySQL server instead of SQLite files: `nox -s dev -- --mysql mysql://...`.

A database for each service, three of them with the names of the original shop. Missing ones are
created; `--fresh` drops them only if this data folder records that it created them.
"""

from collections.abc import Mapping
from contextlib import closing
from urllib.parse import quote, unquote, urlsplit

import pymysql

from functions.local.data_folder import DataFolder
from functions.local.errors import LocalError

DATABASES: Mapping[str, str] = {
    "auth": "bookstore_auth",
    "catalog": "bookstore_catalog",
    "notifications": "bookstore_notifications",
    "purchase": "bookstore_main",
}

CREATED_FILE = "mysql.json"
"""In the data folder: the databases that it created, and their server."""

CONNECT_TIMEOUT = 10
"""Seconds."""


class MySQLServer:
    """The server of the databases. Raises LocalError for a URL of another form."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        try:
            self.port = parts.port or 3306
        except ValueError as error:
            raise LocalError(f"The URL of --mysql is invalid: {error}.") from error
        if parts.scheme != "mysql" or not parts.hostname or parts.path not in {"", "/"}:
            raise LocalError(
                "--mysql needs mysql://user:password@host:port, without a database: the shop uses"
                f" {', '.join(DATABASES.values())}."
            )
        self.host = parts.hostname
        self.user = unquote(parts.username or "root")
        self.password = unquote(parts.password or "")
        self.query = f"?{parts.query}" if parts.query else ""

    @property
    def name(self) -> str:
        """Host and port, without credentials."""
        return f"{self.host}:{self.port}"

    def url(self, service: str) -> str:
        """URL of one service's database."""
        secret = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}"
        return f"mysql://{secret}@{self.name}/{DATABASES[service]}{self.query}"

    def prepare(self, folder: DataFolder, *, fresh: bool) -> None:
        """Creates the databases that are missing; with `fresh` drops the others first.

        Raises LocalError when the server cannot be used, or when it would have to drop databases
        that this folder did not create.
        """
        try:
            with closing(self._connect()) as connection, connection.cursor() as cursor:
                cursor.execute("SHOW DATABASES")
                existing = {str(row[0]) for row in cursor.fetchall()} & set(DATABASES.values())
                if fresh and existing:
                    self._refuse_to_drop(folder, existing)
                    for database in sorted(existing):
                        cursor.execute(f"DROP DATABASE `{database}`")
                    existing = set()
                for database in sorted(set(DATABASES.values()) - existing):
                    cursor.execute(
                        f"CREATE DATABASE `{database}` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
                    )
        except pymysql.MySQLError as error:
            reason = error.args[-1] if error.args else type(error).__name__
            raise LocalError(f"The MySQL server {self.name} cannot be used: {reason}") from error
        # A database of a service that is new joins those that an earlier release created here.
        if existing <= self._created(folder):
            every = sorted(DATABASES.values())
            folder.write(CREATED_FILE, {"server": self.name, "databases": every})

    def _created(self, folder: DataFolder) -> set[str]:
        """Databases on this server that the folder records as its own."""
        created = folder.read(CREATED_FILE) or {}
        return set(created.get("databases", ())) if created.get("server") == self.name else set()

    def _refuse_to_drop(self, folder: DataFolder, existing: set[str]) -> None:
        if not existing <= self._created(folder):
            raise LocalError(
                f"{', '.join(sorted(existing))} on {self.name} were not created from this data"
                " folder, so --fresh does not drop them. Drop them yourself, or leave out --fresh."
            )

    def _connect(self) -> "pymysql.connections.Connection[pymysql.cursors.Cursor]":
        return pymysql.connect(
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password.encode(),  # the driver encodes text as Latin-1
            charset="utf8mb4",
            connect_timeout=CONNECT_TIMEOUT,
        )
