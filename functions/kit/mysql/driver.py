"""aiomysql, importable by every user of the operating system, named or not.

At its import aiomysql looks up the name of the user that runs the process, for connections that
name no user; ours always do. A container's user is often a number without a name. Python 3.13
raises OSError for it, aiomysql expects the KeyError of older versions, and its import would fail.
So the name is not looked up. Next file: `connection`.
"""

import getpass

_getuser = getpass.getuser
getpass.getuser = lambda: "unknown"
try:
    from aiomysql.connection import Connection
finally:
    getpass.getuser = _getuser

__all__ = ["Connection"]
