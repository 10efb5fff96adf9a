"""Splits SQLite's SQL into tokens, and writes tokens as MySQL's SQL.

The tokenizer makes only the distinctions that translation and formatting need: a `?` in a string is
not a placeholder, and a `%` in a name must be escaped for Python's formatting. `expressions.py`
translates the tokens.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from functions.kit.mysql.errors import Unsupported

Kind = Literal["word", "name", "string", "blob", "number", "param", "op", "arrow", "hint"]


class Token(NamedTuple):
    """`text` is the original text, except for a `name`, which is without its quotes."""

    kind: Kind
    text: str
    spaced: bool = True
    """Whether white space precedes it."""

    def is_word(self, *words: str) -> bool:
        return self.kind == "word" and self.text.upper() in words

    def is_op(self, *operators: str) -> bool:
        return self.kind == "op" and self.text in operators

    @property
    def is_identifier(self) -> bool:
        return self.kind in ("word", "name")


_TOKEN = re.compile(
    r"""
      (?P<hint>    /\*\+ [\w\s(),.@`]* \*/ )
    | (?P<space>   [ \t\r\n\f]+ | --[^\n]* | /\*.*?(?:\*/|\Z) )
    | (?P<blob>    [xX]'(?:[0-9a-fA-F]{2})*' )
    | (?P<string>  '(?:[^']|'')*' )
    | (?P<quoted>  "(?:[^"]|"")*" | `(?:[^`]|``)*` )
    | (?P<hex>     0[xX][0-9a-fA-F]+ )
    | (?P<number>  (?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)? )
    | (?P<word>    [^\W\d][\w$]* )
    | (?P<param>   \?(?!\d) )
    | (?P<arrow>   ->>? | \#>>? )
    | (?P<op>      \|\| | :: | <> | != | == | <= | >= | << | >> | [-+*/%=<>~&|(),.;] )
    | (?P<other>   . )
    """,
    re.VERBOSE | re.DOTALL,
)

_OTHER = {
    "'": "an unterminated string",
    '"': "an unterminated name",
    "`": "an unterminated name",
    "[": "a name in square brackets",
    "?": "a numbered placeholder",
    ":": "a named placeholder",
    "@": "a named placeholder or a variable",
    "$": "a named placeholder",
}


def tokenize(sql: str) -> list[Token]:
    """Tokens, without white space and comments. Raises `Unsupported` for one of a single dialect.

    A comment `/*+ ... */` directly after SELECT is kept: it is a hint to MySQL's optimizer.
    """
    tokens: list[Token] = []
    spaced = False
    for match in _TOKEN.finditer(sql):
        kind, text = match.lastgroup, match.group()
        if kind == "hint" and tokens and tokens[-1].is_word("SELECT"):
            tokens.append(Token("hint", text))
            spaced = True
            continue
        if kind in ("space", "hint"):
            spaced = True
            continue
        if kind == "quoted":
            quote = text[0]
            tokens.append(Token("name", text[1:-1].replace(quote * 2, quote), spaced))
        elif kind == "hex":
            raise Unsupported("a hexadecimal number (a string to MySQL)")
        elif kind == "other":
            raise Unsupported(_OTHER.get(text, f"the character {text!r}"))
        else:
            if kind in ("string", "blob") and tokens and not spaced:
                previous = tokens[-1]
                if previous.kind != "op":
                    # N'x', b'1' and adjacent literals have another meaning on MySQL.
                    raise Unsupported("a string literal that follows without a space")
            tokens.append(Token(kind, text, spaced))  # type: ignore[arg-type]
        spaced = False
    return tokens


def has_double_quotes(sql: str) -> bool:
    """Whether there is a name in double quotes, as in SQLite's dialect."""
    return any(
        match.lastgroup == "quoted" and match.group()[0] == '"' for match in _TOKEN.finditer(sql)
    )


def quote(name: str) -> str:
    """An identifier in backticks."""
    return "`" + name.replace("`", "``") + "`"


def template(sql: str) -> str:
    """Escape a text for Python's `%` formatting."""
    return sql.replace("%", "%%")


_GLUED = ("word", "number", "param", "string", "blob")


def write(tokens: Iterable[Token]) -> str:
    """MySQL's text as a template for `%`: each placeholder is `%s`, any other `%` is doubled."""
    parts: list[str] = []
    previous: Token | None = None
    for token in tokens:
        if previous is not None and (
            token.spaced
            or (token.kind in _GLUED and previous.kind in _GLUED)
            # A minus and a negative value would form `--`, a comment.
            or (token.kind == "param" and previous.text == "-")
        ):
            parts.append(" ")
        if token.kind == "param":
            parts.append("%s")
        elif token.kind == "name":
            parts.append(template(quote(token.text)))
        else:
            parts.append(template(token.text))
        previous = token
    return "".join(parts)


def count_params(tokens: Iterable[Token]) -> int:
    return sum(token.kind == "param" for token in tokens)


def closing(tokens: Sequence[Token], opening: int) -> int:
    """The index of the parenthesis that closes the one at `opening`."""
    depth = 0
    for index in range(opening, len(tokens)):
        token = tokens[index]
        if token.kind == "op":
            if token.text == "(":
                depth += 1
            elif token.text == ")":
                depth -= 1
                if depth == 0:
                    return index
    raise Unsupported("an unclosed parenthesis")


def find_word(tokens: Sequence[Token], *words: str, start: int = 0) -> int | None:
    """The index of the first of these keywords outside parentheses."""
    index = start
    while index < len(tokens):
        token = tokens[index]
        if token.is_op("("):
            index = closing(tokens, index)
        elif token.is_word(*words):
            return index
        index += 1
    return None


def split_commas(tokens: Sequence[Token]) -> list[list[Token]]:
    """The parts between the commas outside parentheses."""
    parts: list[list[Token]] = [[]]
    index = 0
    while index < len(tokens):
        token = tokens[index]
        if token.is_op("("):
            end = closing(tokens, index)
            parts[-1].extend(tokens[index : end + 1])
            index = end
        elif token.is_op(","):
            parts.append([])
        else:
            parts[-1].append(token)
        index += 1
    return parts
