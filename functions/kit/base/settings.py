"""Settings: a frozen struct that is built from a mapping. Tests pass a dict and patch nothing.

The environment variable of a field is its name in upper case. One error lists every invalid
variable. A service's own `settings.py` adds fields to `ServiceSettings`.
"""

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Any, Self
from urllib.parse import unquote

import msgspec
from msgspec import Meta

from functions.kit.base import origins as web_origins
from functions.kit.base.urls import database_problem, http_problem


class Environment(StrEnum):
    DEVELOPMENT = "development"
    PRODUCTION = "production"


class ExposedAPI(StrEnum):
    """Which APIs a process serves: the public one, the internal one (events, feeds) or both."""

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
    """A value that `repr` and `str` hide; `reveal` returns it."""

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


def split_secret(secret: Secret) -> list[str]:
    """The secrets of a setting that holds several, separated by commas, during a rotation."""
    return [part.strip() for part in secret.reveal().split(",") if part.strip()]


class BadSettings(ValueError):
    """The environment cannot be used. The message lists every invalid variable with the reason."""


MIN_INTERNAL_SECRET = 32

Url = Annotated[str, Meta(description="base URL")]
"""An http or https address that paths are appended to, without a slash at its end."""


REPLACED = {
    "FORWARDED_ALLOW_IPS": (
        "is not supported, because a caller with a trusted address could claim any other address:"
        " set TRUSTED_HOPS to the number of proxies, or CLIENT_ADDRESS_HEADER to the header that"
        " the gateway writes the client's address into"
    ),
    "DOORS": "is called EXPOSED_API now, with the same values",
}
"""Unsupported variables, each with the one to set instead. They are errors: ignoring one would
silently weaken the security of the deployment."""

_HEADER = re.compile(r"[A-Za-z0-9-]*")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")

SAMPLERS = frozenset({"always_on", "always_off", "traceidratio"})
"""Of `OTEL_TRACES_SAMPLER`; each also after `parentbased_`."""


class AppSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of every app, with a database or without."""

    environment: Environment = Environment.DEVELOPMENT
    """`development` or `production`. Production refuses the embedded database and missing
    secrets."""

    trusted_hops: Annotated[int, Meta(ge=0, le=16)] = 0
    """Number of proxies in front of the service that append to `X-Forwarded-For`. The client's
    address is the one that the outermost of them appended. 0: the header is not read, and the
    connection's address counts."""

    client_address_header: str = ""
    """Header that the gateway overwrites with the client's address, such as Envoy's
    `X-Envoy-External-Address`. It takes precedence over `TRUSTED_HOPS`."""

    k_revision: str = ""
    """Name of the Knative revision, which Knative sets. The status of the service names it."""

    log_level: str = "INFO"
    """Least severe level that is logged: `DEBUG`, `INFO`, `WARNING` or `ERROR`."""

    log_format: LogFormat = LogFormat.TEXT
    """`text` for people, `json` for machines (one object a line)."""

    otel_exporter_otlp_endpoint: str = ""
    """Base URL of an OpenTelemetry receiver, which gets traces and metrics by OTLP/HTTP in JSON.
    Empty: nothing is recorded or exported."""

    otel_sdk_disabled: bool = False
    """Record and export nothing, whatever the other variables say."""

    otel_exporter_otlp_headers: Secret = Secret("")
    """Headers of each export, as `name=value` separated by commas, with values percent-encoded:
    the credentials of a managed receiver."""

    otel_exporter_otlp_protocol: str = "http/json"
    """Only `http/json` is supported."""

    otel_exporter_otlp_compression: str = "none"
    """`none`, or `gzip`, which costs CPU time and saves nine tenths of the bytes."""

    otel_exporter_otlp_certificate: str = ""
    """File with the certificates that the receiver's is checked by. Empty: the system's."""

    otel_exporter_otlp_timeout: Annotated[int, Meta(ge=1, le=60_000)] = 10_000
    """Milliseconds that one export may take."""

    otel_service_name: str = ""
    """Name in traces and metrics. Empty: the name of the service, such as `catalog`."""

    otel_resource_attributes: str = ""
    """Attributes of everything that is exported, as `name=value` separated by commas, such as
    `deployment.environment.name=staging`; values are percent-encoded."""

    otel_traces_sampler: str = "parentbased_always_on"
    """`always_on`, `always_off`, `traceidratio`, or one of them after `parentbased_`, which keeps
    the caller's decision."""

    otel_traces_sampler_arg: Annotated[float, Meta(ge=0, le=1)] = 1.0
    """Share of the new traces that `traceidratio` records."""

    @classmethod
    def from_mapping(cls, environ: Mapping[str, str]) -> Self:
        """Build settings from an environment. Other variables in it are ignored.

        Raises `BadSettings`, whose text lists every invalid variable, and no secret.
        """
        values: dict[str, Any] = {}
        wrong: list[str] = []
        for field in msgspec.structs.fields(cls):
            name = field.name.upper()
            if name not in environ:
                continue
            try:
                values[field.name] = _parse(environ[name], field.type)
            except ValueError as error:
                wrong.append(f"{name}: {error}")
        wrong += [f"{name}: {hint}" for name, hint in REPLACED.items() if environ.get(name)]
        listed = {each.partition(":")[0] for each in wrong}
        settings = cls(**values)
        wrong.extend(
            problem
            for problem in settings.problems()
            if problem.partition(":")[0] not in listed  # they were checked with their default
        )
        if not wrong:
            return settings
        raise BadSettings("These settings cannot be used:\n" + "\n".join(f"  {w}" for w in wrong))

    def problems(self) -> Iterator[str]:
        """Errors beyond the types of single values, each as `VARIABLE: text`.

        Subclasses override it to add their own. A text never contains a secret.
        """
        if self.log_level not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
            yield "LOG_LEVEL: must be DEBUG, INFO, WARNING or ERROR"
        if not _HEADER.fullmatch(self.client_address_header):
            yield "CLIENT_ADDRESS_HEADER: must be the name of a header"
        if self.client_address_header.lower() in {"forwarded", "x-forwarded-for"}:
            yield "CLIENT_ADDRESS_HEADER: callers can set this header too; use TRUSTED_HOPS for it"
        yield from self._export_problems()

    def _export_problems(self) -> Iterator[str]:
        endpoint = self.otel_exporter_otlp_endpoint
        if endpoint and (problem := http_problem(endpoint.rstrip("/"), base=True)) is not None:
            yield f"OTEL_EXPORTER_OTLP_ENDPOINT: {problem}"
        elif endpoint.rstrip("/").endswith(("/v1/traces", "/v1/metrics")):
            yield "OTEL_EXPORTER_OTLP_ENDPOINT: leave out /v1/traces, which is appended to it"
        if self.otel_exporter_otlp_protocol != "http/json":
            yield "OTEL_EXPORTER_OTLP_PROTOCOL: only http/json is supported, on port 4318 mostly"
        if self.otel_exporter_otlp_compression not in {"none", "gzip"}:
            yield "OTEL_EXPORTER_OTLP_COMPRESSION: must be none or gzip"
        headers = name_values(self.otel_exporter_otlp_headers.reveal())
        if headers is None:
            yield "OTEL_EXPORTER_OTLP_HEADERS: must be name=value, separated by commas"
        elif not all(value.isascii() for value in headers.values()):
            yield "OTEL_EXPORTER_OTLP_HEADERS: values must be ASCII, as those of HTTP headers are"
        if name_values(self.otel_resource_attributes) is None:
            yield "OTEL_RESOURCE_ATTRIBUTES: must be name=value, separated by commas"
        if self.otel_traces_sampler.removeprefix("parentbased_") not in SAMPLERS:
            yield (
                "OTEL_TRACES_SAMPLER: must be always_on, always_off or traceidratio, or one of them"
                " after parentbased_"
            )

    @property
    def development(self) -> bool:
        return self.environment is Environment.DEVELOPMENT

    @property
    def production(self) -> bool:
        return self.environment is Environment.PRODUCTION


class ServiceSettings(AppSettings, frozen=True, kw_only=True):
    """The settings of every service with a database."""

    database_url: Secret = Secret("")
    """`sqlite:///relative.db`, `sqlite:////absolute.db` or `mysql://user:password@host:3306/name`.
    Empty: an embedded SQLite file under `.bookstore/`."""

    exposed_api: ExposedAPI = ExposedAPI.BOTH
    """Which API the process serves: `public`, `internal` or `both`."""

    k_sink: str = ""
    """Address of the broker that this service publishes to. Empty: events stay in the outbox, and
    consumers read the feed."""

    internal_secret: Secret = Secret("")
    """Shared by all services, at least 32 characters. It signs events and protects the feeds.
    During a rotation: two, separated by a comma. Empty: events are unsigned, so each one is
    confirmed with its owner before it takes effect, and the feeds are open to every caller that
    reaches the internal API."""

    catch_up_seconds: Annotated[float, Meta(gt=0, le=86400)] | None = None
    """Seconds between two reads of the other services' feeds, while the process is awake. Unset:
    10 without `K_SINK`, 600 with it, since the broker then delivers the events."""

    auth_url: Url = "http://127.0.0.1:5000"
    """Address of auth's public API; its keys are read at `/.well-known/jwks.json`."""

    auth_internal_url: Url = "http://127.0.0.1:5000"
    """Address of auth's internal API: the feed of revoked tokens, disabled users and keys."""

    token_issuer: str = "https://auth.bookstore.example"  # noqa: S105 - a name, not a secret
    """The `iss` of access tokens: written by auth, required by all."""

    token_audience: str = "bookstore"  # noqa: S105 - a name, not a secret
    """The `aud` of access tokens: written by auth, required by all."""

    cors_origins: str = ""
    """Origins whose pages may call the public API, separated by commas, such as
    `https://shop.example`. `*`: all. Empty: none."""

    cors_credentials: bool = False
    """Whether those pages may send cookies. Not allowed together with `*`; bearer tokens do not
    need it."""

    auto_migrate: bool | None = None
    """Whether the schema is migrated at start. Unset: only on SQLite in development. In a cluster
    a Job migrates before the revision starts."""

    def problems(self) -> Iterator[str]:
        yield from super().problems()
        yield from internal_secret_problems(self.internal_secret)
        if self.k_sink and (problem := http_problem(self.k_sink)) is not None:
            yield f"K_SINK: {problem}"
        origins = web_origins.parse(self.cors_origins)
        for origin in origins:
            if (wrong := web_origins.problem(origin)) is not None:
                yield f"CORS_ORIGINS: {wrong}"
        if "*" in origins and self.cors_credentials:
            yield "CORS_CREDENTIALS: needs CORS_ORIGINS to list each origin; * is not allowed"
        if not self.database_url:
            if self.production:
                yield "DATABASE_URL: production needs one; the embedded file is for trying out"
        elif (problem := database_problem(self.database_url.reveal())) is not None:
            yield f"DATABASE_URL: {problem}"

    @property
    def catch_up_period(self) -> float:
        """Seconds between two periodic reads of a feed."""
        if self.catch_up_seconds is not None:
            return self.catch_up_seconds
        return 600.0 if self.k_sink else 10.0


def name_values(text: str) -> dict[str, str] | None:
    """The pairs of `name=value,name=value` with percent-encoded values; None if malformed.

    Source: OpenTelemetry specification, "Resource SDK" and "Protocol Exporter".
    """
    pairs: dict[str, str] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, equals, value = part.partition("=")
        name, value = name.strip(), unquote(value.strip())
        if not equals or not _HEADER_NAME.fullmatch(name) or not value.isprintable():
            return None
        pairs[name] = value
    return pairs


def internal_secret_problems(secret: Secret) -> Iterator[str]:
    secrets = secret.reveal().split(",") if secret else []
    if any(len(each.strip()) < MIN_INTERNAL_SECRET for each in secrets):
        yield f"INTERNAL_SECRET: needs at least {MIN_INTERNAL_SECRET} random characters"


def _parse(text: str, kind: object) -> object:
    """The value of a variable. Raises `ValueError` with the reason, in words for people."""
    if kind is Secret:
        return Secret(text)
    if text == "" and kind is not str:
        raise ValueError("is empty: leave it out, or give a value")
    if kind == Url and (problem := http_problem(text, base=True)) is not None:
        raise ValueError(problem)
    try:
        return msgspec.convert(text, kind, strict=False)
    except msgspec.ValidationError as error:
        from functions.kit.base.messages import explain  # noqa: PLC0415 - for an error only

        # A variable is unset instead of null.
        raise ValueError(explain(str(error).replace(" | null", ""), kind).en) from None
