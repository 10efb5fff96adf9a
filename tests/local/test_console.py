"""Control characters only go to a terminal, and program output only after the start."""

import io
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from functions.local.console import Console

ROOT = Path(__file__).parents[2]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def print_everything(console: Console) -> None:
    console.show_program_output = True
    console.notice("notice")
    console.error("error")
    console.remark("remark")
    console.table([("role", "email")])
    console.program_line("auth", "program")
    with console.step("step"):
        console.print("text")


@pytest.mark.parametrize(
    ("out", "no_color", "controlled"),
    [(Terminal, "", True), (Terminal, "1", False), (io.StringIO, "", False)],
)
def test_control_characters_only_go_to_terminals_without_no_color(
    out: type[io.StringIO], no_color: str, controlled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FORCE_COLOR does not change that; the text is printed in each case."""
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("FORCE_COLOR", "1")
    stream = out()

    print_everything(Console(stream))

    assert controlled == ("\x1b[" in stream.getvalue())
    for text in ("notice", "error", "remark", "email", "program", "step", "text"):
        assert text in stream.getvalue()


def test_the_output_of_a_pipe_is_plain_lines() -> None:
    """Output that is no terminal gets each line as text, without a spinner or colours."""
    stream = io.StringIO()

    print_everything(Console(stream))

    assert stream.getvalue().splitlines() == [
        *("notice", "error", "   → remark", "  role  email"),
        *("    auth program", "text", "  ✓ step"),
    ]


def test_a_failed_step_is_marked() -> None:
    """A step that raises prints `✗` with its name, and the exception is raised further."""
    stream = io.StringIO()

    with pytest.raises(ValueError, match="wrong"), Console(stream).step("schemas"):
        raise ValueError("wrong")

    assert stream.getvalue() == "  ✗ schemas\n"


@pytest.mark.parametrize("text", ["x" * 500, "[bold]not markup[/bold]", ":smile: {} %s"])
def test_a_line_is_printed_unchanged(text: str) -> None:
    """Not wrapped, so that commands can be copied, and not interpreted."""
    stream = Terminal()

    Console(stream).print(text)

    assert stream.getvalue() == f"{text}\n"


def test_a_program_is_named_once() -> None:
    """By the console; its own log lines name it as well."""
    stream = io.StringIO()
    console = Console(stream)
    console.show_program_output = True

    console.program_line("catalog", "17:03:01 INFO    catalog POST /events 202 1.0 ms")
    console.program_line("catalog", "Traceback of catalog itself")

    assert stream.getvalue() == (
        " catalog 17:03:01 INFO    POST /events 202 1.0 ms\n catalog Traceback of catalog itself\n"
    )


def test_program_output_is_printed_once_the_shop_is_open() -> None:
    """Lines are dropped until `show_program_output` is set; later ones have the program's name."""
    stream = io.StringIO()
    console = Console(stream)

    console.program_line("auth", "early")
    console.show_program_output = True
    console.program_line("auth", "late")

    assert stream.getvalue() == "    auth late\n"


def run(
    code: str, stdout: int = subprocess.PIPE, **environment: str
) -> "subprocess.CompletedProcess[bytes]":
    program = f"from functions.local.console import Console\nconsole = Console()\n{code}"
    return subprocess.run(  # noqa: S603 - this project's own code
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, **environment},
        check=False,
        stdout=stdout,
        stderr=subprocess.PIPE,
    )


def test_a_reader_that_goes_away_does_not_stop_the_program() -> None:
    """As in `nox -s dev | head -1`."""
    reader, writer = os.pipe()
    os.close(reader)
    code = "console.print('unread')\nconsole.print('unread')\nraise SystemExit(7)"
    try:
        done = run(code, stdout=writer)
    finally:
        os.close(writer)

    assert (done.returncode, done.stderr) == (7, b"")


def test_a_character_that_the_encoding_lacks_is_replaced() -> None:
    """With ASCII output, the arrow of a remark is printed as `?` and no exception is raised."""
    done = run("console.remark('hecho')", PYTHONIOENCODING="ascii", PYTHONUTF8="0")

    assert done.stdout == b"   ? hecho\n"


def test_the_cursor_is_visible_after_an_exit_within_a_step() -> None:
    """A spinner hides it; the second Ctrl-C exits without clean-up."""
    code = (
        "import os\nstep = console.step('long')\nstep.__enter__()\n"
        "console.restore_terminal()\nos._exit(0)"
    )

    output = output_on_a_terminal(
        lambda terminal: run(code, stdout=terminal, TERM="xterm", NO_COLOR="")
    )

    assert b"\x1b[?25l" in output
    assert output.rindex(b"\x1b[?25h") > output.rindex(b"\x1b[?25l")


def output_on_a_terminal(run_on: Callable[[int], object]) -> bytes:
    ours, terminal = pty.openpty()
    try:
        run_on(terminal)
    finally:
        os.close(terminal)
    output = b""
    try:
        while chunk := os.read(ours, 4096):
            output += chunk
    except OSError:  # Linux's end of file on a terminal
        pass
    os.close(ours)
    return output
