"""How long a move from the original takes, and how much memory: `docs/adopting.md` has the results.

    python -m tests.bench.adoption --server mysql --purchases 1000000

It fills databases of the original on a private server, moves them into new ones on the same server,
and prints a table: a dry run, the move, and a second run, which finds nothing to do. The server
flushes every commit, as one of a shop does; its files lie in memory where that has room
(`tests/servers/programs.py`).
"""
# ruff: noqa: S603, S608 - the program is this Python, and the statements are made here

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple, get_args

from tests.adoption import original
from tests.adoption.running import SERVICES, options_for
from tests.servers.mysql import Flavour, Server, private_server

ROOT = Path(__file__).parents[2]
MAX_PURCHASES = 1_000_000
BOOKS = 10_000
PROVIDERS = 10
PURCHASES_PER_USER = 20
SERVER_OPTIONS = ("--innodb-flush-log-at-trx-commit=1", "--innodb-buffer-pool-size=256M")

_DIGIT = "(SELECT 0 AS d" + "".join(f" UNION ALL SELECT {digit}" for digit in range(1, 10)) + ")"
_NUMBERS = (
    "INSERT INTO numbers SELECT 1 + a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * f.d"
    f" + 100000 * g.d FROM {', '.join(f'{_DIGIT} {name}' for name in 'abcefg')}"
)

_BOOK = "n, CONCAT('Libro ', n), CONCAT('Autora ', n MOD 900), REPEAT('Texto. ', 20), 10 + n MOD 90"
_TOTAL = "(1 + n MOD 3) * (10 + (1 + n MOD {books}) MOD 90)"
_ROWS = {
    "auth.user": "n, CONCAT('Persona ', n), CONCAT('persona', n, '@example.org'), '{hash}'",
    "main.book": f"{_BOOK}, 50",
    "catalog.book": f"{_BOOK}, 50 - (n MOD 40 = 0)",
    "main.delivery_provider": "n, CONCAT('Transportes ', n), 'oficina'",
    "main.purchase": f"n, 1 + n MOD {{users}}, 1 + n MOD {{books}}, 1 + n MOD 3, {_TOTAL},"
    " ELT(1 + n MOD 10, 'Pending Payment', 'Paid', 'Paid', 'On Delivery', 'Entregado',"
    " 'Delivered', 'Delivered', 'Delivered', 'paid', 'Delivered')",
    "main.payment": f"n, n, {_TOTAL}, 'PSE', 'Completed'",
    "main.delivery_assignment": "n, n, 1 + n MOD {providers}, 'Assigned'",
}
"""Columns of the rows by the number `n` of each."""
_WHERE = {
    "main.payment": "n MOD 10 > 0",
    "main.delivery_assignment": "n MOD 10 IN (3, 4, 5, 6, 7, 9)",
}


class Measured(NamedTuple):
    what: str
    seconds: float
    cpu_seconds: float
    peak_mib: float


def fill(server: Server, purchases: int) -> tuple[list[str], int]:
    """Databases of the original; returns the options that name them, and the number of rows."""
    options = original.load(server, original.written({}), "bench")
    numbers = {
        "users": max(1, purchases // PURCHASES_PER_USER),
        "books": min(BOOKS, purchases),
        "providers": PROVIDERS,
    }
    sizes = dict.fromkeys(_ROWS, purchases) | {
        "auth.user": numbers["users"],
        "main.book": numbers["books"],
        "catalog.book": numbers["books"],
        "main.delivery_provider": PROVIDERS,
    }
    total = 0
    server.create_database("bench_numbers")
    with closing(server.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("USE bench_numbers")
        cursor.execute("CREATE TABLE numbers (n INT PRIMARY KEY)")
        cursor.execute(_NUMBERS)
        for label, columns in _ROWS.items():
            role, _, table = label.partition(".")
            total += cursor.execute(
                f"INSERT INTO `bench_{role}`.`{table}`"
                f" SELECT {columns.format(hash=original.HASH, **numbers)} FROM numbers"
                f" WHERE n <= {sizes[label]} AND {_WHERE.get(label, '1 = 1')}"
            )
    return options, total


def measure(what: str, arguments: Sequence[str]) -> Measured:
    """One run of the command in a process of its own."""
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "functions.adoption", *arguments], cwd=ROOT, stdout=sys.stderr
    )
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{what} ended with {process.returncode}")
    return Measured(what, seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def run(flavour: Flavour, purchases: int) -> tuple[int, list[Measured]]:
    """The number of rows of the original, and what each run of the command took."""
    with (
        private_server(*SERVER_OPTIONS, flavour=flavour) as server,
        tempfile.TemporaryDirectory() as folder,
    ):
        source, rows = fill(server, purchases)
        urls = {name: server.create_database(f"bench_new_{name}") for name in SERVICES}
        decisions = ("--decisions", str(Path(folder) / "adoption.toml"))
        arguments = [*source, *options_for(urls), *decisions, "--language", "en"]
        measured = [
            measure("dry run", arguments),
            measure("move", [*arguments, "--apply"]),
            measure("second run", [*arguments, "--apply"]),
        ]
    return rows, measured


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--server", choices=get_args(Flavour), default="mariadb")
    parser.add_argument("--purchases", type=int, default=MAX_PURCHASES)
    options = parser.parse_args()
    if not 1 <= options.purchases <= MAX_PURCHASES:
        parser.error(f"--purchases must be between 1 and {MAX_PURCHASES}")
    load = os.getloadavg()[0]
    rows, measured = run(options.server, options.purchases)
    print(f"{options.server}, {options.purchases:,} purchases, {rows:,} rows")
    print(f"load of the machine: {load:.1f} before, {os.getloadavg()[0]:.1f} after")
    for each in measured:
        print(
            f"{each.what:<12}{each.seconds:8.0f} s{each.cpu_seconds:8.0f} s of CPU"
            f"{each.peak_mib:8.0f} MiB{rows / each.seconds:10,.0f} rows/s"
        )


if __name__ == "__main__":
    main()
