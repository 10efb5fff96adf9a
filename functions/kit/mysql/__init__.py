"""A Piccolo engine for MySQL and MariaDB, on aiomysql.

`README.md` lists what it supports and what it refuses. Begin reading at `engine.py`; `errors.py`
has the tree of errors. The package imports nothing else of the project.
"""

from functions.kit.mysql.engine import MySQLEngine
from functions.kit.mysql.options import Options
from functions.kit.mysql.plans import Outcome
from functions.kit.mysql.transaction import Savepoint, Transaction

__version__ = "0.2.0"

__all__ = ["MySQLEngine", "Options", "Outcome", "Savepoint", "Transaction"]
