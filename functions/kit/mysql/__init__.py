"""A Piccolo engine for MySQL and MariaDB, on aiomysql.

`README.md` lists what it supports and what it refuses. Begin reading at `engine.py`; `errors.py`
has the tree of errors. The package imports nothing else of the project.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from functions.kit.mysql.engine import MySQLEngine
    from functions.kit.mysql.options import Options
    from functions.kit.mysql.plans import Outcome
    from functions.kit.mysql.transaction import Savepoint, Transaction

__version__ = "0.2.0"

__all__ = ["MySQLEngine", "Options", "Outcome", "Savepoint", "Transaction"]

_MODULES = {
    "MySQLEngine": "engine",
    "Options": "options",
    "Outcome": "plans",
    "Savepoint": "transaction",
    "Transaction": "transaction",
}


def __getattr__(name: str) -> Any:
    """Import what is used, so that a module without Piccolo can be imported alone."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
