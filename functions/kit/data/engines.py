"""Creates the engine for a database URL."""

from functions.kit.base.settings import ServiceSettings
from functions.kit.data.database import Database


def connect(url: str) -> Database:
    """An engine for a `sqlite://` or `mysql://` URL. The first query opens the connection.

    Raises `ValueError` for any other URL.
    """
    scheme = url.partition("://")[0]
    if scheme == "sqlite":
        from functions.kit.data.sqlite import SQLiteEngine  # noqa: PLC0415 - only the engine in use

        return SQLiteEngine.from_url(url)
    if scheme == "mysql":
        from functions.kit.mysql import MySQLEngine  # noqa: PLC0415 - only the engine in use

        return MySQLEngine(url)
    # Not what it begins with: without a scheme that is the user and the password.
    raise ValueError("DATABASE_URL must begin with sqlite:// or mysql://")


def database_url(service: str, settings: ServiceSettings) -> str:
    """The URL of a service's database; the embedded SQLite file where none is set."""
    if settings.database_url:
        return settings.database_url.reveal()
    return f"sqlite:///.bookstore/{service}.db"
