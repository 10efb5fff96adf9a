"""The options of an engine: a `mysql://` URL, keywords, or both, checked before any I/O.

`pool.py` and `connection.py` use them. Neither `repr()` nor any error contains the password.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, Self, get_args
from urllib.parse import parse_qsl, unquote, urlsplit

from functions.kit.mysql.errors import InvalidOptions

TLSMode = Literal["disabled", "required", "verify_ca", "verify_identity"]
"""MySQL's names. `preferred` is not supported: an attacker who removes the server's TLS offer would
get plaintext."""

_TLS_ALIASES = {
    "true": "verify_identity",
    "1": "verify_identity",
    "false": "disabled",
    "0": "disabled",
}
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True, slots=True)
class Options:
    """The server, the credentials, and the limits of the connections. Times are in seconds."""

    host: str = "localhost"
    port: int = 3306
    user: str = "root"
    password: str = field(default="", repr=False)
    database: str | None = None

    pool_size: int = 10
    """Most connections. If all are in use, a statement waits."""
    pool_timeout: float = 10.0
    """How long a statement waits for a connection."""
    connect_timeout: float = 5.0
    """Time limit of name look-up, TCP, TLS, handshake and session settings together."""
    query_timeout: float | None = 60.0
    """How long an answer may take. Without a limit a frozen server would block a task for ever."""
    max_age: float = 1800.0
    """An older connection is replaced, so that a failover or a new password takes effect."""
    max_idle: float = 300.0
    """A connection that is idle for longer is closed."""
    ping_after: float = 10.0
    """A connection that was idle for this long is pinged before it is used.

    A process that was frozen has not noticed that the server closed it, and a firewall may have
    dropped it without notice."""
    kill_cancelled: bool = True
    """Send KILL for a statement that was cancelled or timed out, which releases its locks at once.

    It is sent only to the same server, not restarted since, because connection ids are unique only
    there. For that each new connection queries the server's identity once."""

    ssl: TLSMode = "disabled"
    ssl_ca: str | None = None
    """File with the trusted certificate authorities; the system's by default."""
    ssl_cert: str | None = None
    ssl_key: str | None = None

    def __post_init__(self) -> None:
        if self.ssl not in get_args(TLSMode):
            raise InvalidOptions(f"ssl must be one of {', '.join(get_args(TLSMode))}")
        if not 0 < self.port < 65536:
            raise InvalidOptions("port must be between 1 and 65535")
        if self.pool_size < 1:
            raise InvalidOptions("pool_size must be at least 1")
        for name in ("pool_timeout", "connect_timeout", "max_age", "max_idle"):
            if getattr(self, name) <= 0:
                raise InvalidOptions(f"{name} must be more than 0")
        if self.query_timeout is not None and self.query_timeout <= 0:
            raise InvalidOptions("query_timeout must be more than 0, or none")
        self._check_tls_files()

    def _check_tls_files(self) -> None:
        if self.ssl_key is not None and self.ssl_cert is None:
            raise InvalidOptions("ssl_key needs ssl_cert")
        for name in ("ssl_ca", "ssl_cert", "ssl_key"):
            path = getattr(self, name)
            if path is not None and self.ssl == "disabled":
                raise InvalidOptions(f"{name} is given, but ssl is disabled")
            if path is not None and not os.access(path, os.R_OK):
                raise InvalidOptions(f"{name} names a file that cannot be read: {path}")

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    @classmethod
    def build(cls, url: str | None, overrides: Mapping[str, Any]) -> Self:
        """Options from a URL and from keywords, which take precedence."""
        known = {option.name for option in fields(cls)}
        if unknown := sorted(set(overrides) - known):
            raise InvalidOptions(f"there is no option {unknown[0]!r}")
        options = cls() if url is None else cls.from_url(url)
        return replace(options, **overrides) if overrides else options

    @classmethod
    def from_url(cls, url: str) -> Self:
        """`mysql://user:password@host:port/database?pool_size=10&ssl=required`.

        Reserved characters in the user or the password are percent-encoded.
        """
        # urlsplit's errors contain parts of the URL, perhaps of the password.
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise InvalidOptions(
                "the database URL cannot be read: is a reserved character in the password"
                " not percent-encoded, or the port not a number?"
            ) from None
        if parts.scheme != "mysql":
            raise InvalidOptions("the database URL must begin with mysql://")
        if not parts.hostname:
            raise InvalidOptions("the database URL names no host")
        if parts.fragment:
            raise InvalidOptions("the database URL holds a '#'; write it as %23")
        database = unquote(parts.path[1:])
        if "/" in database:
            raise InvalidOptions("the database URL has more than one path segment")
        values: dict[str, Any] = {"host": parts.hostname, "database": database or None}
        if port is not None:
            values["port"] = port
        if parts.username is not None:
            values["user"] = unquote(parts.username)
        if parts.password is not None:
            values["password"] = unquote(parts.password)
        for name, text in parse_qsl(parts.query, keep_blank_values=True):
            values[name] = _option(name, text)
        return cls(**values)


_NUMBERS: dict[str, type[int] | type[float]] = {
    "pool_size": int,
    "pool_timeout": float,
    "connect_timeout": float,
    "query_timeout": float,
    "max_age": float,
    "max_idle": float,
    "ping_after": float,
}


def _option(name: str, text: str) -> Any:
    if name in _NUMBERS:
        if name == "query_timeout" and text == "none":
            return None
        if not re.fullmatch(r"\d+(\.\d+)?", text):
            raise InvalidOptions(f"{name} in the database URL is no number")
        try:
            return _NUMBERS[name](text)
        except ValueError:
            raise InvalidOptions(f"{name} in the database URL is not a whole number") from None
    if name == "ssl":
        return _TLS_ALIASES.get(text, text)
    if name == "kill_cancelled":
        if text not in _BOOLEANS:
            raise InvalidOptions("kill_cancelled in the database URL must be true or false")
        return _BOOLEANS[text]
    if name in ("ssl_ca", "ssl_cert", "ssl_key"):
        return text
    if not re.fullmatch(r"[a-z_]+", name):
        # The name is not repeated: after an unencoded `?` it is the end of the password.
        raise InvalidOptions(
            "the database URL has an option that does not exist: is a reserved character in the"
            " password not percent-encoded?"
        )
    raise InvalidOptions(f"the database URL has an option {name!r} that does not exist")
