"""`python -m functions.local.migrate`, which `nox -s migrate` runs: bring schemas up to date.

One service's database by `--database-url`, or all three on a server by `--mysql`. In a cluster each
service's own `python -m functions.SERVICE.migrate` does it, as a Job.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence

from functions.local.errors import LocalError
from functions.local.invocation import command
from functions.local.mysql import MySQLServer
from functions.local.ports import SERVICES
from functions.local.programs import ROOT


def main(arguments: Sequence[str] | None = None) -> int:
    """The first exit code that is not 0."""
    parser = argparse.ArgumentParser(
        prog=command("migrate --"), description="Brings the schemas of the services up to date."
    )
    parser.add_argument(
        "services", nargs="*", metavar="SERVICE", help=f"{', '.join(SERVICES)}; all if none is said"
    )
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument(
        "--database-url", metavar="URL", help="the database of the one service that is named"
    )
    where.add_argument(
        "--mysql", metavar="URL", help="mysql://user:password@host:port, with all the databases"
    )
    found = parser.parse_args(arguments)
    services = found.services or list(SERVICES)
    if unknown := set(services) - set(SERVICES):
        parser.error(f"no such service: {', '.join(sorted(unknown))}")
    if found.database_url and len(services) != 1:
        parser.error("--database-url is one database: name the one service that it belongs to")
    try:
        server = MySQLServer(found.mysql) if found.mysql else None
    except LocalError as error:
        parser.error(str(error))
    for service in services:
        url = found.database_url if server is None else server.url(service)
        done = subprocess.run(  # noqa: S603 - our own module
            [sys.executable, "-m", f"functions.{service}.migrate"],
            cwd=ROOT,
            env={**os.environ, "DATABASE_URL": url},
            check=False,
        )
        if done.returncode != 0:
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
