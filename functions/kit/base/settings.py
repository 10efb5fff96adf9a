"""Settings: a frozen struct built from a mapping, so that a test passes a dict and nobody patches.

The name of a field in upper case is the name of its environment variable. One error lists
every variable that is wrong. A service's own `settings.py` adds its fields to `ServiceSettings`.
"""

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Any, Self

import msgspec
from msgspec import Meta

from functions.kit.base import origins as web_origins


class Environment(StrEnum):
    DEVELOPMENT = "development"
    PRODUCTION = "production"


class ExposedAPI(StrEnum):
    """Which APIs a process serves: the public one, the internal one (events, feeds), or both."""

    PUBLIC = "public"
    INTERNAL = "internal"
    BOTH = "both"

    @property
    def public(self) -> bool:
        return self is not ExposedAPI.INTERNAL

    @property
    def internal(self) -> bool:
        return self is not ExposedAPI.PUBLIC


class LogFormat(StrEnum):
    TEXT = "text"
    JSON = "json"


class Secret:
    """A value that is never shown: `repr` and `str` hide it, `reveal` gives it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return "Secret('***')" if self._value else "Secret('')"


class BadSettings(ValueError):
    """The environment cannot be used; the message lists every variable that is wrong, and why."""


MIN_INTERNAL_SECRET = 32

Url = Annotated[str, Meta(pattern=r"^https?://[^\s/?#]+(/[^\s/?#]+)*$")]
"""An address that paths are appended to: without a slash at its end."""


REPLACED = {
    "FORWARDED_ALLOW_IPS": (
        "is not read any more, because whoever has an address that it trusts could choose another:"
        " say by TRUSTED_HOPS how many proxies there are, or by CLIENT_ADDRESS_HEADER where the"
        " gateway writes the client's address"
    ),
    "DOORS": "is called EXPOSED_API now, with the same values",
}
"""Variables of before, each with what to set instead: to ignore one would change what is safe."""

_HEADER = re.compile(r"[A-Za-z0-9-]*")


class AppSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What every app reads from its environment, with a database or without."""

    environment: Environment = Environment.DEVELOPMENT
    """`development`, or `production`, which refuses embedded defaults and missing secrets."""

    trusted_hops: Annotated[int, Meta(ge=0, le=16)] = 0
    """How many proxies in front of the service append to `X-Forwarded-For`, one after another: the
    client is who called the outermost of them. Unset, none: the connection's address counts, and
    the header is not read."""

    client_address_header: str = ""
    """A header in which the gateway itself writes the client's address, in place of what came
    under its name, such as Envoy's `X-Envoy-External-Address`; it goes before `TRUSTED_HOPS`."""

    log_level: str = "INFO"
    """Least severe level that is logged: `DEBUG`, `INFO`, `WARNING` or `ERROR`."""

    log_format: LogFormat = LogFormat.TEXT
    """`text` for people, `json` for machines (one object a line)."""

    @classmethod
    def from_mapping(cls, environ: Mapping[str, str]) -> Self:
        """Settings from an environment.

        Raises `BadSettings`, whose text names every variable that is wrong.
        """
        values: dict[str, Any] = {}
        wrong: list[str] = []
        for field in msgspec.structs.fields(cls):
            name = field.name.upper()
            if name not in environ:
                continue
            try:
                values[field.name] = _parse(environ[name], field.type)
            except msgspec.ValidationError as error:
                wrong.append(f"{name}: {error}")
        wrong += [f"{name}: {hint}" for name, hint in REPLACED.items() if environ.get(name)]
        listed = {each.partition(":")[0] for each in wrong}
        settings = cls(**values)
        wrong.extend(
            problem
            for problem in settings.problems()
            if problem.partition(":")[0] not in listed  # the default stands in for those
        )
        if not wrong:
            return settings
        raise BadSettings("These settings cannot be used:\n" + "\n".join(f"  {w}" for w in wrong))

    def problems(self) -> Iterator[str]:
        """What is wrong with the whole, beyond single values; subclasses add their own."""
        if self.log_level not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
            yield "LOG_LEVEL: must be DEBUG, INFO, WARNING or ERROR"
        if not _HEADER.fullmatch(self.client_address_header):
            yield "CLIENT_ADDRESS_HEADER: must be the name of a header"
        if self.client_address_header.lower() in {"forwarded", "x-forwarded-for"}:
            yield "CLIENT_ADDRESS_HEADER: callers write into it too: TRUSTED_HOPS counts there"

    @property
    def development(self) -> bool:
        return self.environment is Environment.DEVELOPMENT

    @property
    def production(self) -> bool:
        return self.environment is Environment.PRODUCTION


class ServiceSettings(AppSettings, frozen=True, kw_only=True):
    """What every service with a database reads besides."""

    database_url: Secret = Secret("")
    """`sqlite:///relative.db`, `sqlite:////absolute.db` or `mysql://user:password@host:3306/name`;
    empty: an embedded SQLite file under `.bookstore/`."""

    exposed_api: ExposedAPI = ExposedAPI.BOTH
    """Which API the process serves: `public`, `internal` or `both`."""

    k_sink: str = ""
    """Address of the broker that takes this service's events; empty: they wait in the outbox, and
    others read the feed."""

    internal_secret: Secret = Secret("")
    """Shared by all services, at least 32 characters: they sign their events with it, and show
    their feeds to one another only. Two with a comma between them while it is changed. Empty: what
    an event says is read from its owner before it counts."""

    catch_up_seconds: Annotated[float, Meta(gt=0, le=86400)] | None = None
    """How often a service that is awake reads the feeds of the others, in seconds; unset: every 10
    without `K_SINK`, every 600 with it, since events then come by themselves."""

    auth_url: Url = "http://127.0.0.1:5000"
    """Where auth's public API is; its keys are read at `/.well-known/jwks.json`."""

    auth_internal_url: Url = "http://127.0.0.1:5000"
    """Where auth's internal API is: the feed of revoked tokens, disabled users and keys."""

    token_issuer: str = "https://auth.bookstore.example"  # noqa: S105 - a name, not a secret
    """The `iss` that access tokens carry and must carry."""

    token_audience: str = "bookstore"  # noqa: S105 - a name, not a secret
    """The `aud` that access tokens carry and must carry."""

    cors_origins: str = ""
    """Origins whose pages may call the public API, with commas between, such as
    `https://shop.example`; `*` is all of them, empty none."""

    cors_credentials: bool = False
    """Whether those pages may send cookies and the like along; not with `*`. Tokens need it not."""

    auto_migrate: bool | None = None
    """Bring the schema up to date at start; unset: only on SQLite in development. In a cluster a
    Job does it before."""

    def problems(self) -> Iterator[str]:
        yield from super().problems()
        secrets = self.internal_secret.reveal().split(",") if self.internal_secret else []
        if any(len(secret.strip()) < MIN_INTERNAL_SECRET for secret in secrets):
            yield f"INTERNAL_SECRET: needs at least {MIN_INTERNAL_SECRET} random characters"
        if self.k_sink and not self.k_sink.startswith(("http://", "https://")):
            yield "K_SINK: must be an http:// or https:// address"
        origins = web_origins.parse(self.cors_origins)
        for origin in origins:
            if (wrong := web_origins.problem(origin)) is not None:
                yield f"CORS_ORIGINS: {wrong}"
        if "*" in origins and self.cors_credentials:
            yield "CORS_CREDENTIALS: needs origins by name in CORS_ORIGINS, not *"
        if not self.database_url:
            if self.production:
                yield "DATABASE_URL: production needs one; the embedded file is for trying out"
        elif not self.database_url.reveal().startswith(("sqlite:///", "mysql://")):
            yield "DATABASE_URL: must begin with sqlite:/// or mysql://"

    @property
    def catch_up_period(self) -> float:
        """Seconds between two reads of a feed that nothing asks for."""
        if self.catch_up_seconds is not None:
            return self.catch_up_seconds
        return 600.0 if self.k_sink else 10.0


def _parse(text: str, kind: object) -> object:
    if kind is Secret:
        return Secret(text)
    if text == "" and kind is not str:
        raise msgspec.ValidationError("is empty: leave it out, or give a value")
    return msgspec.convert(text, kind, strict=False)
