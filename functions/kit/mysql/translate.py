"""Translates a statement in SQLite's dialect to a plan for MySQL, or raises `Unsupported`.

Statements are printed by Piccolo or written by hand. Their texts contain no values, so there are
few different ones, and each is translated once. `inserts.py` parses inserts, `expressions.py`
translates the contents of clauses; next file: `plans.py`.
"""
# ruff: noqa: S608 - writing SQL is what this is for; values are literals by now

import re
from collections.abc import Sequence
from functools import lru_cache

from functions.kit.mysql.errors import Unsupported
from functions.kit.mysql.expressions import translate_expression
from functions.kit.mysql.inserts import plan_insert
from functions.kit.mysql.literals import literal
from functions.kit.mysql.plans import (
    Clause,
    ConvertedPlan,
    LockingPlan,
    Plan,
    RewritePlan,
    TextPlan,
)
from functions.kit.mysql.statements import (
    Assignment,
    as_clause,
    parse_assignments,
    parse_table,
    returning_clause,
)
from functions.kit.mysql.tokens import (
    Token,
    closing,
    count_params,
    find_word,
    quote,
    split_commas,
    template,
    tokenize,
    write,
)

CACHED_STATEMENTS = 1024


_MANY_ROWS = re.compile(r" VALUES (\([^()'\"`]*\))((?:, ?\1){15,})")
"""Many equal rows of placeholders, as Piccolo prints an insert of many objects."""


def translate(sql: str) -> Plan:
    """The plan for a text. Raises `Unsupported`, which names the construct."""
    if len(sql) > _LONG and sql.startswith("INSERT"):
        many = _MANY_ROWS.search(sql)
        if many is not None and not _is_inside(sql[: many.start()]):
            row, more = many[1], many[2]
            separator = len(more) - len(more.lstrip(", "))
            count = 1 + len(more) // (len(row) + separator)
            return _translate_many(sql[: many.end(1)] + sql[many.end() :], count)
    return _translate(sql)


_LONG = 500


def _is_inside(before: str) -> bool:
    """Whether the text after `before` may be inside a string, a name or a comment."""
    return (
        "'" in before
        or "--" in before
        or "/*" in before
        or before.count('"') % 2 == 1
        or before.count("`") % 2 == 1
    )


@lru_cache(maxsize=64)
def _translate_many(sql: str, count: int) -> Plan:
    """The plan for `count` equal rows, from the text with one row, which is faster to translate."""
    tokens = tokenize(sql)
    while tokens and tokens[-1].is_op(";"):
        tokens.pop()
    return plan_insert(tokens, count)


@lru_cache(maxsize=CACHED_STATEMENTS)
def _translate(sql: str) -> Plan:
    tokens = tokenize(sql)
    while tokens and tokens[-1].is_op(";"):
        tokens.pop()
    if not tokens:
        raise Unsupported("an empty statement")
    if any(token.kind == "arrow" or token.is_word("ILIKE") for token in tokens):
        # Imported late: few programs need it, and a start is faster without it.
        from functions.kit.mysql.conversions import convert  # noqa: PLC0415

        tokens, conversions = convert(tokens)
        return ConvertedPlan(_plan(tokens), conversions)
    return _plan(tokens)


def _plan(tokens: Sequence[Token]) -> Plan:
    first = tokens[0].text.upper() if tokens[0].kind == "word" else ""
    if first == "SELECT":
        return _select(tokens)
    if first == "WITH":
        return _with(tokens)
    if first == "INSERT":
        return plan_insert(tokens)
    if first == "UPDATE":
        return _update(tokens)
    if first == "DELETE":
        return _delete(tokens)
    if first in ("CREATE", "ALTER", "DROP"):
        from functions.kit.mysql.ddl import plan_ddl  # noqa: PLC0415 - once in a program's life

        return plan_ddl(tokens)
    if first == "PRAGMA" and len(tokens) == 5 and tokens[1].is_word("INDEX_LIST"):
        return _indexes(tokens[3].text)
    if first in ("BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE"):
        raise Unsupported(f"{first} in the text (use engine.transaction)")
    raise Unsupported(f"a statement that begins with {tokens[0].text!r}")


def _select(tokens: Sequence[Token]) -> Plan:
    if len(tokens) == 14 and " ".join([token.text for token in tokens]).lower() == _TABLE_EXISTS:
        return TextPlan(
            "SELECT EXISTS(SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()"
            " AND TABLE_NAME = %s) AS `exists`",
            1,
            selects=True,
        )
    locks_at = find_word(tokens, "FOR")
    if locks_at is not None and tokens[locks_at - 1].is_op("."):
        locks_at = None
    text = write(translate_expression(tokens[:locks_at]))
    select = TextPlan(text, count_params(tokens), selects=True)
    return select if locks_at is None else locking(select, tokens[locks_at + 1 :])


_TABLE_EXISTS = "select exists ( select * from sqlite_master where name = ? ) as 'exists'"
"""The text that Piccolo prints for `table_exists()`."""


def _indexes(table: str) -> TextPlan:
    """The names of a table's indexes, without the primary key's, which SQLite does not list."""
    return TextPlan(
        "SELECT DISTINCT INDEX_NAME AS name FROM information_schema.STATISTICS WHERE TABLE_SCHEMA ="
        f" DATABASE() AND TABLE_NAME = {template(literal(table))} AND INDEX_NAME <> 'PRIMARY'"
        " ORDER BY name",
        0,
        selects=True,
    )


def locking(select: TextPlan, tokens: Sequence[Token]) -> LockingPlan:
    """The plan of a select with FOR UPDATE or FOR SHARE. Raises `Unsupported` for other locks."""
    words = [token.text.upper() for token in tokens]
    strength = words[0] if words else ""
    if strength not in ("UPDATE", "SHARE"):
        raise Unsupported(f"FOR {' '.join(words[:3])} (MySQL locks FOR UPDATE and FOR SHARE)")
    place = 1
    tables = ""
    if words[1:2] == ["OF"]:
        ends = [index for index in range(2, len(words)) if words[index] in ("NOWAIT", "SKIP")]
        place = ends[0] if ends else len(words)
        names = [part[-1] for part in split_commas(tokens[2:place]) if part]
        tables = " OF " + ", ".join(template(quote(name.text)) for name in names)
    wait = " ".join(["", *words[place:]])
    if wait not in ("", " NOWAIT", " SKIP LOCKED"):
        raise Unsupported(f"FOR {strength} ...{wait}")
    shared = " LOCK IN SHARE MODE" if strength == "SHARE" else " FOR UPDATE"
    return LockingPlan(
        select,
        mysql=f" FOR {strength}{tables}{wait}",
        mariadb=None if tables else f"{shared}{wait}",
        construct=f"FOR {strength} OF some of the tables",
    )


def _with(tokens: Sequence[Token]) -> Plan:
    main = find_word(tokens, "SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE")
    if main is None or not tokens[main].is_word("SELECT"):
        raise Unsupported("WITH before anything but SELECT")
    return _select(tokens)


def _update(tokens: Sequence[Token]) -> Plan:
    if len(tokens) > 1 and tokens[1].is_word("OR"):
        raise Unsupported("UPDATE OR ...")
    table = parse_table(tokens, 1)
    if table.end >= len(tokens) or not tokens[table.end].is_word("SET"):
        raise Unsupported("UPDATE with an alias or without SET")
    _refuse_order_and_limit(tokens, "UPDATE")
    if find_word(tokens, "FROM", start=table.end) is not None:
        raise Unsupported("UPDATE ... FROM")
    where_at = find_word(tokens, "WHERE", start=table.end)
    returning_at = find_word(tokens, "RETURNING", start=table.end)
    set_end = min(where_at or len(tokens), returning_at or len(tokens))
    assignments = parse_assignments(tokens[table.end + 1 : set_end])
    _refuse_own_rows(tokens[table.end : where_at], table.name)
    where = _where(tokens[where_at:returning_at], table.name) if where_at else Clause("", 0)
    if returning_at is None:
        text = f"UPDATE {template(table.text)} SET {_written(assignments)}{where.template}"
        return TextPlan(text, count_params(tokens))
    return RewritePlan(
        table.text,
        table.name,
        Clause(_written(assignments), count_params(tokens[:set_end])),
        tuple(assignment.column.lower() for assignment in assignments),
        where,
        returning_clause(tokens[returning_at + 1 :]),
    )


def _written(assignments: Sequence[Assignment]) -> str:
    return ", ".join(assignment.written() for assignment in assignments)


def _delete(tokens: Sequence[Token]) -> Plan:
    if len(tokens) < 3 or not tokens[1].is_word("FROM"):
        raise Unsupported("DELETE without FROM")
    table = parse_table(tokens, 2)
    if table.end < len(tokens) and not tokens[table.end].is_word("WHERE", "RETURNING"):
        _refuse_order_and_limit(tokens, "DELETE")
        raise Unsupported("DELETE with an alias or a second table")
    _refuse_order_and_limit(tokens, "DELETE")
    where_at = find_word(tokens, "WHERE")
    returning_at = find_word(tokens, "RETURNING")
    where = _where(tokens[where_at:returning_at], table.name) if where_at else Clause("", 0)
    if returning_at is None:
        return TextPlan(f"DELETE FROM {template(table.text)}{where.template}", where.placeholders)
    return RewritePlan(
        table.text, table.name, None, (), where, returning_clause(tokens[returning_at + 1 :])
    )


def _refuse_order_and_limit(tokens: Sequence[Token], statement: str) -> None:
    """SQLite supports them only if it was compiled with that option."""
    if find_word(tokens, "ORDER", "LIMIT") is not None:
        raise Unsupported(f"ORDER BY or LIMIT in {statement}")


def _where(tokens: Sequence[Token], table: str) -> Clause:
    """The condition of a write. A subquery on the written table becomes a derived table.

    MySQL refuses a subquery on the table that the statement writes (error 1093), but accepts a
    derived table that it materializes first, which LIMIT enforces. Piccolo prints such a subquery
    for a `where` across a foreign key.
    """
    if not _reads(tokens, table):
        return as_clause(tokens)
    text, rest, place = "", 0, 0
    while place < len(tokens):
        inner = _after_in(tokens, place)
        if not _reads(inner, table):
            place += 1
            continue
        _refuse_own_rows(tokens[rest : place + 1], table)
        bound = "" if find_word(inner, "LIMIT") else f" LIMIT {2**64 - 1}"
        text += f" {write(translate_expression(tokens[rest : place + 1]))} (SELECT * FROM"
        text += f" ({write(translate_expression(inner))}{bound}) AS `__rows`)"
        place = rest = place + 3 + len(inner)
    _refuse_own_rows(tokens[rest:], table)
    if rest < len(tokens):
        text += f" {write(translate_expression(tokens[rest:]))}"
    return Clause(text, count_params(tokens))


def _after_in(tokens: Sequence[Token], place: int) -> Sequence[Token]:
    """The subquery of an IN at this index; empty if there is none."""
    after = tokens[place + 1 : place + 3]
    if len(after) < 2 or not tokens[place].is_word("IN") or not after[0].is_op("("):
        return ()
    if not after[1].is_word("SELECT"):
        return ()
    return tokens[place + 2 : closing(tokens, place + 1)]


def _refuse_own_rows(tokens: Sequence[Token], table: str) -> None:
    if _reads(tokens, table):
        raise Unsupported("a subquery on the table that is written, elsewhere than after IN")


def _reads(tokens: Sequence[Token], table: str) -> bool:
    """Whether there is a subquery on this table."""
    if not any(token.is_word("SELECT") for token in tokens):
        return False
    for index, token in enumerate(tokens[1:], 1):
        if not token.is_identifier or token.text.lower() != table.lower():
            continue
        before = tokens[index - 1]
        if before.is_op(".") and index > 2:
            before = tokens[index - 3]
        after = tokens[index + 1] if index + 1 < len(tokens) else None
        listed = before.is_op(",") and not (after is not None and after.is_op("."))
        if before.is_word("FROM", "JOIN") or listed:
            return True
    return False
