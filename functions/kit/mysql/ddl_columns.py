"""Translates a column of CREATE TABLE from SQLite's dialect to MySQL's. `ddl.py` calls it.

Piccolo prints INTEGER for each of its integer types, and an INTEGER of SQLite holds 64 bits, so all
of them become BIGINT. Therefore a foreign key has the type of the key that it refers to.
"""

import re
from collections.abc import Sequence
from datetime import date, datetime, time
from typing import NamedTuple
from uuid import UUID

from functions.kit.mysql.errors import Unsupported
from functions.kit.mysql.expressions import translate_expression
from functions.kit.mysql.literals import literal
from functions.kit.mysql.moments import offsets
from functions.kit.mysql.statements import TableName, parse_table
from functions.kit.mysql.tokens import Token, closing, quote, split_commas, write

_INTEGERS = ("INTEGER", "INT", "BIGINT", "SMALLINT", "SERIAL", "BIGSERIAL")
_TYPES = {
    **dict.fromkeys(_INTEGERS, "BIGINT"),
    "BOOLEAN": "TINYINT(1)",
    "TEXT": "LONGTEXT",
    "JSON": "LONGTEXT",
    "JSONB": "LONGTEXT",
    "UUID": "BINARY(16)",
    "TIMESTAMP": "DATETIME(6)",
    "TIMESTAMPTZ": "DATETIME(6)",
    "DATETIME": "DATETIME(6)",
    "DATE": "DATE",
    "TIME": "TIME(6)",
    "SECONDS": "DECIMAL(20,6)",
    "REAL": "DOUBLE",
    "FLOAT": "DOUBLE",
    "DOUBLE": "DOUBLE",
    "DOUBLE PRECISION": "DOUBLE",
    "BLOB": "LONGBLOB",
    "BYTEA": "LONGBLOB",
}
"""MySQL's types for the types that Piccolo prints, except those with digits or a length."""

_ANY_NUMERIC = "DECIMAL(65,30)"
"""NUMERIC without digits: the largest type of MySQL."""

NO_COLUMN = ""
"""The type of a missing column; the server then reports that it is missing."""

_LONG = ("LONGTEXT", "LONGBLOB", "TEXT", "BLOB")
_ENDS = ("PRIMARY", "UNIQUE", "NOT", "NULL", "DEFAULT", "REFERENCES", "CHECK", "COLLATE")
_ACTIONS = ("CASCADE", "RESTRICT", "NO ACTION", "SET NULL")
_NULL_DEFAULT = "DEFAULT NULL"


class References(NamedTuple):
    """The part after FOREIGN KEY in MySQL's table-level constraint."""

    table: TableName
    columns: tuple[str, ...]
    """Empty for the primary key."""
    actions: str

    def text(self, columns: Sequence[str]) -> str:
        names = ", ".join(map(quote, columns))
        return f"REFERENCES {self.table.text} ({names}){self.actions}"


class ColumnDefinition(NamedTuple):
    name: str
    declared: str
    """Its type in SQLite's dialect."""
    text: str
    """MySQL's definition, without the table-level constraints."""
    unique: bool
    references: References | None


def parse_column(tokens: Sequence[Token]) -> ColumnDefinition:
    """Parse `"name" TYPE constraints`. Raises `Unsupported`, which names the construct."""
    if len(tokens) < 2 or not tokens[0].is_identifier:
        raise Unsupported("a column without a type")
    declared, kind, place = _type(tokens)
    column = _Column(tokens[0].text, declared, kind)
    while place < len(tokens):
        place = column.read(tokens, place)
    return column.definition()


class _Column:
    """The parser of a column's constraints, with what it has read so far."""

    def __init__(self, name: str, declared: str, kind: str) -> None:
        self._name = name
        self._declared = declared
        self._kind = kind
        self._null = True
        self._primary = False
        self._unique = False
        self._default: Sequence[Token] | None = None
        self._checks: list[str] = []
        self._references: References | None = None

    def read(self, tokens: Sequence[Token], place: int) -> int:
        """Read the constraint at `place`. Returns the index after it."""
        token = tokens[place]
        word = token.text.upper() if token.kind == "word" else ""
        after = tokens[place + 1] if place + 1 < len(tokens) else Token("op", "")
        match word:
            case "PRIMARY" if after.is_word("KEY"):
                self._primary = True
                return place + 2
            case "NOT" if after.is_word("NULL"):
                self._null = False
                return place + 2
            case "UNIQUE":
                self._unique = True
                return place + 1
            case "NULL" | "AUTOINCREMENT":
                return place + 1
            case "DEFAULT":
                end = _end_of_default(tokens, place + 1)
                self._default = tokens[place + 1 : end]
                return end
            case "REFERENCES":
                self._references, end = parse_references(tokens, place)
                return end
            case "CHECK" if after.is_op("("):
                end = closing(tokens, place + 1)
                condition = write(translate_expression(tokens[place + 2 : end]))
                self._checks.append(f"CHECK ({condition.replace('%%', '%')})")
                return end + 1
        raise Unsupported(f"{token.text!r} in the definition of a column")

    def definition(self) -> ColumnDefinition:
        if self._kind in _LONG and (self._primary or self._unique):
            what = "a primary key" if self._primary else "unique"
            raise Unsupported(
                f"a {self._declared} that is {what} (use Varchar, which has a length)"
            )
        parts = [quote(self._name), self._kind]
        if not self._null or self._primary:
            parts.append("NOT NULL")
        if self._is_numbered():
            parts.append("AUTO_INCREMENT")
        elif self._default is not None:
            clause = default_clause(self._default, self._declared)
            if clause and not (clause == _NULL_DEFAULT and "NOT NULL" in parts):
                parts.append(clause)
        if self._primary:
            parts.append("PRIMARY KEY")
        parts += self._checks
        if self._declared in ("JSON", "JSONB"):
            parts.append(f"CHECK (JSON_VALID({quote(self._name)}))")
        return ColumnDefinition(
            self._name, self._declared, " ".join(parts), self._unique, self._references
        )

    def _is_numbered(self) -> bool:
        """Whether it is AUTO_INCREMENT, as an INTEGER key is on SQLite: Piccolo prints Serial
        so."""
        if self._declared in ("SERIAL", "BIGSERIAL"):
            return True
        return self._primary and self._declared in _INTEGERS and self._default is None


def _type(tokens: Sequence[Token]) -> tuple[str, str, int]:
    """The declared type in upper case, MySQL's name for it, and the index after it."""
    place = 1
    while (
        place < len(tokens) and tokens[place].kind == "word" and not tokens[place].is_word(*_ENDS)
    ):
        place += 1
    declared = " ".join(token.text.upper() for token in tokens[1:place])
    digits = ""
    if place < len(tokens) and tokens[place].is_op("("):
        end = closing(tokens, place)
        digits = "".join(token.text for token in tokens[place + 1 : end])
        place = end + 1
        if not re.fullmatch(r"\d+(,\d+)?", digits):
            raise Unsupported(f"{declared} with {digits!r}")
    if declared.startswith("ARRAY") or declared.endswith("[]"):
        raise Unsupported("an Array column (MySQL has no arrays; use JSON, or a table)")
    if declared in ("VARCHAR", "CHAR"):
        # CHAR would lose trailing spaces. A VARCHAR without a length has the length of a TEXT.
        return declared, f"VARCHAR({digits})" if digits else "LONGTEXT", place
    if declared in ("NUMERIC", "DECIMAL"):
        return declared, f"DECIMAL({digits})" if digits else _ANY_NUMERIC, place
    if declared not in _TYPES:
        raise Unsupported(f"a column of the type {declared or 'that is missing'}")
    return declared, _TYPES[declared], place


def _end_of_default(tokens: Sequence[Token], start: int) -> int:
    if start >= len(tokens):
        raise Unsupported("DEFAULT of nothing")
    if tokens[start].is_op("("):
        return closing(tokens, start) + 1
    return start + 2 if tokens[start].is_op("-", "+") else start + 1


def default_clause(tokens: Sequence[Token], kind: str) -> str:
    """`DEFAULT ...` for a column of a type of either dialect; empty if there is none."""
    kind = kind.upper()
    while len(tokens) > 1 and tokens[0].is_op("(") and closing(tokens, 0) == len(tokens) - 1:
        tokens = tokens[1:-1]
    value = _default(tokens, kind)
    if value is None:
        return ""
    # MySQL requires parentheses around an expression, and around any default of a TEXT.
    if value.endswith(")") or kind in ("TEXT", "JSON", "JSONB", "BLOB", "BYTEA", *_LONG):
        value = f"({value})"
    return _NULL_DEFAULT if value in ("NULL", "(NULL)") else f"DEFAULT {value}"


def _default(tokens: Sequence[Token], kind: str) -> str | None:
    first = tokens[0]
    word = first.text.upper() if first.kind == "word" else ""
    if word == "NONE":  # Piccolo prints it for a key that Piccolo generates
        return None
    if word in ("NULL", "TRUE", "FALSE") and len(tokens) == 1:
        return word
    if word == "CURRENT_TIMESTAMP" and len(tokens) == 1:
        return "CURRENT_TIMESTAMP(6)" if kind != "DATE" else "(CURRENT_DATE)"
    if word == "CURRENT_DATE" and len(tokens) == 1:
        return "(CURRENT_DATE)"
    if word == "CURRENT_TIME" and len(tokens) == 1:
        return "(CURRENT_TIME(6))"
    if word in ("DATETIME", "TIME") and len(tokens) > 1:
        return _offset(tokens)
    if first.kind == "string" and len(tokens) == 1:
        return _text_default(first.text[1:-1].replace("''", "'"), kind)
    if all(token.kind == "number" or token.is_op("-", "+") for token in tokens):
        return "".join(token.text for token in tokens)
    if tokens[-1].is_word("INF", "INFINITY"):
        raise Unsupported(_INFINITE)
    raise Unsupported(_NO_VALUE)


_INFINITE = "a DEFAULT of infinity (no number of MySQL is infinite)"
_NO_VALUE = "a DEFAULT that is neither a value nor the current moment"


def _text_default(text: str, kind: str) -> str:
    """Convert a default that SQLite's dialect writes as text to a value of the column's type."""
    try:
        if kind in ("TIMESTAMP", "TIMESTAMPTZ", "DATETIME"):
            return literal(datetime.fromisoformat(text))
        if kind == "DATE":
            return literal(date.fromisoformat(text))
        if kind == "TIME":
            return literal(time.fromisoformat(text))
        if kind in ("UUID", "BINARY"):
            return literal(UUID(text))
        if kind in ("BLOB", "BYTEA", "LONGBLOB"):
            return literal(bytes.fromhex(text))
    except ValueError:
        raise Unsupported(f"a DEFAULT for {kind} that is no such value") from None
    if "infinity" in text.lower() and kind in ("NUMERIC", "DECIMAL", "REAL", "DOUBLE PRECISION"):
        raise Unsupported(_INFINITE)
    return literal(text)


def _offset(tokens: Sequence[Token]) -> str:
    """`datetime(CURRENT_TIMESTAMP, '+1 days', '-2 hours')`, which Piccolo prints for an offset."""
    if not tokens[1].is_op("(") or closing(tokens, 1) != len(tokens) - 1:
        raise Unsupported(_NO_VALUE)
    (moment, *steps) = split_commas(tokens[2:-1])
    if len(moment) != 1 or not moment[0].is_word("CURRENT_TIMESTAMP", "CURRENT_TIME"):
        raise Unsupported("a DEFAULT that is calculated from something else than the moment")
    return f"({moment[0].text.upper()}(6){offsets(steps)})"


def parse_references(tokens: Sequence[Token], start: int) -> tuple[References, int]:
    """`REFERENCES table (column) ON DELETE ... ON UPDATE ...`, and the index after it."""
    if start >= len(tokens) or not tokens[start].is_word("REFERENCES"):
        raise Unsupported("FOREIGN KEY without REFERENCES")
    table = parse_table(tokens, start + 1)
    place = table.end
    columns: tuple[str, ...] = ()
    if place < len(tokens) and tokens[place].is_op("("):
        end = closing(tokens, place)
        columns = tuple(part[0].text for part in split_commas(tokens[place + 1 : end]))
        place = end + 1
    actions = ""
    while place + 2 < len(tokens) and tokens[place].is_word("ON"):
        event = tokens[place + 1].text.upper()
        words = [token.text.upper() for token in tokens[place + 2 : place + 4]]
        action = words[0] if words[0] in _ACTIONS else " ".join(words)
        if event not in ("DELETE", "UPDATE") or action not in _ACTIONS:
            raise Unsupported(f"ON {event} {action} (InnoDB knows {', '.join(_ACTIONS)})")
        actions += f" ON {event} {action}"
        place += 2 + len(action.split())
    return References(table, columns, actions), place
