"""The programs of the shop, and the receiver of traces, with their commands and environments.

Each is a process under `parent_watch`, configured by its environment and arguments alone, as in a
cluster. Next file: `supervisor`, which keeps them running.
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from functions.local.data_folder import DataFolder
from functions.local.mysql import MySQLServer
from functions.local.ports import HOST, SERVICES, Ports
from functions.local.rabbitmq import RabbitMQServer

ROOT = Path(__file__).parents[2]
MANIFESTS = ROOT / "eventing"

# Variables of the user's shell that would point the local shop at other databases or brokers.
_NOT_INHERITED = (
    "AUTO_MIGRATE",
    "BROKER_RABBITMQ_URL",
    "DATABASE_URL",
    "EXPOSED_API",
    "ENVIRONMENT",
    "K_SINK",
)

FAST_CLOCK_SETTINGS = {"ACCESS_TOKEN_SECONDS": "60", "TIME_TO_PAY_SECONDS": "30"}
"""Settings of the services with `--fast-clock`."""


@dataclass(frozen=True)
class Program:
    name: str
    module: str
    arguments: tuple[str, ...]
    ready_url: str
    environment: Mapping[str, str] = field(repr=False)

    @property
    def command(self) -> tuple[str, ...]:
        return (
            *(sys.executable, "-m", "functions.local.parent_watch"),
            *(self.module, *self.arguments),
        )


@dataclass(frozen=True)
class Admin:
    email: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Plan:
    folder: DataFolder
    ports: Ports
    admin: Admin
    package: str = "functions"
    """The package of the services, as in `PACKAGE.auth.app:create_app`."""
    ping_every: float | None = None
    fast_clock: bool = False
    """Tokens and unpaid purchases expire within seconds."""
    mysql: MySQLServer | None = None
    """Server of the databases; None for SQLite files in the folder."""
    rabbitmq: RabbitMQServer | None = None
    """Server of the queues; None for an SQLite file in the folder."""
    session_key: str = field(default="", repr=False)
    """Key of the storefront's sessions, which stay valid after a restart."""

    @property
    def addresses(self) -> dict[str, str]:
        """Local URLs of the Knative Services that the manifests name."""
        return {f"{service}-internal": self.ports.url(service) for service in SERVICES}

    def traces(self) -> Program:
        """The receiver of traces and metrics, with the pages that show them."""
        return Program(
            name="traces",
            module="functions.local.telemetry",
            arguments=("--host", HOST, "--port", str(self.ports.traces)),
            ready_url=f"{self.ports.url('traces')}/healthz",
            environment=_inherited(),
        )

    @property
    def telemetry(self) -> dict[str, str]:
        """Variables of every service: traces go to the local receiver, or where the shell says."""
        given = {name: value for name, value in os.environ.items() if name.startswith("OTEL_")}
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": self.ports.url("traces"), **given}

    def broker(self) -> Program:
        arguments = [
            *("--host", HOST, "--port", str(self.ports.broker)),
            *("--manifests", str(MANIFESTS)),
        ]
        environment = _inherited()
        if self.rabbitmq is None:
            arguments += ["--store", str(self.folder.database("broker"))]
        else:
            environment["BROKER_RABBITMQ_URL"] = self.rabbitmq.url
        for service, url in self.addresses.items():
            arguments += ["--resolve", f"{service}={url}"]
        if self.ping_every is not None:
            arguments += ["--ping-every", str(self.ping_every)]
        return Program(
            name="broker",
            module="functions.local.broker",
            arguments=tuple(arguments),
            ready_url=f"{self.ports.url('broker')}/healthz",
            environment=environment,
        )

    def service(self, name: str) -> Program:
        return Program(
            name=name,
            module="functions.kit.start.serve",
            arguments=(
                f"{self.package}.{name}.app:create_app",
                *("--host", HOST, "--port", str(self.ports.of(name))),
                # An open stream must not delay the stop.
                *("--timeout-graceful-shutdown", "5"),
            ),
            ready_url=f"{self.ports.url(name)}/readyz",
            environment=self.environment(name),
        )

    def storefront(self) -> Program:
        """The storefront, which needs only the addresses of the services, and a key."""
        environment = {
            **_inherited(),
            "ENVIRONMENT": "development",
            "LOG_FORMAT": "text",
            "SESSION_KEYS": self.session_key,
            **self.telemetry,
            "MAILBOX_URL": self.ports.url("mailbox"),
            **{f"{name.upper()}_URL": self.ports.url(name) for name in SERVICES},
            **{f"{name.upper()}_INTERNAL_URL": self.ports.url(name) for name in SERVICES},
        }
        return Program(
            name="storefront",
            module="functions.kit.start.serve",
            arguments=(
                f"{self.package}.storefront.app:create_app",
                *("--host", HOST, "--port", str(self.ports.storefront)),
                *("--timeout-graceful-shutdown", "5"),
            ),
            ready_url=f"{self.ports.url('storefront')}/readyz",
            environment=environment,
        )

    def mailbox(self) -> Program:
        """The mailbox, which takes the mails of notifications."""
        return Program(
            name="mailbox",
            module="functions.local.mailbox",
            arguments=(
                *("--host", HOST, "--port", str(self.ports.mailbox)),
                *("--smtp-port", str(self.ports.smtp)),
            ),
            ready_url=f"{self.ports.url('mailbox')}/healthz",
            environment=_inherited(),
        )

    def database_url(self, service: str) -> str:
        if self.mysql is not None:
            return self.mysql.url(service)
        # Four slashes: an absolute path.
        return f"sqlite:///{self.folder.database(service)}"

    def migration(self, name: str) -> tuple[str, ...]:
        return (sys.executable, "-m", f"{self.package}.{name}.migrate")

    def environment(self, service: str) -> dict[str, str]:
        environment = {
            **_inherited(),
            "ENVIRONMENT": "development",
            "LOG_FORMAT": "text",
            "DATABASE_URL": self.database_url(service),
            "K_SINK": self.ports.url("broker"),
            **self.telemetry,
        }
        for name in SERVICES:
            # One process serves both the public and the internal API.
            environment[f"{name.upper()}_URL"] = self.ports.url(name)
            environment[f"{name.upper()}_INTERNAL_URL"] = self.ports.url(name)
        if self.fast_clock:
            for name, seconds in FAST_CLOCK_SETTINGS.items():
                environment.setdefault(name, seconds)
        if service == "auth":
            # A whole class may share one address, and a local shop has no attackers.
            environment.setdefault("REGISTRATIONS_PER_ADDRESS", "0")
            environment["STOREFRONT_URL"] = self.ports.url("storefront")
            environment["FIRST_ADMIN_EMAIL"] = self.admin.email
            environment["FIRST_ADMIN_PASSWORD"] = self.admin.password
        if service == "notifications":
            environment["STOREFRONT_URL"] = self.ports.url("storefront")
            # A real server, where the user's environment names one.
            environment.setdefault("SMTP_URL", f"smtp+plain://{HOST}:{self.ports.smtp}")
        return environment


def _inherited() -> dict[str, str]:
    environment = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
    return {**environment, "PYTHONUNBUFFERED": "1"}
