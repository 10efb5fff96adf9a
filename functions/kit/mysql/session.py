"""The settings of a session, which make MySQL behave more like SQLite.

`connection.py` sends them on every new connection.
"""

SQL_MODES = (
    "ANSI_QUOTES",  # "x" is a name, in case the translation leaves one
    "PIPES_AS_CONCAT",  # || concatenates; by default it is OR
    "NO_BACKSLASH_ESCAPES",  # a backslash in a string literal is a backslash
    "NO_AUTO_VALUE_ON_ZERO",  # 0 is a key like any other
    "NO_ENGINE_SUBSTITUTION",
    "ONLY_FULL_GROUP_BY",
    "STRICT_ALL_TABLES",  # an error for a value that does not fit, instead of truncation
    "ERROR_FOR_DIVISION_BY_ZERO",
    "NO_ZERO_DATE",
    "NO_ZERO_IN_DATE",
)


def is_mariadb(server_version: str) -> bool:
    return "mariadb" in server_version.lower()


def takes_row_alias(server_version: str) -> bool:
    """Whether INSERT ... AS new is supported; MySQL has deprecated VALUES(column)."""
    return not is_mariadb(server_version) and _version(server_version) >= (8, 0, 20)


def settings(server_version: str) -> str:
    """The SET statement with all settings.

    The collation of literals is binary, as on SQLite. The isolation level is READ COMMITTED,
    because REPEATABLE READ locks the gaps that inserts need.
    """
    # MariaDB supports MySQL 8's name of the variable from version 11 on.
    isolation = "tx_isolation" if is_mariadb(server_version) else "transaction_isolation"
    return (
        f"SET NAMES utf8mb4 COLLATE utf8mb4_bin, SESSION sql_mode = '{','.join(SQL_MODES)}',"
        f" SESSION time_zone = '+00:00', SESSION autocommit = 1,"
        f" SESSION {isolation} = 'READ-COMMITTED'"
    )


def identity_query(server_version: str) -> str:
    """The query for a server's identity: `server`, and `uptime` in seconds."""
    if is_mariadb(server_version):
        # Computed from the machine and the port, not stored in the data directory.
        server, status = "@@server_uid", "information_schema.GLOBAL_STATUS"
    else:
        server, status = "@@server_uuid", "performance_schema.global_status"
    return (
        f"SELECT CONCAT_WS(' ', {server}, @@hostname, @@port) AS server,"  # noqa: S608 - names
        f" (SELECT VARIABLE_VALUE FROM {status} WHERE VARIABLE_NAME = 'Uptime') AS uptime"
    )


def _version(text: str) -> tuple[int, ...]:
    numbers = text.partition("-")[0].split(".")
    return tuple(int(number) for number in numbers if number.isdigit())
