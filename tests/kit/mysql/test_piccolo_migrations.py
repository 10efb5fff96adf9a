"""Piccolo's own migration commands are refused, by the command line too."""

import subprocess
import sys
from pathlib import Path

import pytest
from piccolo.apps.migrations.tables import Migration

from functions.kit.mysql import MySQLEngine
from functions.kit.mysql.errors import Unsupported
from tests.servers.mysql import Server

ROOT = Path(__file__).parents[3]

CONF = """
from piccolo.conf.apps import AppRegistry
from functions.kit.mysql import MySQLEngine

DB = MySQLEngine({url!r})
APP_REGISTRY = AppRegistry(apps=["shop.piccolo_app"])
"""

APP = """
import os
from piccolo.columns import Varchar
from piccolo.conf.apps import AppConfig
from piccolo.table import Table


class Book(Table):
    title = Varchar()


APP_CONFIG = AppConfig(
    app_name="shop",
    migrations_folder_path=os.path.join(os.path.dirname(__file__), "piccolo_migrations"),
    table_classes=[Book],
)
"""


def piccolo(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(  # noqa: S603 - Piccolo's command line
        [sys.executable, "-m", "piccolo.main", *arguments],
        cwd=folder,
        env={"PYTHONPATH": f"{folder}:{ROOT}", "PICCOLO_CONF": "shop_conf"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_says_what_to_do_and_changes_nothing(
    server: Server, url: str, tmp_path: Path
) -> None:
    """`migrations forwards` fails, names `engine.run_ddl` and creates no table; `new` succeeds."""
    (tmp_path / "shop_conf.py").write_text(CONF.format(url=url), "utf-8")
    (tmp_path / "shop" / "piccolo_migrations").mkdir(parents=True)
    (tmp_path / "shop" / "__init__.py").touch()
    (tmp_path / "shop" / "piccolo_app.py").write_text(APP, "utf-8")
    made = piccolo(tmp_path, "migrations", "new", "shop", "--auto")

    done = piccolo(tmp_path, "migrations", "forwards", "shop")

    tables = server.run(f"SHOW TABLES IN `{url.rpartition('/')[2]}`")
    assert made.returncode == 0
    assert done.returncode != 0
    assert "Piccolo's migration commands" in done.stdout + done.stderr
    assert "run it by engine.run_ddl" in done.stdout + done.stderr
    assert list(tables) == []


async def test_only_piccolos_own_table_is_refused(engine: MySQLEngine) -> None:
    """A table that happens to have its name is made."""
    await engine.run_ddl('CREATE TABLE "migration" ("id" INTEGER PRIMARY KEY, "title" VARCHAR(9))')
    await engine.run_ddl("DROP TABLE migration")
    Migration._meta.db = engine

    with pytest.raises(Unsupported, match="create_db_tables"):
        await Migration.create_table()
