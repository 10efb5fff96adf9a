"""What the tokenizer must never change, whatever the statement."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.kit.mysql.errors import Unsupported
from functions.kit.mysql.expressions import translate_expression
from functions.kit.mysql.literals import literal
from functions.kit.mysql.tokens import count_params, tokenize, write

# No surrogates, which are no characters; everything else, NUL and quotes among it.
strings = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
identifiers = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
pieces = st.one_of(
    strings.map(lambda text: "'" + text.replace("'", "''") + "'"),
    identifiers.map(lambda text: '"' + text.replace('"', '""') + '"'),
    st.sampled_from(
        ["?", "a", "AND", "%", "-", "1", "1.5", "x'00ff'", "/* ? ' */", "-- ? '\n", "(", ")", ","]
    ),
)


def read_string(text: str) -> str:
    """What MySQL makes of a literal under NO_BACKSLASH_ESCAPES."""
    assert text[0] == text[-1] == "'"
    inner = text[1:-1]
    assert "'" not in inner.replace("''", "")
    return inner.replace("''", "'")


@settings(deadline=None)
@given(strings)
def test_string_literals_keep_their_meaning(value: str) -> None:
    """A text with quotes, percent signs or NUL stays one literal of the same value in MySQL."""
    sql = "SELECT " + "'" + value.replace("'", "''") + "'"

    written = write(translate_expression(tokenize(sql))) % ()

    assert value == read_string(written.removeprefix("SELECT "))


@settings(deadline=None)
@given(st.lists(pieces, max_size=12))
def test_placeholders_are_kept_and_only_they_are(parts: list[str]) -> None:
    """A `?` in a string, a name or a comment is none; each other one becomes one `%s`."""
    expected = parts.count("?")
    tokens = tokenize(" ".join(parts))

    written = write(tokens)

    assert expected == count_params(tokens)
    assert expected == written.replace("%%", "").count("%s")
    assert written % (("0",) * expected) == write(tokens) % (("0",) * expected)


@settings(deadline=None)
@given(st.lists(pieces, max_size=12))
def test_what_was_written_reads_as_the_same_tokens(parts: list[str]) -> None:
    """Tokenizing the written text again gives tokens of the same kinds and texts."""
    tokens = tokenize(" ".join(parts))
    placeholders = ("?",) * count_params(tokens)

    again = tokenize(write(tokens) % placeholders)

    assert [token[:2] for token in tokens] == [token[:2] for token in again]


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_any_text_is_cut_or_refused(sql: str) -> None:
    """No text raises anything but `Unsupported`, or has more placeholders than question marks."""
    try:
        tokens = tokenize(sql)
    except Unsupported:
        return

    assert sql.count("?") >= count_params(tokens)


@settings(deadline=None)
@given(strings)
def test_values_are_one_literal_in_every_sql_mode(value: str) -> None:
    """A string cannot end its literal, whether backslashes escape or not."""
    written = literal(value)

    if "\\" in value:
        assert f"_utf8mb4 x'{value.encode().hex()}'" == written
    else:
        assert value == read_string(written)


@settings(deadline=None)
@given(st.binary(max_size=40))
def test_bytes_are_hexadecimal(value: bytes) -> None:
    """The digits of the literal decode to the same bytes."""
    assert value == bytes.fromhex(literal(value)[2:-1])


@pytest.mark.parametrize(
    ("sql", "construct"),
    [
        ("SELECT 'a", "an unterminated string"),
        ('SELECT "a', "an unterminated name"),
        ("SELECT [a]", "square brackets"),
        ("SELECT ?1", "a numbered placeholder"),
        ("SELECT :name", "a named placeholder"),
        ("SELECT @name", "a named placeholder"),
        ("SELECT 0xff", "a hexadecimal number"),
        ("SELECT n'a'", "follows without a space"),
        ("SELECT a\\b", "the character"),
    ],
)
def test_what_mysql_would_read_otherwise_is_refused(sql: str, construct: str) -> None:
    """`Unsupported` names the quotation, placeholder, number or character at fault."""
    with pytest.raises(Unsupported, match=construct):
        tokenize(sql)


def test_a_negative_value_after_a_minus_is_no_comment() -> None:
    """A space is written after the minus, so that -1 as the value does not make a `--`."""
    assert write(tokenize("SELECT 5 -?")) == "SELECT 5 - %s"


def test_comments_are_dropped() -> None:
    """This includes `/*! ... */`, whose content MySQL would execute."""
    assert write(tokenize("SELECT 1 /*! + 9 */ + 2 -- ?")) == "SELECT 1 + 2"
