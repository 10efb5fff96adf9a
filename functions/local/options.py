"""The options of `nox -s dev`; each port and the folder can also come from the environment."""

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from functions.local.broker.arguments import seconds
from functions.local.invocation import command
from functions.local.ports import Ports
from functions.local.programs import ROOT

FAST_POKES = 5.0
"""Seconds."""


@dataclass(frozen=True)
class Options:
    data: Path
    ports: Ports
    fresh: bool
    new_accounts: bool
    seed: bool
    poke_every: float | None
    reload: bool
    fast_clock: bool
    mysql: str | None
    rabbitmq: str | None
    package: str


def default_data(
    environ: Mapping[str, str] = os.environ, *, mysql: bool = False, rabbitmq: bool = False
) -> Path:
    """A folder of its own for a shop on servers: what is remembered belongs to what they hold."""
    name = f".bookstore{'-mysql' if mysql else ''}{'-rabbitmq' if rabbitmq else ''}"
    return Path(environ.get("BOOKSTORE_DATA") or ROOT / name)


def parse_options(
    arguments: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ
) -> Options:
    parser = argparse.ArgumentParser(
        prog=command("dev --"), description="Runs the whole shop on this machine."
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="FOLDER",
        help="where databases and logs lie (or BOOKSTORE_DATA; default: .bookstore, and"
        " .bookstore-mysql with --mysql, .bookstore-rabbitmq with --rabbitmq)",
    )
    parser.add_argument(
        "--fresh", action="store_true", help="delete the data of this shop, and begin anew"
    )
    parser.add_argument(
        "--new-accounts", action="store_true", help="make new accounts for trying out"
    )
    parser.add_argument(
        "--no-seed", dest="seed", action="store_false", help="no books, no delivery providers"
    )
    parser.add_argument(
        "--port-base",
        type=_port,
        metavar="N",
        help="listen on N, N+1, N+2 and N+9 instead of 5000, 5001, 5002 and 5009",
    )
    for program, port in Ports().each():
        parser.add_argument(
            f"--{program}-port",
            type=_port,
            default=environ.get(f"BOOKSTORE_{program.upper()}_PORT") or None,
            metavar="N",
            help=f"where {program} listens (or BOOKSTORE_{program.upper()}_PORT; default: {port})",
        )
    parser.add_argument(
        "--poke-every",
        type=seconds,
        metavar="SECONDS",
        help="fire the PingSources so often, whatever their schedule",
    )
    parser.add_argument(
        "--reload",
        action="store_true",
        help="start what was changed again, in a moment: a service, the broker, or all of them",
    )
    parser.add_argument(
        "--fast-clock",
        action="store_true",
        help="what takes minutes takes seconds: access tokens live 60, unpaid purchases 30, and"
        " the PingSources fire every 5 (each may be set by itself: ACCESS_TOKEN_SECONDS,"
        " TIME_TO_PAY_SECONDS, --poke-every)",
    )
    parser.add_argument(
        "--mysql",
        metavar="URL",
        default=environ.get("BOOKSTORE_MYSQL_URL") or None,
        help="keep the data on a server, mysql://user:password@host:port, not in SQLite files (or"
        " BOOKSTORE_MYSQL_URL; the password alone: BOOKSTORE_MYSQL_PASSWORD)",
    )
    parser.add_argument(
        "--rabbitmq",
        metavar="URL",
        default=environ.get("BOOKSTORE_RABBITMQ_URL") or None,
        help="keep events on a server, amqp://user:password@host:port/vhost, not in a file (or"
        " BOOKSTORE_RABBITMQ_URL; the password alone: BOOKSTORE_RABBITMQ_PASSWORD)",
    )
    # For the runner's own tests, which have smaller services.
    parser.add_argument("--package", default="functions", help=argparse.SUPPRESS)
    found = parser.parse_args(arguments)
    base = Ports() if found.port_base is None else Ports.from_base(found.port_base)
    ports = Ports(
        **{program: getattr(found, f"{program}_port") or port for program, port in base.each()}
    )
    return Options(
        data=found.data
        or default_data(
            environ, mysql=found.mysql is not None, rabbitmq=found.rabbitmq is not None
        ),
        ports=ports,
        fresh=found.fresh,
        new_accounts=found.new_accounts,
        seed=found.seed,
        poke_every=found.poke_every or (FAST_POKES if found.fast_clock else None),
        reload=found.reload,
        fast_clock=found.fast_clock,
        mysql=_with_password(found.mysql, environ.get("BOOKSTORE_MYSQL_PASSWORD")),
        rabbitmq=_with_password(found.rabbitmq, environ.get("BOOKSTORE_RABBITMQ_PASSWORD")),
        package=found.package,
    )


def _with_password(url: str | None, password: str | None) -> str | None:
    """A URL with a password that others on this machine do not see among its processes."""
    parts = urlsplit(url or "")
    if not url or not password or parts.password or not parts.hostname:
        return url
    user, _, host = parts.netloc.rpartition("@")
    netloc = f"{user.partition(':')[0]}:{quote(password, safe='')}@{host}"
    return parts._replace(netloc=netloc).geturl()


def _port(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 65_526:
        raise argparse.ArgumentTypeError(f"{text!r} is no port from 1 to 65526")
    return int(text)
