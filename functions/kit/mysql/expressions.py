"""What is the same on MySQL, what is called otherwise there, and what is refused.

The words of SQL that both databases read alike are listed; any other bare word is a name and
gets backticks, so that a column may be called `rank` or `groups`, which MySQL reserves.
Functions are listed too: one that is missing here is refused, since a function of the same name
may do something else (`LENGTH` counts bytes on MySQL). `translate.py` takes statements apart and
comes here for what is inside.
"""

from collections.abc import Sequence

from functions.kit.mysql.errors import Unsupported
from functions.kit.mysql.tokens import Token, closing, find_word


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SYNTAX = _words(
    """
    SELECT DISTINCT ALL FROM AS WHERE AND OR NOT IN IS NULL TRUE FALSE LIKE ESCAPE BETWEEN EXISTS
    CASE WHEN THEN ELSE END JOIN INNER LEFT RIGHT OUTER CROSS NATURAL ON USING GROUP BY HAVING
    ORDER ASC DESC LIMIT OFFSET UNION WITH RECURSIVE OVER PARTITION ROWS RANGE UNBOUNDED
    PRECEDING FOLLOWING ROW CURRENT_TIMESTAMP CURRENT_DATE CURRENT_TIME
    """
)

_BEFORE_PARENTHESIS = _words(
    """
    DISTINCT FROM AS WHERE AND OR NOT IN IS LIKE ESCAPE BETWEEN EXISTS CASE WHEN THEN ELSE JOIN
    ON USING BY HAVING LIMIT OFFSET SELECT VALUES OVER
    """
)

_FUNCTIONS = {
    name: name
    for name in _words(
        """
        ABS AVG CEIL CEILING COALESCE COUNT DATABASE DENSE_RANK EXP FIRST_VALUE FLOOR IFNULL INSTR
        LAG LAST_VALUE LEAD LN LOWER LTRIM MAX MIN MOD NTILE NULLIF POW POWER RANK REPLACE ROUND
        ROW_NUMBER RTRIM SIGN SQRT SUBSTR SUBSTRING SUM TRIM UPPER
        """
    )
} | {"LENGTH": "CHAR_LENGTH"}

_REFUSED = {
    "COLLATE": "COLLATE (SQLite's collations do not exist on MySQL)",
    "CONFLICT": "ON CONFLICT here",
    "EXCEPT": "EXCEPT",
    "GLOB": "GLOB",
    "ILIKE": "ILIKE",
    "INDEXED": "INDEXED BY",
    "INTERSECT": "INTERSECT",
    "ISNULL": "ISNULL (write IS NULL)",
    "MATCH": "MATCH as an operator (MySQL has MATCH (...) AGAINST (... IN BOOLEAN MODE))",
    "NOTNULL": "NOTNULL (write IS NOT NULL)",
    "NULLS": "NULLS FIRST or NULLS LAST",
    "REGEXP": "REGEXP",
    "RETURNING": "RETURNING here",
    "ROWID": "rowid",
    "VALUES": "VALUES as a table",
}
_TABLES_OF_SQLITE = ("sqlite_master", "sqlite_schema", "sqlite_sequence")

_SEARCHES = ("IN BOOLEAN MODE", "IN NATURAL LANGUAGE MODE")

_CAST_TYPES = {
    "TEXT": "CHAR",
    "CHAR": "CHAR",
    "VARCHAR": "CHAR",
    "INTEGER": "SIGNED",
    "INT": "SIGNED",
    "BIGINT": "SIGNED",
    "SMALLINT": "SIGNED",
    "REAL": "DOUBLE",
    "DOUBLE": "DOUBLE",
    "BLOB": "BINARY",
    "DATE": "DATE",
}


def translate_expression(tokens: Sequence[Token]) -> list[Token]:
    """The same tokens with MySQL's words for them. Raises `Unsupported` naming what has none."""
    out: list[Token] = []
    index = 0
    while index < len(tokens):
        token = tokens[index]
        if token.kind == "word":
            index = _word(tokens, index, out)
        else:
            if token.kind == "op":
                token = _operator(token)
            elif token.kind == "name":
                _check_name(token.text)
            elif token.kind == "string":
                _check_string(tokens, index)
            out.append(token)
            index += 1
    return out


def _operator(token: Token) -> Token:
    if token.text == "==":
        return token._replace(text="=")
    if token.text == ";":
        raise Unsupported("more than one statement")
    return token


def _check_name(name: str) -> None:
    if name.endswith(" [M2M]"):
        raise Unsupported("a select across a many-to-many relation")
    if name.lower() in _TABLES_OF_SQLITE:
        raise Unsupported(name.lower())


def _check_string(tokens: Sequence[Token], index: int) -> None:
    """Two literals side by side are one string to MySQL, a value and its name to SQLite."""
    if index and tokens[index - 1].kind in ("string", "blob", "param"):
        raise Unsupported("a string literal as a name (write AS and a quoted name)")
    if index and tokens[index - 1].is_identifier and tokens[index - 1].text.startswith("_"):
        raise Unsupported("a string literal as a name (write AS and a quoted name)")


def _word(tokens: Sequence[Token], index: int, out: list[Token]) -> int:
    """Translate the word at `index` and what belongs to it; answers where to go on."""
    token = tokens[index]
    word = token.text.upper()
    following = tokens[index + 1] if index + 1 < len(tokens) else None
    after_dot = index > 0 and tokens[index - 1].is_op(".")
    if not after_dot and not (following is not None and following.is_op(".")):
        if following is not None and following.is_op("(") and word not in _BEFORE_PARENTHESIS:
            return _call(tokens, index, out)
        if word == "IS":
            return _is(tokens, index, out)
        if word in _REFUSED:
            raise Unsupported(_REFUSED[word])
        if word == "FULL" and following is not None and following.is_word("OUTER", "JOIN"):
            raise Unsupported("FULL OUTER JOIN")
        if word == "FOR" and following is not None and following.is_word("UPDATE", "SHARE"):
            raise Unsupported("FOR UPDATE in the text (use engine.locked)")
        if word in _SYNTAX:
            out.append(token)
            return index + 1
    _check_name(token.text)
    out.append(Token("name", token.text, token.spaced))
    return index + 1


def _call(tokens: Sequence[Token], index: int, out: list[Token]) -> int:
    token = tokens[index]
    name = token.text.upper()
    end = closing(tokens, index + 1)
    if name == "CAST":
        return _cast(tokens, index, end, out)
    if name == "MATCH":
        return _match(tokens, index, end, out)
    after = tokens[end + 1] if end + 1 < len(tokens) else None
    if after is not None and after.is_word("AS") and _opens_cte(tokens, index):
        out.append(Token("name", token.text, token.spaced))
        return index + 1
    if name not in _FUNCTIONS:
        raise Unsupported(f"the function {name.lower()}()")
    if after is not None and after.is_word("FILTER"):
        raise Unsupported("FILTER after an aggregate (write SUM(CASE WHEN ... THEN 1 ELSE 0 END))")
    # MySQL takes a name for a function only where the parenthesis follows at once.
    out.append(Token("word", _FUNCTIONS[name], token.spaced))
    out.append(tokens[index + 1]._replace(spaced=False))
    return index + 2


def _opens_cte(tokens: Sequence[Token], index: int) -> bool:
    """Whether `x (a, b) AS (...)` at this place names the columns of a WITH."""
    return (
        index > 0
        and tokens[0].is_word("WITH")
        and (tokens[index - 1].is_word("WITH", "RECURSIVE") or tokens[index - 1].is_op(","))
    )


def _is(tokens: Sequence[Token], index: int, out: list[Token]) -> int:
    """IS compares any two values on SQLite; on MySQL it takes NULL, TRUE and FALSE only."""
    token = tokens[index]
    place = index + 1
    negated = place < len(tokens) and tokens[place].is_word("NOT")
    if negated:
        place += 1
    if place < len(tokens) and tokens[place].is_word("NULL", "TRUE", "FALSE"):
        out.extend(tokens[index : place + 1])
        return place + 1
    if negated:
        raise Unsupported("IS NOT between two values (write NOT (a IS b))")
    if place < len(tokens) and tokens[place].is_word("DISTINCT"):
        raise Unsupported("IS DISTINCT FROM (write NOT (a IS b))")
    out.append(Token("op", "<=>", token.spaced))
    return index + 1


def _cast(tokens: Sequence[Token], index: int, end: int, out: list[Token]) -> int:
    inner = tokens[index + 2 : end]
    place = find_word(inner, "AS")
    if place is None or place + 1 >= len(inner):
        raise Unsupported("CAST without AS")
    kind = inner[place + 1].text.upper()
    rest = list(inner[place + 2 :])
    if kind in ("NUMERIC", "DECIMAL"):
        if not rest:
            raise Unsupported("CAST AS NUMERIC without digits (it would drop the fraction)")
        name = "DECIMAL"
    elif kind in _CAST_TYPES:
        name = _CAST_TYPES[kind]
        if rest and name not in ("CHAR", "BINARY"):
            raise Unsupported(f"CAST AS {kind} with a length")
    else:
        raise Unsupported(f"CAST AS {kind}")
    out.append(Token("word", "CAST", tokens[index].spaced))
    out.append(Token("op", "(", spaced=False))
    out.extend(translate_expression(inner[:place]))
    out.append(inner[place])
    out.append(Token("word", name))
    out.extend(rest)
    out.append(tokens[end])
    return end + 1


def _match(tokens: Sequence[Token], index: int, end: int, out: list[Token]) -> int:
    """A search in a FULLTEXT index: MySQL's own, so it is written for this database only."""
    if end + 2 >= len(tokens) or not tokens[end + 1].is_word("AGAINST"):
        raise Unsupported(_REFUSED["MATCH"])
    last = closing(tokens, end + 2)
    asked = tokens[end + 3 : last]
    place = find_word(asked, "IN", "WITH")
    mode = asked[place:] if place is not None else []
    if mode and " ".join(token.text.upper() for token in mode) not in _SEARCHES:
        raise Unsupported("this mode of AGAINST")
    out.append(tokens[index])
    out.extend(translate_expression(tokens[index + 1 : end + 1]))
    out.append(tokens[end + 1])
    out.append(tokens[end + 2])
    out.extend(translate_expression(asked[:place]))
    out.extend(mode)
    out.append(tokens[last])
    return last + 1
