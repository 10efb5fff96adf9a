"""The shop on a MySQL server instead of SQLite files: `nox -s dev -- --mysql mysql://...`.

Three databases, named as the original named them. They are made where they are missing; begun anew
(`--fresh`) only when this data folder says that it made them.
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
    "purchase": "bookstore_main",
}

MADE_FILE = "mysql.json"
"""In the data folder: which databases were made, and where."""

CONNECT_TIMEOUT = 10
"""Seconds."""


class MySQLServer:
    """A server that the three databases are on."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "mysql" or not parts.hostname or parts.path not in {"", "/"}:
            raise LocalError(
                "--mysql takes mysql://user:password@host:port, without a database: the shop has"
                f" three of its own, {', '.join(DATABASES.values())}."
            )
        self.host = parts.hostname
        self.port = parts.port or 3306
        self.user = unquote(parts.username or "root")
        self.password = unquote(parts.password or "")
        self.query = f"?{parts.query}" if parts.query else ""

    @property
    def name(self) -> str:
        """The server, as it can be shown."""
        return f"{self.host}:{self.port}"

    def url(self, service: str) -> str:
        """Of one service's database."""
        secret = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}"
        return f"mysql://{secret}@{self.name}/{DATABASES[service]}{self.query}"

    def prepare(self, folder: DataFolder, *, fresh: bool) -> None:
        """Make the databases that are missing, or all of them anew.

        Raises `LocalError` when the server cannot be used, or when databases would have to be
        dropped that this folder has not made.
        """
        try:
            with closing(self._connect()) as connection, connection.cursor() as cursor:
                cursor.execute("SHOW DATABASES")
                there = {str(row[0]) for row in cursor.fetchall()} & set(DATABASES.values())
                if fresh and there:
                    self._refuse_to_drop(folder, there)
                    for database in sorted(there):
                        cursor.execute(f"DROP DATABASE `{database}`")
                    there = set()
                for database in sorted(set(DATABASES.values()) - there):
                    cursor.execute(
                        f"CREATE DATABASE `{database}` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
                    )
                made = set(DATABASES.values()) - there
        except pymysql.MySQLError as error:
            reason = error.args[-1] if error.args else type(error).__name__
            raise LocalError(f"The MySQL server {self.name} cannot be used: {reason}") from error
        if made == set(DATABASES.values()):
            folder.write(MADE_FILE, {"server": self.name, "databases": sorted(made)})

    def _refuse_to_drop(self, folder: DataFolder, there: set[str]) -> None:
        made = folder.read(MADE_FILE) or {}
        if made.get("server") != self.name or not there <= set(made.get("databases", ())):
            raise LocalError(
                f"{', '.join(sorted(there))} on {self.name} were not made by this shop's runner,"
                " so it does not drop them. Drop them yourself, or leave out --fresh."
            )

    def _connect(self) -> "pymysql.connections.Connection[pymysql.cursors.Cursor]":
        return pymysql.connect(
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password.encode(),  # the driver would encode text as Latin-1
            charset="utf8mb4",
            connect_timeout=CONNECT_TIMEOUT,
        )
