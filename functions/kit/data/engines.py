"""Creates the engine for a database URL."""

from pathlib import Path

from functions.kit.base.settings import ServiceSettings
from functions.kit.base.tracing import Tracer
from functions.kit.base.urls import parse_sqlite
from functions.kit.data.database import Database


def connect(url: str, *, tracer: Tracer | None = None) -> Database:
    """An engine for a `sqlite://` or `mysql://` URL. The first query opens the connection.

    With a tracer it records a span for each statement. Raises `ValueError` for any other URL.
    """
    scheme = url.partition("://")[0]
    if scheme == "sqlite":
        from functions.kit.data.sqlite import SQLiteEngine  # noqa: PLC0415 - only the engine in use

        if tracer is not None:
            from functions.kit.data.traced_sqlite import TracedSQLiteEngine  # noqa: PLC0415

            return TracedSQLiteEngine(url, tracer)
        return SQLiteEngine.from_url(url)
    if scheme == "mysql":
        from functions.kit.mysql import MySQLEngine  # noqa: PLC0415 - only the engine in use

        if tracer is not None:
            from functions.kit.data.traced_mysql import TracedMySQLEngine  # noqa: PLC0415

            return TracedMySQLEngine(url, tracer)
        return MySQLEngine(url)
    # Not what it begins with: without a scheme that is the user and the password.
    raise ValueError("DATABASE_URL must begin with sqlite:// or mysql://")


def connect_existing(url: str) -> Database:
    """`connect` for a command that works on what is there, which SQLite would create instead.

    Raises `FileNotFoundError` where a `sqlite://` URL names no file.
    """
    if url.startswith("sqlite://") and not (path := Path(parse_sqlite(url).path)).is_file():
        raise FileNotFoundError(f"there is no file {path}; DATABASE_URL names the database")
    return connect(url)


def database_url(service: str, settings: ServiceSettings) -> str:
    """The URL of a service's database; the embedded SQLite file where none is set."""
    if settings.database_url:
        return settings.database_url.reveal()
    return f"sqlite:///.bookstore/{service}.db"
