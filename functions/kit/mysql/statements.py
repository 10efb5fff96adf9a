"""Parses the parts that INSERT, UPDATE and DELETE share: a table, assignments, RETURNING.

Used by `translate.py` and `inserts.py`.
"""

from collections.abc import Sequence
from typing import NamedTuple

from functions.kit.mysql.errors import Unsupported
from functions.kit.mysql.expressions import translate_expression
from functions.kit.mysql.plans import Clause
from functions.kit.mysql.tokens import Token, count_params, quote, split_commas, template, write


class TableName(NamedTuple):
    text: str
    """Quoted, for MySQL's text, with its database if one was given."""
    name: str
    end: int
    """The index after it."""


def parse_table(tokens: Sequence[Token], start: int) -> TableName:
    if start >= len(tokens) or not tokens[start].is_identifier:
        raise Unsupported("a statement without a table")
    if start + 2 < len(tokens) and tokens[start + 1].is_op("."):
        schema, name = tokens[start].text, tokens[start + 2].text
        return TableName(f"{quote(schema)}.{quote(name)}", name, start + 3)
    name = tokens[start].text
    return TableName(quote(name), name, start + 1)


def as_clause(tokens: Sequence[Token]) -> Clause:
    """A clause with a space before it."""
    return Clause(f" {write(translate_expression(tokens))}", count_params(tokens))


def returning_clause(tokens: Sequence[Token]) -> Clause:
    if not tokens:
        raise Unsupported("RETURNING of nothing")
    return Clause(write(translate_expression(tokens)), count_params(tokens))


class Assignment(NamedTuple):
    """`column = value` of a SET; the value in SQLite's tokens."""

    column: str
    value: list[Token]

    def written(self) -> str:
        return f"{template(quote(self.column))} = {write(translate_expression(self.value))}"


def parse_assignments(tokens: Sequence[Token]) -> list[Assignment]:
    """The assignments of a SET.

    MySQL assigns from left to right, and a later value uses what an earlier one assigned; SQLite
    reads every value first. A statement for which this makes a difference is refused.
    """
    assignments: list[Assignment] = []
    assigned: set[str] = set()
    for part in split_commas(tokens):
        if len(part) < 3 or not part[0].is_identifier or not part[1].is_op("="):
            raise Unsupported("an assignment that is not `column = value`")
        assignment = Assignment(part[0].text, part[2:])
        for column in _columns(assignment.value):
            if column in assigned:
                raise Unsupported(
                    f"SET reads {column}, which an earlier assignment changes"
                    " (MySQL would read the new value)"
                )
        assigned.add(assignment.column.lower())
        assignments.append(assignment)
    return assignments


def _columns(value: Sequence[Token]) -> list[str]:
    """Names that may be columns of the row. Columns of EXCLUDED belong to another row."""
    return [
        token.text.lower()
        for index, token in enumerate(value)
        if token.is_identifier
        and not (
            index > 1
            and value[index - 1].is_op(".")
            and value[index - 2].text.lower() == "excluded"
        )
    ]
