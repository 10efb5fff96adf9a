"""A Piccolo engine for MySQL and MariaDB, on aiomysql.

`README.md` says what it supports and what it refuses. Begin reading at `engine.py`; the errors
are drawn as a tree in `errors.py`. Nothing here needs the rest of the project.
"""

from functions.kit.mysql.engine import MySQLEngine
from functions.kit.mysql.options import Options
from functions.kit.mysql.plans import Outcome
from functions.kit.mysql.transaction import Savepoint, Transaction

__version__ = "0.2.0"

__all__ = ["MySQLEngine", "Options", "Outcome", "Savepoint", "Transaction"]
