"""Constructs whose values cannot be literals on MySQL: JSON paths and ILIKE.

MySQL's JSON functions take a path as one text, while Piccolo passes each step as a value. ILIKE
becomes a regular expression, because no collation that both servers have ignores the case of ASCII
letters only. So these values are converted to SQL text when the statement runs. `translate.py`
calls `convert` for statements with such a construct; `plans.py` runs the resulting plan.
"""

import json
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from functions.kit.mysql.errors import Unsupported
from functions.kit.mysql.expressions import translate_expression
from functions.kit.mysql.literals import literal
from functions.kit.mysql.plans import Conversion
from functions.kit.mysql.tokens import Token, write

_PARAM = Token("param", "?")
_DIGITS = re.compile(r"-?\d+")
_MOST_DIGITS = 6
"""Most steps of a path that may be an index or a key: each doubles the length of the SQL."""

Step = Callable[[Sequence[Any]], Sequence[Any]]
"""Returns steps of a path, from the values of a chain's placeholders: a `str` is a key, an `int` an
index, and a `_KeyOrIndex` an index into an array and a key of any other value."""


class _KeyOrIndex(str):
    """A step of `from_path()`: Piccolo passes keys and indexes alike as text."""

    __slots__ = ()


def convert(tokens: Sequence[Token]) -> tuple[list[Token], tuple[Conversion, ...]]:
    """The statement with placeholders for the converted parts, and their conversions.

    Raises `Unsupported`.
    """
    out: list[Token] = []
    conversions: list[Conversion] = []
    place = params = 0
    while place < len(tokens):
        token = tokens[place]
        if token.kind == "arrow":
            place, count = _element(tokens, place, out, conversions, params)
            params += count
        elif token.is_word("ILIKE") and place and not tokens[place - 1].is_op("."):
            place, count = _ilike(tokens, place, out, conversions, params)
            params += count
        else:
            params += token.kind == "param"
            out.append(token)
            place += 1
    return out, tuple(conversions)


# ILIKE


def _ilike(
    tokens: Sequence[Token],
    place: int,
    out: list[Token],
    conversions: list[Conversion],
    params: int,
) -> tuple[int, int]:
    pattern = tokens[place + 1] if place + 1 < len(tokens) else None
    end, escape = place + 2, ""
    if end + 1 < len(tokens) and tokens[end].is_word("ESCAPE"):
        escape = _string(tokens[end + 1])
        if len(escape) != 1:
            raise Unsupported("ESCAPE with something else than one character in the text")
        end += 2
    out.append(Token("op", "REGEXP"))
    if pattern is not None and pattern.kind == "param":
        conversions.append(Conversion(params, 1, partial(_ilike_text, escape)))
        out.append(_PARAM)
        return end, 1
    if pattern is not None and pattern.kind == "string":
        out.append(Token("op", _ilike_text(escape, [_string(pattern)], False)))
        return end, 0
    raise Unsupported("ILIKE with a pattern that is not a value")


def _string(token: Token) -> str:
    return token.text[1:-1].replace("''", "'") if token.kind == "string" else ""


def _ilike_text(escape: str, values: Sequence[Any], is_mariadb: bool) -> str:
    del is_mariadb  # both servers support these parts of regular expressions
    (pattern,) = values
    if pattern is None:
        return "NULL"
    return literal(ilike_expression(str(pattern), escape))


def ilike_expression(pattern: str, escape: str = "") -> str:
    """A regular expression that matches like SQLite's LIKE: the case of ASCII letters does not
    matter.

    Each part between two `%` matches at its first occurrence, without backtracking (`(?>...)`), so
    that patterns with many parts are not slow.
    """
    parts: list[str] = [""]
    characters = iter(pattern)
    for character in characters:
        if character == escape:
            parts[-1] += _character(next(characters, ""))
        elif character == "%":
            parts.append("")
        elif character == "_":
            parts[-1] += "."
        else:
            parts[-1] += _character(character)
    first, *rest = parts
    if not rest:
        return f"(?s-i)\\A{first}\\z"
    *middle, last = rest
    found = "".join(f"(?>.*?{part})" for part in middle if part)
    return f"(?s-i)\\A{first}{found}.*{last}\\z"


def _character(character: str) -> str:
    if character.isascii() and character.isalpha():
        return f"[{character.upper()}{character.lower()}]"
    return (
        character if character.isalnum() or not character.isascii() else f"\\x{ord(character):02x}"
    )


# JSON


def _element(
    tokens: Sequence[Token],
    place: int,
    out: list[Token],
    conversions: list[Conversion],
    params: int,
) -> tuple[int, int]:
    """`column -> step -> step`, and a comparison of it with a value."""
    base = _column_before(out)
    steps: list[Step] = []
    count = 0
    while place < len(tokens) and tokens[place].kind == "arrow":
        if tokens[place].text not in ("->", "#>"):
            raise Unsupported(f"the JSON operator {tokens[place].text}")
        whole_path = tokens[place].text == "#>"
        step, place, used = _step(tokens, place + 1, count, whole_path=whole_path)
        steps.append(step)
        count += used
    compared = tokens[place] if place < len(tokens) else None
    if compared is not None and compared.is_op("=", "==", "!=", "<>"):
        value = tokens[place + 1] if place + 1 < len(tokens) else None
        if value is None or value.kind != "param":
            raise Unsupported("comparing a JSON element with anything but a value")
        operator = "=" if compared.text in ("=", "==") else "<>"
        render = partial(_comparison, base, tuple(steps), operator)
        conversions.append(Conversion(params, count + 1, render))
        out.extend([_PARAM] * (count + 1))
        return place + 2, count + 1
    if not count:
        out.append(Token("op", _literal_steps(base, steps)))
        return place, 0
    conversions.append(Conversion(params, count, partial(_text_of, base, tuple(steps))))
    out.extend([_PARAM] * count)
    return place, count


def _column_before(out: list[Token]) -> str:
    """Remove the column before the first arrow from `out`. Returns it as MySQL's text."""
    start = len(out)
    while start and out[start - 1].is_identifier:
        start -= 1
        if not (start and out[start - 1].is_op(".")):
            break
        start -= 1
    column = out[start:]
    if not column or not column[0].is_identifier:
        raise Unsupported("a JSON operator after anything but a column")
    del out[start:]
    return write(translate_expression(column)).replace("%%", "%")


def _step(
    tokens: Sequence[Token], place: int, param: int, *, whole_path: bool
) -> tuple[Step, int, int]:
    """The step at `place`, the index after it, and the number of its placeholders."""
    token = tokens[place] if place < len(tokens) else None
    if token is not None and token.kind == "param":
        end = place + 1
        # asyncpg needs `::int` after an index, and Piccolo prints it for every engine.
        if end + 1 < len(tokens) and tokens[end].is_op("::") and tokens[end + 1].is_word("INT"):
            end += 2
        return lambda values: _steps(values[param], whole_path=whole_path), end, 1
    if token is not None and token.kind == "string" and not whole_path:
        key = _string(token)
        return lambda _: [key], place + 1, 0
    if token is not None and token.kind == "number" and token.text.isdigit() and not whole_path:
        index = int(token.text)
        return lambda _: [index], place + 1, 0
    raise Unsupported("a JSON operator before anything but a key, an index or a path")


def _steps(value: Any, *, whole_path: bool) -> Sequence[Any]:
    if whole_path:
        if not isinstance(value, (list, tuple)):
            raise Unsupported("a path into JSON that is not a list")
        if sum(bool(_DIGITS.fullmatch(str(each))) for each in value) > _MOST_DIGITS:
            raise Unsupported(f"a path into JSON with more than {_MOST_DIGITS} indexes (use arrow)")
        return [_KeyOrIndex(each) for each in value]
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise Unsupported("a JSON key that is neither a text nor an index")
    return [value]


def _path(steps: Sequence[Step], values: Sequence[Any]) -> list[Any]:
    return [each for step in steps for each in step(values)]


def _extract(base: str, path: str) -> str:
    return f"JSON_EXTRACT({base}, {literal(path)})"


def _json(base: str, steps: Sequence[Any], is_mariadb: bool) -> str:
    """The element, as JSON; NULL if it does not exist.

    MariaDB compares a key with its spelling in the document. So a key with non-ASCII letters is
    looked up unescaped, and as Python's `json.dumps` escapes it.
    """
    found = _at(base, steps, "$", escaped=False)
    if is_mariadb and not all(str(step).isascii() for step in steps):
        return f"COALESCE({found}, {_at(base, steps, '$', escaped=True)})"
    return found


def _at(base: str, steps: Sequence[Any], path: str, *, escaped: bool) -> str:
    """MySQL treats any value as an array of one element, so an index checks for an array first."""
    if not steps:
        return _extract(base, path)
    step, *rest = steps
    is_index = isinstance(step, int) or (
        isinstance(step, _KeyOrIndex) and _DIGITS.fullmatch(step) is not None
    )
    key = f"{path}.{json.dumps(str(step), ensure_ascii=escaped)}"
    if not is_index:
        return _at(base, rest, key, escaped=escaped)
    number = int(step)
    index = (
        f"{path}[{number}]" if number >= 0 else f"{path}[last{f'-{-number - 1}' * (number < -1)}]"
    )
    otherwise = ""
    if not isinstance(step, int):
        otherwise = f" ELSE {_at(base, rest, key, escaped=escaped)}"
    inside = _at(base, rest, index, escaped=escaped)
    kind = f"JSON_TYPE({_extract(base, path)})"
    return f"CASE {kind} WHEN 'ARRAY' THEN {inside}{otherwise} END"


def _text_of(base: str, steps: Sequence[Step], values: Sequence[Any], is_mariadb: bool) -> str:
    """The element as its JSON text, which sorts as on SQLite."""
    return f"CAST({_json(base, _path(steps, values), is_mariadb)} AS CHAR)"


def _literal_steps(base: str, steps: Sequence[Step]) -> str:
    """The element at a path of literal steps, in SQL for both MySQL and MariaDB."""
    if not all(str(step).isascii() for step in _path(steps, [])):
        raise Unsupported("a JSON key beyond ASCII in the text (give it as a value)")
    return _text_of(base, steps, [], is_mariadb=False)


def _comparison(
    base: str, steps: Sequence[Step], operator: str, values: Sequence[Any], is_mariadb: bool
) -> str:
    """Compares JSON values, so white space and the order of keys do not matter."""
    *chain, value = values
    element = _json(base, _path(steps, chain), is_mariadb)
    text = literal(value)
    if is_mariadb:
        return f"JSON_NORMALIZE({element}) {operator} JSON_NORMALIZE({text})"
    return f"{element} {operator} CAST({text} AS JSON)"
