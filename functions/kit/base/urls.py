"""Checks the URLs of settings, before anything is opened.

No text that is returned or raised here contains the URL or a part of it that may be a password.
"""

import re
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

SYNCHRONOUS = ("full", "normal", "off")
"""Values of SQLite's `PRAGMA synchronous` that a URL may choose."""

_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?\.?|[0-9a-f:.]*:[0-9a-f:.]*")
_UNSAFE = re.compile(r"[^\x21-\x7e]")


class SQLiteURL(NamedTuple):
    path: str
    synchronous: str


def http_problem(url: str, *, base: bool = False) -> str | None:
    """What is wrong with an http or https URL; None for a valid one.

    With `base`, paths are appended to it, so it must not end with a slash or have a query.
    """
    if not url.startswith(("http://", "https://")):
        return "must be an http:// or https:// address"
    if _UNSAFE.search(url):
        return "has a space or another character that is not allowed in a URL"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "has a host or a port that cannot be read; a port is a number from 1 to 65535"
    if "@" in parts.netloc:
        return "must not contain a user or a password"
    if not parts.hostname or not _HOST.fullmatch(parts.hostname):
        return "must name a host after http:// or https://"
    if port == 0 or parts.netloc.endswith(":"):
        return "has a host or a port that cannot be read; a port is a number from 1 to 65535"
    if "#" in url:
        return "must not have a fragment (#)"
    if base and ("?" in url or "//" in parts.path or parts.path.endswith("/")):
        return "must be an address without a query and without a slash at its end"
    return None


def database_problem(url: str) -> str | None:
    """What is wrong with a database URL, its options included; None for a valid one."""
    try:
        if url.startswith("sqlite:///"):
            parse_sqlite(url)
        elif url.startswith("mysql://"):
            from functions.kit.mysql.options import Options  # noqa: PLC0415 - only the engine in use

            Options.from_url(url)
        else:
            return "must begin with sqlite:/// or mysql://"
    except ValueError as error:
        return str(error)
    return None


def parse_sqlite(url: str) -> SQLiteURL:
    """`sqlite:///relative.db` or `sqlite:////absolute.db`; `?synchronous=normal` is faster.

    Raises `ValueError` for any other form.
    """
    _, _, rest = url.partition("sqlite://")
    path, _, query = rest.partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    synchronous = options.pop("synchronous", "full")
    if not path.startswith("/") or path == "/":
        raise ValueError(
            "a SQLite URL is sqlite:///relative.db or sqlite:////absolute.db"
            " (a database in memory would be lost with the process)"
        )
    if options:
        raise ValueError(f"the SQLite URL has an unknown option: {', '.join(sorted(options))}")
    if synchronous not in SYNCHRONOUS:
        raise ValueError(f"synchronous must be one of {', '.join(SYNCHRONOUS)}")
    return SQLiteURL(path[1:], synchronous)
