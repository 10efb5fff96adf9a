"""Imports aiomysql so that it also works for an operating system user without a name.

When it is imported, aiomysql looks up the name of the process's user, as a default for connections.
Ours always name their user. The user of a container often has a number only. For it Python 3.13
raises OSError where older versions raised KeyError, which aiomysql expects, so its import would
fail. The look-up is therefore replaced during the import. Next file: `connection.py`.
"""

import getpass

_getuser = getpass.getuser
getpass.getuser = lambda: "unknown"
try:
    from aiomysql.connection import Connection
finally:
    getpass.getuser = _getuser

__all__ = ["Connection"]
