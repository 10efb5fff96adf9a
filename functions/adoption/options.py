"""The options of `nox -s adopt`, and the databases that they name."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from cyclopts import Parameter

from functions.adoption.errors import AdoptionError, NotTheOriginal, TargetRefused
from functions.adoption.original.schema import DATABASES, Role
from functions.adoption.target.databases import SERVICES, sqlite_file
from functions.local.errors import LocalError
from functions.local.mysql import MySQLServer

LANGUAGES = ("es", "en")

Flag = Annotated[bool, Parameter(negative=())]


@dataclass(frozen=True, kw_only=True)
class AdoptOptions:
    source: Annotated[
        tuple[str, ...], Parameter(name="--from", negative=(), env_var="ADOPT_FROM")
    ] = ()
    """The original: its server, mysql://user:password@host:port, or a dump (.sql or .sql.gz) or a
    folder of dumps. Repeat it for several files."""
    from_auth: Annotated[str | None, Parameter(env_var="ADOPT_FROM_AUTH")] = None
    """URL of the original's database of users, where the three have different users or servers."""
    from_catalog: Annotated[str | None, Parameter(env_var="ADOPT_FROM_CATALOG")] = None
    """URL of the original's database of the catalogue."""
    from_main: Annotated[str | None, Parameter(env_var="ADOPT_FROM_MAIN")] = None
    """URL of the original's database of purchases."""
    auth_name: str = DATABASES["auth"]
    """Name of the original's database of users."""
    catalog_name: str = DATABASES["catalog"]
    """Name of the original's database of the catalogue."""
    main_name: str = DATABASES["main"]
    """Name of the original's database of purchases."""
    sqlite: Path | None = None
    """Write to SQLite files in this folder, to try the move; `dev -- --no-seed --data FOLDER` runs
    the shop on them."""
    mysql: Annotated[str | None, Parameter(env_var="ADOPT_MYSQL_URL")] = None
    """Write to bookstore_auth, bookstore_catalog and bookstore_main on this server,
    mysql://user:password@host:port. It may be the original's: no table has the same name."""
    auth_url: Annotated[str | None, Parameter(env_var="ADOPT_AUTH_URL")] = None
    """URL of auth's database, where the three have different users or servers."""
    catalog_url: Annotated[str | None, Parameter(env_var="ADOPT_CATALOG_URL")] = None
    """URL of catalog's database."""
    purchase_url: Annotated[str | None, Parameter(env_var="ADOPT_PURCHASE_URL")] = None
    """URL of purchase's database."""
    apply: Flag = False
    """Write. Without it this is a dry run, which only reads."""
    decisions: Path = Path("adoption.toml")
    """File of your decisions. A dry run writes it where there is none; `--apply` needs it."""
    report: Path | None = None
    """Write the report to this file, one JSON line per finding; `--report=-` writes to
    standard output."""
    language: Literal["es", "en"] | None = None
    """Language of the report (default: that of the terminal, else Spanish)."""

    @property
    def names(self) -> dict[Role, str]:
        return {"auth": self.auth_name, "catalog": self.catalog_name, "main": self.main_name}

    def chosen_language(self, environ: Mapping[str, str] = os.environ) -> str:
        return self.language or _language_of_terminal(environ)


def language_of(arguments: Sequence[str], environ: Mapping[str, str] = os.environ) -> str:
    """The language in which to say what is wrong with the options, which cannot be read then."""
    chosen = _language_of_terminal(environ)
    for place, each in enumerate(arguments):
        name, given, value = each.partition("=")
        if name == "--language":
            value = value if given else "".join(arguments[place + 1 : place + 2])
            chosen = value if value in LANGUAGES else chosen
    return chosen


def _language_of_terminal(environ: Mapping[str, str]) -> str:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if environ.get(name):
            return "en" if environ[name].lower().startswith("en") else "es"
    return "es"


@dataclass(frozen=True)
class Source:
    """Where the original is: URLs of its databases, or files."""

    urls: Mapping[Role, str]
    files: tuple[Path, ...]


def source_of(options: AdoptOptions) -> Source:
    """Raises `NotTheOriginal` where the options name no original, or half of one."""
    separate: dict[Role, str | None] = {
        "auth": options.from_auth,
        "catalog": options.from_catalog,
        "main": options.from_main,
    }
    given = {role: url for role, url in separate.items() if url}
    if bool(given) == bool(options.source) or len(given) not in (0, 3):
        raise NotTheOriginal(
            "Indique el original con --from mysql://usuario:clave@servidor, con --from y sus"
            " volcados, o con las tres: --from-auth, --from-catalog y --from-main.",
            "Name the original by --from mysql://user:password@server, by --from and its dumps, or"
            " by all three of --from-auth, --from-catalog and --from-main.",
        )
    if given:
        return Source(given, ())
    if any("://" in each for each in options.source):
        if len(options.source) > 1:
            raise NotTheOriginal(
                "Un servidor se indica con un solo --from.", "A server is named by one --from only."
            )
        server = _server(options.source[0], NotTheOriginal)
        return Source({role: _named(server, name) for role, name in options.names.items()}, ())
    files: list[Path] = []
    for each in map(Path, options.source):
        found = [*each.glob("*.sql"), *each.glob("*.sql.gz")]
        files += sorted(found) if each.is_dir() else [each]
    if not files:
        raise NotTheOriginal(
            f"En {options.source[0]} no hay ningún archivo .sql ni .sql.gz.",
            f"There is no .sql or .sql.gz file in {options.source[0]}.",
        )
    return Source({}, tuple(files))


def target_of(options: AdoptOptions) -> dict[str, str]:
    """Database URLs by service. Raises `TargetRefused`."""
    separate = {
        "auth": options.auth_url,
        "catalog": options.catalog_url,
        "purchase": options.purchase_url,
    }
    given = {service: url for service, url in separate.items() if url}
    ways = (options.sqlite is not None, options.mysql is not None, bool(given))
    if sum(ways) != 1 or len(given) not in (0, 3):
        raise TargetRefused(
            "Indique adónde se traen los datos: --sqlite CARPETA, --mysql"
            " mysql://usuario:clave@servidor, o las tres: --auth-url, --catalog-url y"
            " --purchase-url.",
            "Say where the data goes: --sqlite FOLDER, --mysql mysql://user:password@server, or all"
            " three of --auth-url, --catalog-url and --purchase-url.",
        )
    if given:
        if len({_place(url) for url in given.values()}) < len(given):
            raise TargetRefused(
                "Cada servicio necesita su propia base de datos: sus tablas tienen los mismos"
                " nombres.",
                "Each service needs a database of its own: their tables have the same names.",
            )
        return given
    if options.sqlite is not None:
        folder = options.sqlite.absolute()
        return {service: f"sqlite:///{folder / f'{service}.db'}" for service in SERVICES}
    server = _server(options.mysql or "", TargetRefused)
    return {service: server.url(service) for service in SERVICES}


def _place(url: str) -> tuple[str | None, int | None, str]:
    """What two URLs of one database have in common. Raises `TargetRefused`."""
    if (file := sqlite_file(url)) is not None:
        return None, None, str(file.resolve())
    parts = urlsplit(url)
    try:
        return parts.hostname, parts.port or 3306, parts.path
    except ValueError:
        return url, None, ""  # refused when it is opened


def _server(url: str, kind: type[AdoptionError]) -> MySQLServer:
    try:
        return MySQLServer(url)
    except LocalError as error:
        raise kind(
            "La dirección del servidor debe ser mysql://usuario:clave@servidor:puerto, sin base de"
            " datos; los signos de la clave van codificados (%40 por @).",
            "The address of the server must be mysql://user:password@host:port, without a database;"
            " reserved characters of the password are percent-encoded (%40 for @).",
        ) from error


def _named(server: MySQLServer, database: str) -> str:
    parts = urlsplit(server.url("auth"))
    return parts._replace(path=f"/{database}").geturl()
