"""Entity tags and conditions, as RFC 9110 has them."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.http import parse_etags

from functions.kit.base.errors import InvalidInput, PreconditionFailed
from functions.kit.http.etags import check, not_modified, parse, strong_etag

ETAG = strong_etag("book", 42, 7)

opaque = st.text(alphabet=[*string.ascii_letters, *string.digits, *"!#,;/'~"], max_size=20)


def test_a_tag_changes_when_any_part_does() -> None:
    """Also when a part only moves across the border of another."""
    tags = {strong_etag("a", "bc"), strong_etag("ab", "c"), strong_etag("abc"), strong_etag("a")}

    assert len(tags) == 4


@given(st.lists(st.tuples(st.booleans(), opaque), min_size=1, max_size=5))
def test_a_list_is_read_as_it_was_written(tags: list[tuple[bool, str]]) -> None:
    """Weak or strong, with commas inside the quotes too."""
    header = ", ".join(f'{"W/" if weak else ""}"{text}"' for weak, text in tags)

    assert parse(header) == tags


@given(st.text(max_size=60))
def test_any_other_header_is_refused_in_words(header: str) -> None:
    """Whatever is sent, `parse` answers or raises `InvalidInput`."""
    try:
        tags = parse(header)
    except InvalidInput:
        return
    assert tags is None or tags


@pytest.mark.parametrize("header", ['"a",,"b"', ' , "a" , "b",', '"a","b"', '"a"\t,\t"b"'])
def test_empty_elements_of_a_list_are_passed_over(header: str) -> None:
    """RFC 9110, section 5.6.1: a recipient must take a reasonable number of them."""
    assert parse(header) == [(False, "a"), (False, "b")]


@pytest.mark.parametrize("header", ["", ",", "abc", '"a" "b"', '"a', "W/a", '"a"x', 'w/"a"'])
def test_what_is_no_list_of_tags_is_refused(header: str) -> None:
    """A tag is in double quotes, and the mark of a weak one is a capital W."""
    with pytest.raises(InvalidInput):
        parse(header)


@pytest.mark.parametrize("header", [ETAG, f"W/{ETAG}", f'"other", {ETAG}', "*"])
def test_a_reader_that_has_the_version_need_not_get_it_again(header: str) -> None:
    """If-None-Match compares weakly."""
    assert not_modified(header, ETAG)


@pytest.mark.parametrize("header", [None, '"other"', "nonsense"])
def test_a_reader_that_has_not_gets_it_in_full(header: str | None) -> None:
    """A header that cannot be read is no reason to refuse a read."""
    assert not not_modified(header, ETAG)


@pytest.mark.parametrize(
    ("headers", "etag", "passes"),
    [
        ({}, ETAG, True),
        ({"if-match": ETAG}, ETAG, True),
        ({"if-match": f'"other", {ETAG}'}, ETAG, True),
        ({"if-match": "*"}, ETAG, True),
        ({"if-match": f"W/{ETAG}"}, ETAG, False),
        ({"if-match": ETAG}, f"W/{ETAG}", False),
        ({"if-match": '"other"'}, ETAG, False),
        ({"if-match": ETAG}, None, False),
        ({"if-match": "*"}, None, True),
        ({"if-none-match": "*"}, ETAG, False),
        ({"if-none-match": "*"}, None, False),
        ({"if-none-match": ETAG}, ETAG, False),
        ({"if-none-match": f"W/{ETAG}"}, ETAG, False),
        ({"if-none-match": '"other"'}, ETAG, True),
        ({"if-none-match": ETAG}, None, True),
        ({"if-match": ETAG, "if-none-match": "*"}, ETAG, False),
    ],
)
def test_a_change_keeps_its_preconditions(
    headers: dict[str, str], etag: str | None, *, passes: bool
) -> None:
    """If-Match compares strongly, If-None-Match weakly; what has no tag matches none."""
    try:
        check(headers, etag)
    except PreconditionFailed:
        passed = False
    else:
        passed = True

    assert passed is passes


seen = st.tuples(st.booleans(), opaque.filter(bool))  # werkzeug takes an empty tag for none


@given(seen, st.lists(seen, min_size=1))
def test_werkzeug_compares_tags_likewise(
    own: tuple[bool, str], tags: list[tuple[bool, str]]
) -> None:
    """A library that many use, as an oracle."""
    written = ", ".join(f'{"W/" if weak else ""}"{text}"' for weak, text in tags)
    theirs = parse_etags(written)
    mine = f'{"W/" if own[0] else ""}"{own[1]}"'

    assert not_modified(written, mine) is theirs.contains_weak(own[1])
    strong = theirs.contains(own[1]) and not own[0]
    if strong:
        check({"if-match": written}, mine)
    else:
        with pytest.raises(PreconditionFailed):
            check({"if-match": written}, mine)
