"""Converts the server's error numbers to this package's errors.

The server's message is repeated only for numbers whose message contains names and no values: that
of a duplicate key contains the value. Only `connection.py` handles the driver's errors.
"""

import re

from functions.kit.mysql.errors import (
    AccessDenied,
    CannotConnect,
    ConnectionLost,
    DatabaseError,
    DataError,
    Deadlock,
    DuplicateKey,
    IntegrityError,
    LockTimeout,
    OperationalError,
    ProgrammingError,
    TooManyConnections,
    Unavailable,
    UnknownDatabase,
)
from functions.kit.mysql.options import Options

_KINDS: dict[int, type[DatabaseError]] = {}
for _kind, _codes in (
    (TooManyConnections, (1040, 1203, 1226)),
    (AccessDenied, (1044, 1045, 1130, 1698, 3118, 3955)),
    (UnknownDatabase, (1049,)),
    # The server shuts down, has become read-only or has closed the connection, or the network
    # failed.
    (
        ConnectionLost,
        (1053, 1077, 1079, 1158, 1159, 1160, 1161, 1184, 1927, 2006, 2013, 2055, 3169, 4031),
    ),
    (Unavailable, (1290, 1836, 3100)),
    (Deadlock, (1213, 3101)),
    (LockTimeout, (1205, 3572)),
    (DuplicateKey, (1022, 1062, 1169, 1586)),
    (IntegrityError, (1048, 1216, 1217, 1364, 1451, 1452, 1557, 3819, 4025)),
    (DataError, (1264, 1265, 1292, 1365, 1366, 1367, 1406, 1411, 1416, 1690)),
    (
        ProgrammingError,
        (
            *(1046, 1050, 1051, 1052, 1054, 1055, 1060, 1061, 1064, 1091, 1093, 1110, 1111),
            *(1005, 1067, 1071, 1136, 1146, 1149, 1166, 1170, 1241, 1242, 1305, 1318, 1582),
            *(1824, 1826, 1828, 3730, 3780, 3822),
        ),
    ),
):
    _KINDS.update(dict.fromkeys(_codes, _kind))

_SAFE = frozenset(
    (
        *(1040, 1044, 1045, 1046, 1048, 1049, 1050, 1051, 1052, 1054, 1055, 1060, 1061, 1091),
        *(1093, 1130, 1136, 1146, 1203, 1205, 1213, 1226, 1241, 1242, 1264, 1290, 1305, 1318),
        *(1005, 1067, 1071, 1170, 1364, 1406, 1451, 1452, 1582, 1698, 1824, 1826, 1828, 1836),
        *(3572, 3730, 3780, 3819, 3822, 4025),
    )
)

_TEXTS = {
    1064: "the server cannot parse the statement",
    1292: "a value of the wrong form",
    1366: "a value of the wrong form for its column",
    1690: "a result that is out of range",
    2006: "the server has gone away",
    2013: "the connection was lost during the statement",
    4031: "the server closed the connection, which was idle for too long",
}

_KEY = re.compile(r"for key '(?:[^'.]+\.)?([^']+)'\s*$")


def translate_failure(error: Exception) -> DatabaseError:
    """This package's error for one of the driver's. Its message contains no value."""
    code, text = _parts(error)
    kind = _KINDS.get(code, OperationalError)
    if kind is DuplicateKey:
        found = _KEY.search(text)
        key = found[1] if found else None
        return DuplicateKey(f"a value that is there already, for key {key}", code=code, key=key)
    return kind(_message(error, code, text), code=code or None)


def connect_failure(error: Exception) -> CannotConnect:
    """The same for an error while connecting, which is always a `CannotConnect`."""
    code, text = _parts(error)
    if not code:
        return CannotConnect("the server does not speak MySQL's protocol")
    kind = _KINDS.get(code, CannotConnect)
    if not issubclass(kind, CannotConnect):
        kind = CannotConnect
    return kind(_message(error, code, text), code=code)


def no_answer(options: Options) -> CannotConnect:
    return CannotConnect(f"no answer from {options.address} within {options.connect_timeout:g} s")


def _parts(error: Exception) -> tuple[int, str]:
    code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    return code, str(error.args[1]) if len(error.args) > 1 else ""


def _message(error: Exception, code: int, text: str) -> str:
    if code in _SAFE:
        message = text
    elif code in _TEXTS:
        message = _TEXTS[code]
    else:
        message = f"the server answered with error {code or type(error).__name__}"
    return f"{message} ({code})" if code else message
