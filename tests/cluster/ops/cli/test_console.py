"""The console: plain lines in a log, a spinner and styles on a terminal, never a secret."""

import io
import os
import pty
import re
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from knative.ops.cli.console import Console
from knative.ops.cli.errors import WrongOptions

SECRET = "hunter2"


def use(console: Console) -> None:
    """Everything that a command can print."""
    console.hidden.add(SECRET)
    console.heading("databases")
    console.command(f"kubectl apply --token={SECRET}")
    console.warn(f"[bold]{SECRET}[/bold]")
    console.names("created", [f"Secret {SECRET}", *(f"Object {n}" for n in range(30))])
    console.table([("auth", f"ready {SECRET}"), ("catalog-internal", "NOT READY")])
    with console.step(f"waiting for {SECRET}") as step:
        step.update(f"1/2 {SECRET}")
        step.done("2/2")
    console.result(f"url: {SECRET}")


def on_terminal() -> str:
    """What a pseudo-terminal receives."""
    received: list[bytes] = []
    reading, writing = pty.openpty()

    def read() -> None:
        # Linux ends a pseudo-terminal with an error, others with nothing.
        with suppress(OSError):
            while chunk := os.read(reading, 4096):
                received.append(chunk)

    reader = threading.Thread(target=read)
    reader.start()
    with open(writing, "w", encoding="utf-8") as out:  # noqa: PTH123 - a file descriptor
        use(Console(out, interactive=False))
    reader.join()
    os.close(reading)
    return b"".join(received).decode()


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)


def test_log() -> None:
    """Without a terminal there are lines as they are, unwrapped and without control characters."""
    out = io.StringIO()
    use(Console(out, interactive=False))
    lines = out.getvalue().splitlines()

    assert "\x1b" not in out.getvalue()
    assert lines[:4] == ["", "databases", "  $ kubectl apply --token=***", "  ! [bold]***[/bold]"]
    assert "  auth              ready ***" in lines
    assert "  catalog-internal  NOT READY" in lines
    assert lines[-3:] == [
        "  ...  waiting for ***: 1/2 ***",
        "  ok     waiting for ***: 2/2",
        "url: ***",
    ]


def test_terminal() -> None:
    """On a terminal there are styles."""
    assert "\x1b[1mdatabases\x1b[0m" in on_terminal()


def test_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR turns off every control character, also on a terminal."""
    monkeypatch.setenv("NO_COLOR", "1")
    shown = on_terminal()

    assert "databases" in shown
    assert "\x1b" not in shown


def test_secrets() -> None:
    """They are replaced in headings, tables, progress and results."""
    out = io.StringIO()
    use(Console(out, interactive=False))

    assert SECRET not in out.getvalue()
    assert SECRET not in on_terminal()


def test_secrets_on_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """None is left in two parts, where a line or a cell is wrapped."""
    monkeypatch.setenv("COLUMNS", "6")
    shown = re.sub(r"\x1b\[[0-?]*[ -/]*[@-~]|\s", "", on_terminal())

    assert "***" in shown
    assert SECRET not in shown


def test_progress_without_a_terminal() -> None:
    """Each change is a line, repeated updates are not, and the end is a line."""
    out = io.StringIO()
    with Console(out, interactive=False).step("databases") as step:
        step.update("1/3")
        step.update("1/3")
        step.done("3/3")

    assert out.getvalue() == "  ...  databases: 1/3\n  ok     databases: 3/3\n"


def test_colours_of_others() -> None:
    """Escape sequences in a pod's log or a cluster's message do not reach a log."""
    out = io.StringIO()
    console = Console(out, interactive=False)
    red = "\x1b[31mred\x1b[0m\x1b[2J"
    console.print(f"  | {red}")
    console.warn(red)
    console.table([(red, red)])
    with console.step(red) as step:
        step.update(red)

    assert out.getvalue() == ("  | red\n  ! red\n  red  red\n  ...  red: red\n  ok     red: red\n")


def test_failed_step() -> None:
    """The last state is printed, and the error is raised."""
    out = io.StringIO()

    def fail() -> None:
        with Console(out, interactive=False).step("databases") as step:
            step.update("1/3")
            raise WrongOptions

    with pytest.raises(WrongOptions):
        fail()

    assert out.getvalue().endswith("  FAILED databases: 1/3\n")


def test_encoding() -> None:
    """A character that the output cannot encode is replaced."""
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    Console(out, interactive=False).print("más")
    out.flush()

    assert raw.getvalue() == b"m?s\n"


def test_quiet() -> None:
    """Only the result is written, byte for byte."""
    out = io.StringIO()
    console = Console(out, interactive=False)
    console.quiet = True
    with console.step("rendering"):
        console.heading("preflight")
        console.table([("auth", "ready")])
    console.result("a:\tb\a")

    assert out.getvalue() == "a:\tb\a\n"


def test_confirmation_without_a_terminal() -> None:
    """The error has the question and the option that answers it."""
    with pytest.raises(WrongOptions, match=r"(?s)Deploy\?.*give --yes"):
        Console(io.StringIO(), interactive=False).confirm("Deploy?", assume=False)


@pytest.mark.parametrize("code", [0, 1, 7])
def test_a_command_ends_what_it_has_begun_when_its_reader_goes_away(
    tmp_path: Path, code: int
) -> None:
    """As with `... | head -1`: its exit code is true, and there is no traceback."""
    ended = tmp_path / "ended"
    code_of_command = f"""
import sys
from pathlib import Path
from knative.ops.cli.errors import OpsError
from knative.ops.cli.session import run
def body(session):
    with session.console.step("a step") as step:
        for number in range(1000):
            session.console.print("x" * 1000)
            session.console.result("x" * 1000)
            step.update(str(number))
    Path({str(ended)!r}).touch()
    if {code} == 1:
        raise OpsError("The reason, which nobody reads.")
    return {code}
sys.exit(run(body))
"""
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", code_of_command], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        errors = process.stderr.read()

    assert (process.returncode, errors) == (code, b"")
    assert ended.exists()


def test_nothing_is_asked_that_nobody_reads() -> None:
    """The question would be lost; the error is printed too, for whichever log there is."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as out:
        console = Console(out, interactive=True, answers=lambda _: "yes")
        console.print("before")
        with pytest.raises(WrongOptions, match="give --yes"):
            console.confirm("Deploy?", assume=False)
