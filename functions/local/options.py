"""The options of `nox -s dev`, `tour`, `traffic` and `migrate`.

`bookstore.toml` at the top of the checkout may hold your own defaults, in one table for each
command:

    [dev]
    port-base = 5100
    mysql = "mysql://root@127.0.0.1"
"""

import os
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeVar
from urllib.parse import quote, urlsplit

from cyclopts import Parameter
from cyclopts.validators import Number

from functions.local.broker.command_line import Seconds, parse
from functions.local.invocation import command
from functions.local.ports import Ports
from functions.local.programs import ROOT

FILE = ROOT / "bookstore.toml"

FAST_PING_SECONDS = 5.0

MAX_RATE, MAX_MINUTES = 100.0, 240.0

_HIGHEST_PORT = 65_535 - 9  # --port-base N also takes N+9

Kind = TypeVar("Kind")
Flag = Annotated[bool, Parameter(negative=())]
Port = Annotated[int, Parameter(validator=Number(gte=1, lte=_HIGHEST_PORT))]
DataFolderPath = Annotated[Path, Parameter(env_var="BOOKSTORE_DATA")]


@dataclass(frozen=True, kw_only=True)
class DevOptions:
    data: DataFolderPath | None = None
    """Folder of databases and logs (default: .bookstore; .bookstore-mysql with --mysql,
    .bookstore-rabbitmq with --rabbitmq)."""
    fresh: Flag = False
    """Delete this shop's data and begin with empty databases."""
    new_accounts: Flag = False
    """Create new accounts for trying the shop out."""
    seed: bool = True
    """Import the books and delivery providers at the first start."""
    port_base: Port | None = None
    """Listen on ports from N to N+9 instead of 5000 to 5003, 5005 to 5007, 5009 and 8000."""
    auth_port: Annotated[Port | None, Parameter(env_var="BOOKSTORE_AUTH_PORT")] = None
    """Port of auth (default: 5000)."""
    catalog_port: Annotated[Port | None, Parameter(env_var="BOOKSTORE_CATALOG_PORT")] = None
    """Port of catalog (default: 5001)."""
    purchase_port: Annotated[Port | None, Parameter(env_var="BOOKSTORE_PURCHASE_PORT")] = None
    """Port of purchase (default: 5002)."""
    broker_port: Annotated[Port | None, Parameter(env_var="BOOKSTORE_BROKER_PORT")] = None
    """Port of the broker (default: 5009)."""
    storefront_port: Annotated[Port | None, Parameter(env_var="BOOKSTORE_STOREFRONT_PORT")] = None
    """Port of the storefront (default: 8000)."""
    traces_port: Annotated[Port | None, Parameter(env_var="BOOKSTORE_TRACES_PORT")] = None
    """Port of the receiver of traces and metrics (default: 5007)."""
    notifications_port: Annotated[
        Port | None, Parameter(env_var="BOOKSTORE_NOTIFICATIONS_PORT")
    ] = None
    """Port of notifications (default: 5003)."""
    mailbox_port: Annotated[Port | None, Parameter(env_var="BOOKSTORE_MAILBOX_PORT")] = None
    """Port of the mailbox (default: 5005)."""
    smtp_port: Annotated[Port | None, Parameter(env_var="BOOKSTORE_SMTP_PORT")] = None
    """Port that the mailbox takes mails at (default: 5006)."""
    ping_every: Seconds | None = None
    """Fire the PingSources every N seconds, whatever their schedules say."""
    reload: Flag = False
    """Restart the programs whose files change: a service, the broker, or all of them."""
    fast_clock: Flag = False
    """Shorten expiry: access tokens live 60 s, unpaid purchases 30 s, and the PingSources fire
    every 5 s. ACCESS_TOKEN_SECONDS, TIME_TO_PAY_SECONDS and --ping-every override each."""
    mysql: Annotated[str | None, Parameter(env_var="BOOKSTORE_MYSQL_URL")] = None
    """MySQL server for the databases, mysql://user:password@host:port. The password alone can be
    given by BOOKSTORE_MYSQL_PASSWORD, which other users of this machine cannot see."""
    rabbitmq: Annotated[str | None, Parameter(env_var="BOOKSTORE_RABBITMQ_URL")] = None
    """RabbitMQ server for the events, amqp://user:password@host:port/vhost. The password alone can
    be given by BOOKSTORE_RABBITMQ_PASSWORD."""
    package: Annotated[str, Parameter(show=False)] = "functions"
    """Package of the services; the tests of the runner have smaller ones."""

    @property
    def data_folder(self) -> Path:
        return self.data or default_data_folder(
            mysql=self.mysql is not None, rabbitmq=self.rabbitmq is not None
        )

    @property
    def ports(self) -> Ports:
        base = Ports() if self.port_base is None else Ports.from_base(self.port_base)
        return Ports(
            auth=self.auth_port or base.auth,
            catalog=self.catalog_port or base.catalog,
            purchase=self.purchase_port or base.purchase,
            broker=self.broker_port or base.broker,
            storefront=self.storefront_port or base.storefront,
            traces=self.traces_port or base.traces,
            notifications=self.notifications_port or base.notifications,
            mailbox=self.mailbox_port or base.mailbox,
            smtp=self.smtp_port or base.smtp,
        )

    @property
    def ping_interval(self) -> float | None:
        """Seconds; None for the schedules of the manifests."""
        return self.ping_every or (FAST_PING_SECONDS if self.fast_clock else None)

    @property
    def mysql_url(self) -> str | None:
        return _with_password(self.mysql, os.environ.get("BOOKSTORE_MYSQL_PASSWORD"))

    @property
    def rabbitmq_url(self) -> str | None:
        return _with_password(self.rabbitmq, os.environ.get("BOOKSTORE_RABBITMQ_PASSWORD"))


@dataclass(frozen=True, kw_only=True)
class TourOptions:
    data: DataFolderPath | None = None
    """Data folder of the running shop (default: that of a shop that `dev` runs)."""
    own: Flag = False
    """Start a shop for the tour, even if one is running."""


@dataclass(frozen=True, kw_only=True)
class TrafficOptions:
    rate: Annotated[float, Parameter(validator=Number(gt=0, lte=MAX_RATE))] = 5.0
    """Visits that begin in one second, on average; at most 100."""
    minutes: Annotated[float, Parameter(validator=Number(gt=0, lte=MAX_MINUTES))] = 10.0
    """How long visits begin; at most 240. Then those that have begun come to an end."""
    fault: str | None = None
    """A fault in the middle third of the time: slow-provider, broker-gone, or kill=SERVICE."""
    data: DataFolderPath | None = None
    """Data folder of the running shop (default: that of a shop that `dev` runs)."""
    own: Flag = False
    """Start a shop for the traffic, even if one is running."""
    auth_url: str | None = None
    """Address of auth, for a shop that no runner keeps running. Give all four addresses, and the
    admin by FIRST_ADMIN_EMAIL and FIRST_ADMIN_PASSWORD."""
    catalog_url: str | None = None
    """Address of catalog."""
    purchase_url: str | None = None
    """Address of purchase."""
    storefront_url: str | None = None
    """Address of the storefront."""
    allow_remote: Flag = False
    """Allow addresses beyond this machine. The traffic registers customers there, buys and pays."""
    seed: int = 0
    """Of the random choices."""


@dataclass(frozen=True)
class MigrateOptions:
    services: Annotated[
        tuple[Literal["auth", "catalog", "notifications", "purchase"], ...], Parameter(negative=())
    ] = ()
    """Services whose schemas are brought up to date (default: all)."""
    _: KW_ONLY
    database_url: str | None = None
    """Database of the one service that you name."""
    mysql: str | None = None
    """Server of all the databases, mysql://user:password@host:port."""


def parse_dev_options(arguments: Sequence[str] | None = None) -> DevOptions:
    return _parse(DevOptions, "dev", "Runs the whole shop on this machine.", arguments)


def parse_tour_options(arguments: Sequence[str] | None = None) -> TourOptions:
    return _parse(TourOptions, "tour", "Walks through the life of a purchase.", arguments)


def parse_traffic_options(arguments: Sequence[str] | None = None) -> TrafficOptions:
    summary = "Plays readers, buyers and staff against the running shop, and checks the result."
    return _parse(TrafficOptions, "traffic", summary, arguments)


def parse_migrate_options(arguments: Sequence[str] | None = None) -> MigrateOptions:
    summary = "Brings the schemas of the services up to date."
    return _parse(MigrateOptions, "migrate", summary, arguments)


def default_data_folder(*, mysql: bool = False, rabbitmq: bool = False) -> Path:
    """One for each kind of storage: the folder records what this shop created on the servers."""
    return ROOT / f".bookstore{'-mysql' if mysql else ''}{'-rabbitmq' if rabbitmq else ''}"


def default_data_folders() -> list[Path]:
    return [
        default_data_folder(mysql=mysql, rabbitmq=rabbitmq)
        for mysql in (False, True)
        for rabbitmq in (False, True)
    ]


def _parse(kind: type[Kind], task: str, summary: str, arguments: Sequence[str] | None) -> Kind:
    return parse(kind, command(f"{task} --"), summary, arguments, file=FILE, table=task)


def _with_password(url: str | None, password: str | None) -> str | None:
    """The URL with the password, unless it has one already."""
    parts = urlsplit(url or "")
    if not url or not password or parts.password or not parts.hostname:
        return url
    user, _, host = parts.netloc.rpartition("@")
    netloc = f"{user.partition(':')[0]}:{quote(password, safe='')}@{host}"
    return parts._replace(netloc=netloc).geturl()
