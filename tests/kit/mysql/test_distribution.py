"""The engine can be taken out of the project, and its README's example works.

Building and installing need a package index: `nox -s engine-dist`. Here the tree is imported.
"""

import subprocess
import sys
import tomllib
from pathlib import Path

from tests.kit.mysql.distribution import example, write_tree
from tests.servers.mysql import Server


def test_the_readmes_example_runs_on_the_tree_alone(server: Server, tmp_path: Path) -> None:
    """The example prints its row and exits with 0 although `functions` cannot be imported."""
    write_tree(tmp_path)
    url = server.create_database("readme")
    guard = "import sys; sys.modules['functions'] = None\n"

    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", guard + example(url)],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "[{'title': 'Rayuela', 'stock': 1}]\n"


def test_the_tree_says_what_it_is_and_needs(tmp_path: Path) -> None:
    """It has three dependencies, `py.typed`, its version's changes and no `functions.kit`."""
    write_tree(tmp_path)

    project = tomllib.loads((tmp_path / "pyproject.toml").read_text("utf-8"))["project"]
    left = [
        path for path in tmp_path.rglob("*") if path.is_file() and "functions.kit" in _text(path)
    ]

    assert [each.partition(">")[0] for each in project["dependencies"]] == [
        "aiomysql",
        "piccolo",
        "PyMySQL",
    ]
    assert left == []
    assert (tmp_path / "piccolo_mysql" / "py.typed").exists()
    assert f"## {project['version']}\n" in (tmp_path / "CHANGELOG.md").read_text("utf-8")


def _text(path: Path) -> str:
    return path.read_text("utf-8")
