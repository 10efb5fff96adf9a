"""How a session is set up, so that statements mean on MySQL what they mean on SQLite.

`connection.py` sends this with every new connection.
"""

SQL_MODES = (
    "ANSI_QUOTES",  # "x" is a name, should one get past the translation
    "PIPES_AS_CONCAT",  # || concatenates, and is no OR
    "NO_BACKSLASH_ESCAPES",  # a backslash in a text's literal is a backslash
    "NO_AUTO_VALUE_ON_ZERO",  # 0 is a key like any other
    "NO_ENGINE_SUBSTITUTION",
    "ONLY_FULL_GROUP_BY",
    "STRICT_ALL_TABLES",  # refuse, do not cut
    "ERROR_FOR_DIVISION_BY_ZERO",
    "NO_ZERO_DATE",
    "NO_ZERO_IN_DATE",
)


def is_mariadb(server_version: str) -> bool:
    return "mariadb" in server_version.lower()


def takes_row_alias(server_version: str) -> bool:
    """Whether INSERT ... AS new is understood; VALUES(column) is on its way out on MySQL."""
    return not is_mariadb(server_version) and _version(server_version) >= (8, 0, 20)


def settings(server_version: str) -> str:
    """One statement.

    Literals compare letter by letter, as on SQLite. READ COMMITTED, since REPEATABLE READ locks
    the gaps that inserts go to.
    """
    # MariaDB knows the name that MySQL 8 uses from its version 11 on only.
    isolation = "tx_isolation" if is_mariadb(server_version) else "transaction_isolation"
    return (
        f"SET NAMES utf8mb4 COLLATE utf8mb4_bin, SESSION sql_mode = '{','.join(SQL_MODES)}',"
        f" SESSION time_zone = '+00:00', SESSION autocommit = 1,"
        f" SESSION {isolation} = 'READ-COMMITTED'"
    )


def identity_query(server_version: str) -> str:
    """What tells one server, and one run of it, from another: `server` and `uptime`, in seconds."""
    if is_mariadb(server_version):
        # Its own number of the server, which a copy of the data folder does not take along.
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
