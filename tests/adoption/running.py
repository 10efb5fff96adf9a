"""Runs the command in this process, and looks at what it wrote."""

import hashlib
import io
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from piccolo.querystring import QueryString
from rich.console import Console

from functions.adoption.command import Adoption
from functions.adoption.options import AdoptOptions
from functions.adoption.target import databases
from functions.kit.base.clock import Clock, utc_now
from functions.kit.data.database import Database, Row
from functions.local.broker.command_line import parse

SERVICES = ("auth", "catalog", "purchase")


class Result(NamedTuple):
    code: int
    output: str
    report: list[dict[str, Any]]

    def found(self, what: str) -> list[Any]:
        """The ids of the rows with a finding."""
        return [line["id"] for line in self.report if line.get("what") == what]

    def sums(self) -> dict[str, tuple[int, int]]:
        return {
            line["sum"].strip(): (line["count"], line["minor"])
            for line in self.report
            if "sum" in line
        }


def options_for(urls: Mapping[str, str]) -> list[str]:
    """The options that name the databases of the services."""
    return [part for name in SERVICES for part in (f"--{name}-url", urls[name])]


def parsed(arguments: Sequence[str]) -> AdoptOptions:
    return parse(AdoptOptions, "adopt", "", list(arguments))


async def adopt(folder: Path, *arguments: str, clock: Clock = utc_now) -> Result:
    """Run the command with its decisions and its report in a folder. Raises `AdoptionError`."""
    report = folder / "report.jsonl"
    report.write_text("", "utf-8")
    report.chmod(0o600)
    output = io.StringIO()
    options = parsed(
        [
            *("--decisions", str(folder / "adoption.toml"), "--report", str(report)),
            *("--language", "en", *arguments),
        ]
    )
    console = Console(file=output, width=200, markup=False, emoji=False, highlight=False)
    code = await Adoption(options, console, clock=clock).run()
    lines = [json.loads(line) for line in report.read_text("utf-8").splitlines()]
    return Result(code, output.getvalue(), lines)


@asynccontextmanager
async def opened(urls: Mapping[str, str]) -> AsyncIterator[dict[str, Database]]:
    async with databases.opened(urls) as there:
        yield there


async def rows(database: Database, sql: str, *values: object) -> list[Row]:
    found: list[Row] = (await database.execute(QueryString(sql, *values))).rows
    return found


async def checksum(urls: Mapping[str, str]) -> str:
    """Of every row of every table of the databases, whatever a random id or a time is there."""
    digest = hashlib.sha256()
    async with opened(urls) as there:
        for name, database in there.items():
            for table in await tables(database):
                content = await rows(database, f"SELECT * FROM {table}")  # noqa: S608
                digest.update(f"{name} {table} {sorted(map(repr, content))}".encode())
    return digest.hexdigest()


async def tables(database: Database) -> list[str]:
    if database.backend == "mysql":
        sql = "SELECT table_name AS name FROM information_schema.tables"
        found = await rows(database, f"{sql} WHERE table_schema = DATABASE()")
    else:
        found = await rows(
            database, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'ft%'"
        )
    return sorted(row["name"] for row in found)
