"""The runner, which starts every program."""

import io
import sys
from pathlib import Path

import pytest

from knative.ops.cli.console import Console
from knative.ops.cli.errors import CommandFailed, CommandTimeout, ToolMissing
from knative.ops.cli.runner import Runner


def runner() -> tuple[Runner, io.StringIO]:
    out = io.StringIO()
    return Runner(Console(out, interactive=False)), out


def test_hidden_values() -> None:
    """A secret is replaced in commands, errors and all other output."""
    own, out = runner()
    own.hide("hunter2")
    failing = "import sys; sys.exit('wrong password: hunter2')"
    with pytest.raises(CommandFailed) as caught:
        own.run([sys.executable, "-c", failing], show=True)
    own.console.print("it is hunter2")

    assert "hunter2" not in str(caught.value) + out.getvalue()
    assert "wrong password: ***" in str(caught.value)


def test_missing_tool() -> None:
    """The error says where to get it."""
    own, _ = runner()
    own.environ["PATH"] = "/nowhere"
    with pytest.raises(ToolMissing, match=r"kubectl is not installed.*https://kubernetes.io/docs"):
        own.run(["kubectl", "version"])


@pytest.mark.parametrize(("mode", "reason"), [(0o644, "Permission"), (0o755, "Exec format")])
def test_a_program_that_cannot_be_started(tmp_path: Path, mode: int, reason: str) -> None:
    """As one without the right to execute it, or of another processor's kind."""
    program = tmp_path / "kubectl"
    program.write_bytes(b"\x7fELF of another machine")
    program.chmod(mode)
    own, _ = runner()
    own.environ["PATH"] = str(tmp_path)
    for start in (own.run, own.stream):
        with pytest.raises(ToolMissing, match=rf"^kubectl cannot be started \({reason}"):
            start(["kubectl", "version"])


def test_program_that_does_not_end() -> None:
    """It is ended after its time limit."""
    own, _ = runner()
    with pytest.raises(CommandTimeout, match=r"did not end within 0.2 s"):
        own.run([sys.executable, "-c", "while True: pass"], timeout=0.2)


def test_no_shell() -> None:
    """An argument reaches the program unchanged, and is quoted in the output."""
    own, out = runner()
    odd = "a b; echo $HOME"
    result = own.run([sys.executable, "-c", "import sys; print(sys.argv[1])", odd], show=True)

    assert f"{odd}\n" == result.stdout
    assert f"'{odd}'" in out.getvalue()
