"""Piccolo's configuration for its own tests, with this engine where they want SQLite's.

`piccolo_suite.py` copies this beside the tests of Piccolo; there it imports the engine's
distribution. Piccolo's tests ask `type(ENGINE) is SQLiteEngine` for what they expect of the
dialect, so the engine takes that name before they import it.
"""

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import piccolo.engine.sqlite
import pymysql
from piccolo.conf.apps import AppRegistry

from functions.kit.mysql import MySQLEngine

URL = os.environ["PICCOLO_SUITE_URL"]
"""A server whose databases `piccolo_suite_...` may be made and dropped."""


class Engine(MySQLEngine):
    """With what the tests call of SQLite's engine beside Piccolo's interface.

    A file of SQLite is a database here, empty when the engine is made.
    """

    def __init__(self, path: str = "piccolo.sqlite", **options: Any) -> None:
        database = "piccolo_suite_" + "".join(filter(str.isalnum, path))
        url = urlsplit(URL)._replace(path=f"/{database}").geturl()
        super().__init__(url, **options)
        self.remove_db_file()

    def remove_db_file(self) -> None:
        options = self.options
        with (
            pymysql.connect(
                host=options.host,
                port=options.port,
                user=options.user,
                password=options.password.encode(),
            ) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(f"DROP DATABASE IF EXISTS `{options.database}`")
            cursor.execute(f"CREATE DATABASE `{options.database}` COLLATE utf8mb4_bin")

    async def _run_in_new_connection(self, query: str) -> Any:
        """Called for tables of a run before this one: the database is empty."""


piccolo.engine.sqlite.SQLiteEngine = Engine  # type: ignore[misc, assignment]

DB = Engine("main")

APP_REGISTRY = AppRegistry(
    apps=[
        f"tests.example_apps.{app.name}.piccolo_app"
        for app in sorted(Path("tests/example_apps").glob("m*"), reverse=True)
    ]
)
