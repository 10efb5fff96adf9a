"""`python -m functions.local.migrate`, which `nox -s migrate` runs: bring schemas up to date.

One service's database by `--database-url`, or all of them on a server by `--mysql`. In a cluster, a
Job runs each service's own `python -m functions.SERVICE.migrate`.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from typing import NoReturn

from functions.kit.base.program import end_with
from functions.local.broker.command_line import fail
from functions.local.errors import LocalError
from functions.local.invocation import command
from functions.local.mysql import MySQLServer
from functions.local.options import MigrateOptions, parse_migrate_options
from functions.local.ports import SERVICES
from functions.local.programs import ROOT


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the migrations until one fails. Returns its exit code, or 0."""
    options = parse_migrate_options(arguments)
    for service, url in _databases(options).items():
        done = subprocess.run(  # noqa: S603 - a module of this project
            [sys.executable, "-m", f"functions.{service}.migrate"],
            cwd=ROOT,
            env={**os.environ, "DATABASE_URL": url},
            check=False,
        )
        if done.returncode != 0:
            return done.returncode
    return 0


def _databases(options: MigrateOptions) -> dict[str, str]:
    """Database URLs by service. Exits with 2 when the options name none."""
    services = options.services or SERVICES
    if (options.mysql is None) == (options.database_url is None):
        _fail("Give one of --mysql URL and --database-url URL.")
    if options.database_url is not None:
        if len(services) != 1:
            _fail("--database-url is the database of one service: name that service.")
        return {services[0]: options.database_url}
    try:
        server = MySQLServer(options.mysql or "")
    except LocalError as error:
        _fail(str(error))
    return {service: server.url(service) for service in services}


def _fail(problem: str) -> NoReturn:
    fail(command("migrate --"), problem)


if __name__ == "__main__":
    end_with(main)
