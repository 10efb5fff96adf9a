"""What a statement of a script changes, as `dump_statements.py` gathers it.

Only what dump programs write may name a table after its rows; any other statement may change them.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

_NAME = r"(?:`(?:[^`]|``)+`|[\w$]+)"
_NAMES = re.compile(rf"(?<![\w$@`.])({_NAME})(?:\s*\.\s*({_NAME}))?")
"""`table`, `database`.`table`, or `table`.`column`."""
_ALIAS = re.compile(rf"(?<![\w$@`.])AS\b\s*{_NAME}(?!\s*\.)", re.IGNORECASE)
_TARGET = rf"({_NAME}(?:\s*\.\s*{_NAME})?)"
_FLAGS = re.IGNORECASE | re.DOTALL

_ADDS_ROWS = re.compile(
    r"(?:INSERT|REPLACE)\b\s*(?:(?:LOW_PRIORITY|DELAYED|HIGH_PRIORITY|IGNORE|INTO)\b\s*)*"
    rf"{_TARGET}|UPDATE\b(.*?)(?:(?<!`)\bSET\b(?!`)|$)|LOAD\b.*?\bINTO\s+TABLE\b\s*{_TARGET}",
    _FLAGS,
)
"""Those that a dump has none of, at any time, but for the INSERTs that are read as rows."""
_TAKES_ROWS = re.compile(
    r"DELETE\b(.*?)(?:(?<!`)\b(?:WHERE|ORDER|LIMIT|RETURNING)\b(?!`)|$)|TRUNCATE\b(.*)"
    r"|DROP\s+(?:TEMPORARY\s+)?TABLES?\b(.*)|RENAME\s+TABLES?\b(.*)"
    rf"|CREATE\s+(?:OR\s+REPLACE\s+)?(?:TEMPORARY\s+)?TABLE\b\s*(?:IF\s+NOT\s+EXISTS\b\s*)?{_TARGET}",
    _FLAGS,
)
_TAKES_DATABASE = re.compile(
    r"(?:DROP\s+(?:DATABASE|SCHEMA)\b(?:\s*IF\s+EXISTS\b)?"
    rf"|CREATE\s+OR\s+REPLACE\s+(?:DATABASE|SCHEMA)\b)\s*({_NAME})",
    _FLAGS,
)
_ALTER = re.compile(rf"ALTER\s+TABLE\b\s*(?:IF\s+EXISTS\b\s*)?{_TARGET}(.*)", _FLAGS)
_EXCHANGE = re.compile(rf"\bWITH\s+TABLE\b\s*{_TARGET}", _FLAGS)
_OF_DUMPS = re.compile(
    r"\s*(?:(?:ENABLE|DISABLE)\s+KEYS|AUTO_INCREMENT\s*=?\s*\d+|MODIFY\b.*\bAUTO_INCREMENT\b.*"
    r"|ADD\s+(?:CONSTRAINT|PRIMARY|UNIQUE|FULLTEXT|SPATIAL|KEY|INDEX|FOREIGN|CHECK)\b.*)\s*",
    _FLAGS,
)
"""What they ALTER after the rows: keys, and the next id."""
_KEEPS_ROWS = re.compile(
    r"(?:SET|SELECT|SHOW|USE|LOCK|UNLOCK|CHECK|CHECKSUM|OPTIMIZE|FLUSH|GRANT|REVOKE|CREATE)\b"
    r"(?!\s*STATEMENT\b)|ANALYZE\s+(?:(?:NO_WRITE_TO_BINLOG|LOCAL)\s+)?TABLE\b|RENAME\s+USER\b|ALTER\s+(?!(?:\w+\s+)*?TABLE\b)|DROP\s+(?!INDEX\b)",
    _FLAGS,
)
"""Others that may name a table, or have a word such as USER. MariaDB's SET STATEMENT and ANALYZE
execute the statement in them."""
_EXECUTES = re.compile(r"(CALL|EXECUTE|PREPARE|SOURCE|CONNECT|DELIMITER)\b|(\\.)", _FLAGS)
_EXECUTES_WITHIN = re.compile(r"(?<![\w$@`.])(CALL|EXECUTE|PREPARE)\b(?!`)|(\\.)", _FLAGS)
"""Backslashes begin commands of the program mysql, as do the last three words. DELIMITER is read
where it begins a line."""
_USE = re.compile(rf"USE\b\s*({_NAME})\s*$", re.IGNORECASE)


class Mention(NamedTuple):
    database: str | None
    """None: the one of the last USE."""
    table: str | None
    """None: all of the database."""
    is_early: bool
    """Whether the change matters also before the table has rows."""


def used(statement: str) -> str | None:
    """The database of a USE."""
    match = _USE.match(statement)
    return _plain(match[1]) if match else None


def executes(statement: str) -> str | None:
    """The word, in upper case, by which a statement executes others that are not in it."""
    match = _EXECUTES.match(statement)
    if not match and not any(
        each.match(statement)
        for each in (_TAKES_DATABASE, _ADDS_ROWS, _TAKES_ROWS, _ALTER, _KEEPS_ROWS)
    ):
        match = _EXECUTES_WITHIN.search(statement)
    return match[match.lastindex or 0].upper() if match else None


def changed(statement: str) -> Iterator[Mention]:
    """What a statement may change the rows of. A name that may be one of a table or of a database
    is both."""
    if match := _TAKES_DATABASE.match(statement):
        yield Mention(_plain(match[1]), None, is_early=False)
    elif match := _ADDS_ROWS.match(statement):
        yield from _mentions(_found(match), is_early=True)
    elif match := _TAKES_ROWS.match(statement):
        yield from _mentions(_found(match))
    elif match := _ALTER.match(statement):
        if not _is_of_dumps(match[2]):
            yield from _mentions(match[1])
        for exchanged in _EXCHANGE.finditer(match[2]):
            yield from _mentions(exchanged[1])
    elif not _KEEPS_ROWS.match(statement):
        yield from _mentions(statement)


def _found(match: re.Match[str]) -> str:
    return next((each for each in match.groups() if each is not None), "")


def _mentions(text: str, *, is_early: bool = False) -> Iterator[Mention]:
    for match in _NAMES.finditer(_ALIAS.sub(" ", text)):
        first = _plain(match[1])
        yield Mention(None, first, is_early)
        if match[2]:
            yield Mention(first, _plain(match[2]), is_early)


def _plain(name: str) -> str:
    return name[1:-1].replace("``", "`") if name.startswith("`") else name


def _is_of_dumps(actions: str) -> bool:
    """Whether each of the actions of an ALTER TABLE is one that dump programs write."""
    actions, found = re.sub(r"`(?:[^`]|``)+`", " x ", actions), 1
    while found:
        actions, found = re.subn(r"\([^()]*\)", " ", actions)
    return all(_OF_DUMPS.fullmatch(each) for each in actions.split(","))
