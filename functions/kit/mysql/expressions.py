"""Translates expressions: words and functions that are the same, renamed, or refused on MySQL.

Keywords with the same meaning on both databases are listed. Any other bare word is a name and gets
backticks, so that a column may be called `rank` or `groups`, which MySQL reserves. Functions are
listed too: any other one is refused, because MySQL's function of the same name may differ (`LENGTH`
counts bytes). `translate.py` splits statements into clauses, whose contents are translated here.
"""

from collections.abc import Callable, Sequence

from functions.kit.mysql.errors import Unsupported
from functions.kit.mysql.tokens import Token, closing, find_word, split_commas, write


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SYNTAX = _words(
    """
    SELECT DISTINCT ALL FROM AS WHERE AND OR NOT IN IS NULL TRUE FALSE LIKE ESCAPE BETWEEN EXISTS
    CASE WHEN THEN ELSE END JOIN INNER LEFT RIGHT OUTER CROSS NATURAL ON USING GROUP BY HAVING
    ORDER ASC DESC LIMIT OFFSET UNION WITH RECURSIVE OVER PARTITION ROWS RANGE UNBOUNDED
    PRECEDING FOLLOWING CURRENT_TIMESTAMP CURRENT_DATE CURRENT_TIME
    """
)

_BEFORE_PARENTHESIS = _words(
    """
    DISTINCT FROM AS WHERE AND OR NOT IN IS LIKE ESCAPE BETWEEN EXISTS CASE WHEN THEN ELSE JOIN
    ON USING BY HAVING LIMIT OFFSET SELECT ALL VALUES OVER
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
    "ILIKE": "ILIKE with a pattern that is not a value",
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

_BITS = ("~", "<<", ">>", "&", "|")

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
    """The tokens translated to MySQL. Raises `Unsupported`, which names the construct."""
    out: list[Token] = []
    index = 0
    while index < len(tokens):
        token = tokens[index]
        if token.kind == "word":
            index = _word(tokens, index, out)
        else:
            if token.kind == "op":
                token = _operator(token)
                if token.text == "/":
                    _division(tokens, index)
            elif token.kind == "number" and _is_fraction(token) and "e" not in token.text.lower():
                # Without an exponent it would be a DECIMAL, whose arithmetic differs.
                token = token._replace(text=f"{token.text}e0")
            elif token.kind == "name":
                _check_name(token.text)
            elif token.kind == "string":
                _check_string(tokens, index)
            elif token.kind == "arrow":
                raise Unsupported(f"the JSON operator {token.text} here")
            out.append(token)
            index += 1
    return out


def _operator(token: Token) -> Token:
    if token.text == "==":
        return token._replace(text="=")
    if token.text == ";":
        raise Unsupported("more than one statement")
    if token.text == "::":
        raise Unsupported("a cast with :: (write CAST)")
    if token.text in _BITS:
        raise Unsupported(
            f"the bit operator {token.text} (unsigned, and binding otherwise, on MySQL)"
        )
    return token


def _division(tokens: Sequence[Token], index: int) -> None:
    """Refuse a division of what may be integers: SQLite truncates it, MySQL does not."""
    after = tokens[index + 1 : index + 3]
    before = tokens[index - 1] if index else None
    if before is not None and _is_fraction(before):
        return
    if after and (_is_fraction(after[0]) or (after[0].is_op("-") and _is_fraction(after[-1]))):
        return
    called = len(after) == 2 and after[0].is_word("CAST") and after[1].is_op("(")
    if called and _casts_to_real(tokens, index + 2):
        return
    if before is not None and before.is_op(")"):
        start = _opening(tokens, index - 1)
        if start > 0 and tokens[start - 1].is_word("CAST") and _casts_to_real(tokens, start):
            return
    raise Unsupported(
        "a division of what may be integers, which SQLite divides whole"
        " (write x / 2.0, CAST(x AS REAL) / y, or around it CAST(... AS INTEGER))"
    )


def _is_fraction(token: Token) -> bool:
    return token.kind == "number" and not token.text.isdigit()


def _casts_to_real(tokens: Sequence[Token], opening: int) -> bool:
    end = closing(tokens, opening)
    return end >= 2 and tokens[end - 2].is_word("AS") and tokens[end - 1].is_word("REAL", "DOUBLE")


def _opening(tokens: Sequence[Token], end: int) -> int:
    """The index of the parenthesis that the one at `end` closes."""
    depth = 0
    for index in range(end, -1, -1):
        if tokens[index].is_op(")"):
            depth += 1
        elif tokens[index].is_op("("):
            depth -= 1
            if depth == 0:
                return index
    raise Unsupported("a parenthesis that was never opened")


def _check_name(name: str) -> None:
    if name.lower() in _TABLES_OF_SQLITE:
        raise Unsupported(name.lower())


def _check_string(tokens: Sequence[Token], index: int) -> None:
    """Refuse a string literal as a name: MySQL joins two adjacent literals to one string."""
    if index and tokens[index - 1].kind in ("string", "blob", "param"):
        raise Unsupported("a string literal as a name (write AS and a quoted name)")
    if index and tokens[index - 1].is_identifier and tokens[index - 1].text.startswith("_"):
        raise Unsupported("a string literal as a name (write AS and a quoted name)")


def _word(tokens: Sequence[Token], index: int, out: list[Token]) -> int:
    """Translate the word at `index` and its arguments. Returns the index after them."""
    token = tokens[index]
    word = token.text.upper()
    following = tokens[index + 1] if index + 1 < len(tokens) else None
    after_dot = index > 0 and tokens[index - 1].is_op(".")
    if not after_dot and not (following is not None and following.is_op(".")):
        if following is not None and following.is_op("(") and word not in _BEFORE_PARENTHESIS:
            return _call(tokens, index, out)
        if word == "IS":
            return _is(tokens, index, out)
        if word in ("CURRENT", "ROW", "WINDOW", "GROUPS", "EXCLUDE"):
            _check_frame(tokens, index)
            if _is_of_a_window(tokens, index):
                out.append(token)
                return index + 1
        if word in _REFUSED:
            raise Unsupported(_REFUSED[word])
        if word == "FULL" and following is not None and following.is_word("OUTER", "JOIN"):
            raise Unsupported("FULL OUTER JOIN")
        if word == "FOR" and following is not None and following.is_word("UPDATE", "SHARE"):
            raise Unsupported("FOR UPDATE elsewhere than at the end of a SELECT")
        if word in _SYNTAX:
            out.append(token)
            return index + 1
    _check_name(token.text)
    out.append(Token("name", token.text, token.spaced))
    return index + 1


def _is_of_a_window(tokens: Sequence[Token], index: int) -> bool:
    """Whether CURRENT, ROW or WINDOW is a keyword here; elsewhere it may be a column."""
    word = tokens[index].text.upper()
    after = tokens[index + 1 : index + 4]
    if word == "CURRENT":
        return bool(after) and after[0].is_word("ROW")
    if word == "ROW":
        return index > 0 and tokens[index - 1].is_word("CURRENT")
    named = len(after) == 3 and after[0].is_identifier and after[1].is_word("AS")
    return word == "WINDOW" and named and after[2].is_op("(")


def _check_frame(tokens: Sequence[Token], index: int) -> None:
    token = tokens[index]
    after = tokens[index + 1] if index + 1 < len(tokens) else None
    if after is None:
        return
    before = tokens[index - 1]
    ends = before.is_op(")") or before.is_word("ASC", "DESC") or _is_bare_name(before)
    if token.is_word("GROUPS") and ends and after.is_word("BETWEEN", "UNBOUNDED", "CURRENT"):
        raise Unsupported("GROUPS in a window's frame")
    if token.is_word("EXCLUDE") and after.is_word("NO", "CURRENT", "GROUP", "TIES"):
        raise Unsupported("EXCLUDE in a window's frame")


def _is_bare_name(token: Token) -> bool:
    return token.kind == "name" or (token.kind == "word" and token.text.upper() not in _SYNTAX)


def _call(tokens: Sequence[Token], index: int, out: list[Token]) -> int:
    token = tokens[index]
    name = token.text.upper()
    end = closing(tokens, index + 1)
    special = _CALLS.get(name)
    if special is not None:
        return special(tokens, index, end, out)
    if name in ("SUBSTR", "SUBSTRING"):
        _check_substr(split_commas(tokens[index + 2 : end]))
    after = tokens[end + 1] if end + 1 < len(tokens) else None
    if after is not None and after.is_word("AS") and _opens_cte(tokens, index):
        out.append(Token("name", token.text, token.spaced))
        return index + 1
    if name not in _FUNCTIONS:
        raise Unsupported(f"the function {name.lower()}()")
    if after is not None and after.is_word("FILTER"):
        raise Unsupported("FILTER after an aggregate (write SUM(CASE WHEN ... THEN 1 ELSE 0 END))")
    # MySQL requires that the parenthesis follows a function's name without a space.
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
    """IS as `<=>`: MySQL's IS accepts NULL, TRUE and FALSE only, SQLite's any value."""
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
    if name == "SIGNED":
        # SQLite truncates, MySQL rounds.
        out += _text("CAST(TRUNCATE(CAST(", spaced=tokens[index].spaced)
        out += [*translate_expression(inner[:place]), *_text(f" AS {_WIDEST}), 0) AS SIGNED)")]
        return end + 1
    out.append(Token("word", "CAST", tokens[index].spaced))
    out.append(Token("op", "(", spaced=False))
    out.extend(translate_expression(inner[:place]))
    out.append(inner[place])
    out.append(Token("word", name))
    out.extend(rest)
    out.append(tokens[end])
    return end + 1


def _check_substr(arguments: Sequence[Sequence[Token]]) -> None:
    """Refuse a start that may be 0 or negative, where the databases count differently."""
    start, length = arguments[1:2], arguments[2:3]
    if not start or len(start[0]) != 1 or not _is_natural(start[0][0], 1):
        raise Unsupported("SUBSTR from a place that is not a number of 1 or more in the text")
    first = int(start[0][0].text)
    if first > 1 and length and not (len(length[0]) == 1 and _is_natural(length[0][0], 0)):
        raise Unsupported("SUBSTR of a length that is not a number in the text")


def _is_natural(token: Token, least: int) -> bool:
    return token.kind == "number" and token.text.isdigit() and int(token.text) >= least


def _as_double(tokens: Sequence[Token], index: int, end: int, out: list[Token]) -> int:
    """ROUND half away from zero, also of a DOUBLE; AVG with all digits. Both return a DOUBLE."""
    token = tokens[index]
    name = token.text.upper()
    after = tokens[end + 1] if end + 1 < len(tokens) else None
    if after is not None and after.is_word("FILTER"):
        raise Unsupported("FILTER after an aggregate (write SUM(CASE WHEN ... THEN 1 ELSE 0 END))")
    value, *digits = split_commas(tokens[index + 2 : end])
    distinct = value[:1] if value and value[0].is_word("DISTINCT") else []
    inner = translate_expression(value[len(distinct) :])
    if name == "AVG":
        out += [*_text("AVG(", spaced=token.spaced), *distinct, *_text("("), *inner]
        out += _text(") + 0e0)")  # inside the parentheses, because OVER may follow the function
        return end + 1
    out += [*_text("(ROUND(CAST(", spaced=token.spaced), *inner]
    out += _text(f" AS {_WIDEST})")
    for part in digits:
        out += [*_text(", "), *translate_expression(part)]
    out += _text(") + 0e0)")
    return end + 1


_WIDEST = "DECIMAL(65,30)"


def _text(text: str, *, spaced: bool = False) -> list[Token]:
    """MySQL's own text, as one token that `write` leaves as it is."""
    return [Token("op", text, spaced)]


def _match(tokens: Sequence[Token], index: int, end: int, out: list[Token]) -> int:
    """A search in a FULLTEXT index, in MySQL's syntax; SQLite has no equivalent."""
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


def _concat(tokens: Sequence[Token], index: int, end: int, out: list[Token]) -> int:
    """CONCAT_WS, because SQLite ignores NULLs, and MySQL's CONCAT() of a NULL is NULL."""
    del end
    out += _text("CONCAT_WS('', ", spaced=tokens[index].spaced)
    return index + 2


def _log(tokens: Sequence[Token], index: int, end: int, out: list[Token]) -> int:
    """LOG10 for one argument, because MySQL's base is e. Two mean the same on both."""
    has_base = len(split_commas(tokens[index + 2 : end])) > 1
    out += _text("LOG(" if has_base else "LOG10(", spaced=tokens[index].spaced)
    return index + 2


def _strftime(tokens: Sequence[Token], index: int, end: int, out: list[Token]) -> int:
    from functions.kit.mysql.moments import formatted  # noqa: PLC0415 - few programs need it

    layout, *rest = split_commas(tokens[index + 2 : end])
    if not rest or any(token.kind == "param" for part in rest for token in part):
        raise Unsupported("strftime() of anything but columns")
    moment = write(translate_expression(rest[0])).replace("%%", "%")
    out += _text(formatted(layout, moment, rest[1:]), spaced=tokens[index].spaced)
    return end + 1


M2M = " [M2M]"
"""Suffix of the column with the related rows of a many-to-many relation."""


def _group_concat(tokens: Sequence[Token], index: int, end: int, out: list[Token]) -> int:
    """The subquery that Piccolo prints for a many-to-many relation, as a JSON array of texts.

    GROUP_CONCAT would truncate it at `group_concat_max_len`, and a comma in a value would split it.
    Binary keys are written in hexadecimal, which UUID() accepts. `decode.py` reads the array.
    """
    if not _is_of_m2m(tokens, end):
        raise Unsupported("the function group_concat()")
    value = translate_expression(tokens[index + 2 : end])
    text = [*_text("CONCAT("), *value, *_text(")")]
    out += [*_text("JSON_ARRAYAGG(CASE CHARSET(", spaced=True), *text]
    out += [*_text(") WHEN 'binary' THEN HEX("), *value, *_text(") ELSE CONVERT("), *text]
    out += _text(" USING utf8mb4) END)")
    return end + 1


def _is_of_m2m(tokens: Sequence[Token], place: int) -> bool:
    """Whether the subquery around this index has the name of a many-to-many column."""
    depth = 0
    for index in range(place + 1, len(tokens)):
        if tokens[index].is_op("("):
            depth += 1
        elif tokens[index].is_op(")"):
            depth -= 1
            if depth < 0:
                after = tokens[index + 1 : index + 3]
                return len(after) == 2 and after[0].is_word("AS") and after[1].text.endswith(M2M)
    return False


_CALLS: dict[str, Callable[[Sequence[Token], int, int, list[Token]], int]] = {
    "CAST": _cast,
    "ROUND": _as_double,
    "AVG": _as_double,
    "MATCH": _match,
    "CONCAT": _concat,
    "LOG": _log,
    "STRFTIME": _strftime,
    "GROUP_CONCAT": _group_concat,
}
"""Functions with a translator: it gets the indexes of the name and of the closing parenthesis, and
returns the index after the call."""
