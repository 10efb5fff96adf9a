"""Colour is for those who see it, and programs speak when it is their turn."""

import io

import pytest

from functions.local.console import Console


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("out", "no_color", "coloured"),
    [(Terminal, "", True), (Terminal, "1", False), (io.StringIO, "", False)],
)
def test_colour_is_for_terminals_that_want_it(
    out: type[io.StringIO], no_color: str, coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", no_color)
    stream = out()
    console = Console(stream)
    console.programs_speak = True

    console.program_line("auth", "hello")

    assert "hello" in stream.getvalue()
    assert coloured == ("\x1b[" in stream.getvalue())


def test_a_program_is_named_once() -> None:
    """Its lines name it, and so does the console before them."""
    stream = io.StringIO()
    console = Console(stream)
    console.programs_speak = True

    console.program_line("catalog", "17:03:01 INFO    catalog POST /events 202 1.0 ms")
    console.program_line("catalog", "Traceback of catalog itself")

    assert stream.getvalue() == (
        " catalog 17:03:01 INFO    POST /events 202 1.0 ms\n catalog Traceback of catalog itself\n"
    )


def test_programs_are_silent_until_the_shop_is_open() -> None:
    stream = io.StringIO()
    console = Console(stream)

    console.program_line("auth", "early")
    console.programs_speak = True
    console.program_line("auth", "late")

    assert stream.getvalue() == "    auth late\n"
