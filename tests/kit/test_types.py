"""Bounded texts and ids."""

from typing import Annotated

import msgspec
import pytest

from functions.kit.types import Id, line, prose
from functions.kit.values import MAX_ID


@pytest.mark.parametrize("control", ["\x00", "\n", "\r", "\t", "\x1b", "\x7f"])
def test_a_line_has_no_control_characters(control: str) -> None:
    """Wherever in it they are, its end included."""
    for text in (f"a{control}b", f"a{control}", control):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(text, Annotated[str, line(10)])


def test_prose_may_have_lines_and_tabs() -> None:
    """But no other control characters."""
    kind = Annotated[str, prose(20)]

    assert msgspec.convert("a\tb\r\nc", kind) == "a\tb\r\nc"
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert("a\x00b", kind)


@pytest.mark.parametrize("number", [0, -1, MAX_ID + 1, 1.5, True, "1"])
def test_an_id_is_a_positive_number_that_a_column_holds(number: object) -> None:
    """Neither a text nor a boolean is taken for one."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(number, Id)
