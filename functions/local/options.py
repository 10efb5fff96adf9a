"""The options of `nox -s dev`; each port and the folder can also come from the environment."""

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from functions.local.broker.arguments import seconds
from functions.local.ports import Ports
from functions.local.programs import ROOT


@dataclass(frozen=True)
class Options:
    data: Path
    ports: Ports
    fresh: bool
    new_accounts: bool
    seed: bool
    poke_every: float | None
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
        prog="nox -s dev --", description="Runs the whole shop on this machine."
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
        "--mysql",
        metavar="URL",
        help="keep the data on a server, mysql://user:password@host:port, not in SQLite files",
    )
    parser.add_argument(
        "--rabbitmq",
        metavar="URL",
        help="keep events on a server, amqp://user:password@host:port/vhost, not in a file",
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
        poke_every=found.poke_every,
        mysql=found.mysql,
        rabbitmq=found.rabbitmq,
        package=found.package,
    )


def _port(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 65_526:
        raise argparse.ArgumentTypeError(f"{text!r} is no port from 1 to 65526")
    return int(text)
