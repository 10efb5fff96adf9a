"""What importing the engine costs: looked at in a process of its own."""

import subprocess
import sys

MODULES = """
import sys
import piccolo.table
from functions.kit.mysql import MySQLEngine
MySQLEngine("mysql://nobody@localhost/nowhere?ssl=required")
print("\\n".join(sys.modules))
"""


def modules_after_import() -> set[str]:
    command = [sys.executable, "-W", "error", "-c", MODULES]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    return set(done.stdout.split())


def test_neither_driver_nor_black_is_imported_before_the_first_connection() -> None:
    """Creating an engine with TLS loads no `cryptography` and no `asyncpg` either."""
    loaded = modules_after_import()

    assert "functions.kit.mysql.engine" in loaded
    assert set() == loaded & {
        "aiomysql",
        "asyncpg",
        "black",
        "cryptography",
        "piccolo.conf.apps",
        "pymysql",
    }


def test_nothing_else_of_the_project_is_imported() -> None:
    """The engine imports only its own modules of `functions`, so it can be distributed alone."""
    allowed = ("functions", "functions.kit", "functions.kit.mysql")

    assert [
        name
        for name in sorted(modules_after_import())
        if name.startswith("functions")
        and name not in allowed
        and not name.startswith("functions.kit.mysql.")
    ] == []
