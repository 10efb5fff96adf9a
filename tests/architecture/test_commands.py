"""The services' own commands do nothing for a wrong line, or for a database that is not there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture import markdown
from tests.architecture.services import FUNCTIONS, NAMES, ROOT

BUILD = "build"
"""Of two services: what their images hold. It has no database."""


def documented() -> list[str]:
    """The modules of the table in functions/README.md, one of each service for SERVICE."""
    table = markdown.sections(FUNCTIONS / "README.md")["Commands"]
    named = re.findall(r"`python -m (functions\.[\w.]+)", table)
    modules = {each.replace("SERVICE", service) for each in named for service in NAMES}
    return sorted(modules)


COMMANDS = documented()


def run(
    module: str, *arguments: str, folder: Path, **environ: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - a module of this project
        [sys.executable, "-m", module, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **environ},
        input="a long enough password\n",
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_command_is_documented() -> None:
    """Each module of a service that can be run stands in the table."""
    modules = {
        f"functions.{path.parent.name}.{path.stem}"
        for service in NAMES
        for path in (FUNCTIONS / service).glob("*.py")
        if 'if __name__ == "__main__"' in path.read_text("utf-8") and path.stem != BUILD
    }

    assert sorted(modules) == COMMANDS


@pytest.mark.parametrize("module", [*COMMANDS, "functions.local.migrate"])
def test_a_command_may_be_interrupted(module: str) -> None:
    """It ends by the function that turns Ctrl-C into a sentence."""
    text = (ROOT / f"{module.replace('.', '/')}.py").read_text("utf-8")

    assert "end_with(" in text.rpartition('if __name__ == "__main__":')[2]


@pytest.mark.parametrize("module", COMMANDS)
def test_a_command_that_is_asked_for_help_does_nothing_else(module: str, tmp_path: Path) -> None:
    """Nor does one with an argument that it does not have."""
    helped = run(module, "--help", folder=tmp_path)
    wrong = run(module, "--no-such-option", folder=tmp_path)

    assert (helped.returncode, helped.stderr) == (0, "")
    assert f"usage: python -m {module}" in helped.stdout
    assert wrong.returncode == 2
    assert f"usage: python -m {module}" in wrong.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("module", [each for each in COMMANDS if not each.endswith(".migrate")])
def test_a_command_makes_no_database(module: str, tmp_path: Path) -> None:
    """A mistyped address is refused in a sentence; only `migrate` and a service create a file."""
    arguments = ("--email", "ana@example.com") if module.endswith(".create_admin") else ()
    done = run(
        module, *arguments, folder=tmp_path, DATABASE_URL=f"sqlite:///{tmp_path}/none/typo.db"
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert f"there is no file {tmp_path}/none/typo.db" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []
