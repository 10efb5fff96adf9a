"""The one place that starts programs."""

import io
import sys

import pytest

from knative.ops.cli.console import Console
from knative.ops.cli.errors import CommandFailed, CommandTimeout, ToolMissing
from knative.ops.cli.runner import Runner


def runner() -> tuple[Runner, io.StringIO]:
    out = io.StringIO()
    return Runner(Console(out, interactive=False)), out


def test_hidden_values() -> None:
    """A secret is replaced in a command that is shown, in an error, and in all that is said."""
    own, out = runner()
    own.hide("hunter2")
    failing = "import sys; sys.exit('wrong password: hunter2')"
    with pytest.raises(CommandFailed) as caught:
        own.run([sys.executable, "-c", failing], show=True)
    own.console.print("it is hunter2")

    assert "hunter2" not in str(caught.value) + out.getvalue()
    assert "wrong password: ***" in str(caught.value)


def test_missing_tool() -> None:
    """It says where the tool is to be had."""
    own, _ = runner()
    own.environ["PATH"] = "/nowhere"
    with pytest.raises(ToolMissing, match=r"kubectl is not installed.*https://kubernetes.io/docs"):
        own.run(["kubectl", "version"])


def test_program_that_does_not_end() -> None:
    """Its time is limited."""
    own, _ = runner()
    with pytest.raises(CommandTimeout, match=r"did not end within 0.2 s"):
        own.run([sys.executable, "-c", "while True: pass"], timeout=0.2)


def test_no_shell() -> None:
    """An argument reaches the program as it is, and is quoted where it is shown."""
    own, out = runner()
    odd = "a b; echo $HOME"
    result = own.run([sys.executable, "-c", "import sys; print(sys.argv[1])", odd], show=True)

    assert f"{odd}\n" == result.stdout
    assert f"'{odd}'" in out.getvalue()


def test_progress_on_no_terminal() -> None:
    """Each change is a line, the end is one, and nothing is said twice."""
    own, out = runner()
    with own.console.step("databases") as step:
        step.update("1/3")
        step.update("1/3")
        step.done("3/3")

    assert out.getvalue() == "  ...  databases: 1/3\n  ok     databases: 3/3\n"
