"""An original to move in from: the dirty instance of the shared folder, or rows of a test's own."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pymysql
import pytest
from pymysql.constants import CLIENT
from pymysql.converters import escape_string

from functions.adoption.original.schema import DATABASES, Role
from tests.servers.mysql import Flavour, Server

FOLDER = Path(__file__).parents[3] / "shared" / "data" / "original-dump"

HASH = (
    "pbkdf2:sha256:600000$zulbFVJp36MlTOVO$"
    "1f65d99c8df9d251e7a49089b75281dc9ef20821dbbcd1c2df50717e7891a217"
)

_CREATE = {
    "auth.user": "`id` int(11) NOT NULL AUTO_INCREMENT, `name` varchar(150), `email` varchar(150),"
    " `password` varchar(200)",
    "catalog.book": "`id` int(11) NOT NULL AUTO_INCREMENT, `title` varchar(150), `author`"
    " varchar(100), `description` text, `price` float, `stock` int(11)",
    "main.book": "`id` int(11) NOT NULL AUTO_INCREMENT, `title` varchar(150), `author`"
    " varchar(100), `description` text, `price` float, `stock` int(11)",
    "main.purchase": "`id` int(11) NOT NULL AUTO_INCREMENT, `user_id` int(11) NOT NULL, `book_id`"
    " int(11), `quantity` int(11), `total_price` float, `status` varchar(50)",
    "main.payment": "`id` int(11) NOT NULL AUTO_INCREMENT, `purchase_id` int(11), `amount` float,"
    " `payment_method` varchar(50), `payment_status` varchar(50)",
    "main.delivery_provider": "`id` int(11) NOT NULL AUTO_INCREMENT, `name` varchar(100),"
    " `contact` varchar(100)",
    "main.delivery_assignment": "`id` int(11) NOT NULL AUTO_INCREMENT, `purchase_id` int(11),"
    " `provider_id` int(11), `status` varchar(50)",
}

Rows = Mapping[str, Sequence[Sequence[object]]]


def dumps(flavour: Flavour) -> dict[Role, str]:
    """The dirty instance, as mysqldump wrote it for a kind of server."""
    ending = "mariadb" if flavour == "mariadb" else "mysql8"
    files: dict[Role, Path] = {
        role: FOLDER / f"{name}.{ending}.sql" for role, name in DATABASES.items()
    }
    if not all(file.exists() for file in files.values()):
        pytest.skip("shared/data/original-dump is not beside it")
    return {role: file.read_text("utf-8") for role, file in files.items()}


def written(rows: Rows, *, next_id: int = 1, options: str = "CHARSET=utf8mb4") -> dict[Role, str]:
    """Dumps with rows of one's own; tables that are not named are empty."""
    made: dict[Role, str] = {}
    for role, database in DATABASES.items():
        parts = [f"-- Host: localhost    Database: {database}\n"]
        parts.append(f"CREATE DATABASE IF NOT EXISTS `{database}` CHARACTER SET utf8mb4;\n")
        parts.append(f"USE `{database}`;\n")
        for label, columns in _CREATE.items():
            if label.startswith(f"{role}."):
                parts.append(_table(label, columns, rows.get(label, ()), next_id, options))
        made[role] = "".join(parts)
    return made


def _table(
    label: str, columns: str, rows: Sequence[Sequence[object]], next_id: int, options: str
) -> str:
    name = label.partition(".")[2]
    each = ",\n  ".join([*columns.split(", "), "PRIMARY KEY (`id`)"])
    text = (
        f"CREATE TABLE `{name}` (\n  {each}\n) ENGINE=InnoDB AUTO_INCREMENT={next_id} {options};\n"
    )
    if rows:
        values = ",\n".join(f"({','.join(map(literal, row))})" for row in rows)
        text += f"INSERT INTO `{name}` VALUES\n{values};\n"
    return text


def literal(value: object) -> str:
    """A value as mysqldump writes it."""
    if value is None:
        return "NULL"
    return f"'{escape_string(value)}'" if isinstance(value, str) else str(value)


def save(folder: Path, texts: Mapping[Role, str]) -> list[str]:
    """Write dumps to files; returns the options that name them."""
    options = []
    folder.mkdir(exist_ok=True)
    for role, text in texts.items():
        file = folder / f"{role}.sql"
        file.write_text(text, "utf-8")
        options += ["--from", str(file)]
    return options


def load(server: Server, texts: Mapping[Role, str], prefix: str) -> list[str]:
    """Load dumps into databases of a server; returns the options that name them."""
    options = []
    for role, text in texts.items():
        name = f"{prefix}_{role}"
        server.run(f"DROP DATABASE IF EXISTS `{name}`")
        run_script(server, text.replace(f"`{DATABASES[role]}`", f"`{name}`"))
        options += [f"--from-{role}", server.url(name)]
    return options


def run_script(server: Server, text: str) -> None:
    """Run statements as `mysql < FILE` does."""
    login = urlsplit(server.url(""))
    with (
        closing(
            pymysql.connect(
                host=server.host,
                port=server.port,
                user=unquote(login.username or ""),
                password=unquote(
                    login.password or ""
                ).encode(),  # the driver encodes text as Latin-1
                charset="utf8mb4",
                autocommit=True,
                client_flag=CLIENT.MULTI_STATEMENTS,
            )
        ) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(text)
        while cursor.nextset():
            pass


SMALL: Rows = {
    "auth.user": [
        (2, "Ana", "ana@example.org", HASH),
        (3, "Eva", " EVA@example.org", HASH),
        (4, "Eva otra", "eva@example.org", HASH),
        (5, None, "sin-arroba", "plain text"),
    ],
    "main.book": [
        (7, "Rayuela", "Julio Cortázar", "Una\nnovela", 30.3, 5),
        (8, None, "X", None, 1, 1),
        (9, "Cien años de soledad", "Gabriel García Márquez", None, 45000, -2),
    ],
    "catalog.book": [(7, "Rayuela", "Julio Cortázar", "Una\nnovela", 30.3, 4)],
    "main.purchase": [
        (11, 2, 7, 2, 60.6, "Paid"),
        (12, 4, 7, 1, 30.3, "On Delivery"),
        (13, 3, 9, 3, 100, "Pending Payment"),
        (14, 99, 9, 1, 45000, "Paid"),
        (15, 2, 7, 1, 30.3, "Entregado"),
        (16, 2, 7, -1, -30.3, "Paid"),
    ],
    "main.payment": [
        (21, 11, 60.6, "visa 4012888888881881", "Completed"),
        (22, 12, 30.3, "Nequi", "Completed"),
        (23, 12, 30.3, "Nequi", "Completed"),
        (24, 13, 50, "PSE", "Completed"),
        (25, 15, 30.3, "efectivo", "Completed"),
        (26, None, 9.99, "PSE", "Completed"),
        (27, 14, 45000, "PSE", "Completed"),
    ],
    "main.delivery_provider": [(1, "DHL", "dhl@dhl.example"), (2, "dhl", None)],
    "main.delivery_assignment": [
        (31, 12, 1, "Assigned"),
        (32, 12, 2, "Assigned"),
        (33, None, 1, "Assigned"),
    ],
}
"""A few rows with one of each kind of trouble."""


def many(purchases: int, *, users: int = 50, books: int = 20) -> Rows:
    """A clean original of some size: one purchase in twenty is pending, two are on their way."""
    statuses = {0: "Pending Payment", 1: "On Delivery", 2: "On Delivery"}
    return {
        "auth.user": [(n, f"U{n}", f"u{n}@example.org", HASH) for n in range(1, users + 1)],
        "main.book": [
            (n, f"Libro {n}", f"Autora {n}", "Texto", 12.5, 10) for n in range(1, books + 1)
        ],
        "catalog.book": [
            (n, f"Libro {n}", f"Autora {n}", "Texto", 12.5, 10) for n in range(1, books + 1)
        ],
        "main.purchase": [
            (n, n % users + 1, n % books + 1, 1, 12.5, statuses.get(n % 20, "Paid"))
            for n in range(1, purchases + 1)
        ],
        "main.payment": [
            (n, n, 12.5, "PSE", "Completed") for n in range(1, purchases + 1) if n % 20
        ],
        "main.delivery_provider": [(1, "DHL", "dhl")],
        "main.delivery_assignment": [
            (n, n, 1, "Assigned") for n in range(1, purchases + 1) if n % 20 == 1
        ],
    }
