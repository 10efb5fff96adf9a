"""The engine as a distribution of its own: its source tree, and its README's example run by it.

`nox -s engine-dist` builds a wheel of the tree, installs it into an empty environment, and has the
example run there: `python -m tests.kit.mysql.distribution write FOLDER`, `... try PYTHON`.
"""

import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from functions.kit.mysql import __version__
from tests.servers.mysql import Server, private_server

ROOT = Path(__file__).parents[3]
SOURCE = ROOT / "functions" / "kit" / "mysql"
HERE, THERE = "functions.kit.mysql", "piccolo_mysql"
URL = "mysql://user:password@host:3306/shop?pool_size=20"
NEEDED = ("aiomysql", "piccolo", "pymysql")

_PROJECT = """\
[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[project]
name = "piccolo-mysql-engine"
version = "{version}"
description = "A Piccolo engine for MySQL and MariaDB, on aiomysql"
readme = "README.md"
requires-python = ">=3.11"
license = "Apache-2.0"
license-files = ["LICENSE"]
dependencies = [{dependencies}]
classifiers = ["Typing :: Typed", "Framework :: AsyncIO", "Topic :: Database"]

[project.optional-dependencies]
sha2 = ["cryptography>=45"]

[tool.hatch.build.targets.wheel]
packages = ["{package}"]
"""


def write_tree(folder: Path) -> None:
    """The source tree: the package under its own name, and what belongs to it."""
    package = folder / THERE
    package.mkdir(parents=True)
    for path in sorted(SOURCE.glob("*.py")):
        (package / path.name).write_text(path.read_text("utf-8").replace(HERE, THERE), "utf-8")
    (package / "py.typed").touch()
    readme = (SOURCE / "README.md").read_text("utf-8")
    (folder / "README.md").write_text(readme.replace(HERE, THERE), "utf-8")
    shutil.copy(ROOT / "LICENSE", folder / "LICENSE")
    shutil.copy(SOURCE / "CHANGELOG.md", folder / "CHANGELOG.md")
    project = _PROJECT.format(
        version=__version__, dependencies=", ".join(map(repr, _dependencies())), package=THERE
    )
    (folder / "pyproject.toml").write_text(project, "utf-8")


def _dependencies() -> list[str]:
    """As the project itself has them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    names = {re.split(r"[^\w-]", each)[0].lower(): each for each in project["dependencies"]}
    return [names[name] for name in NEEDED]


def example(url: str) -> str:
    """The README's program, for this database."""
    readme = (SOURCE / "README.md").read_text("utf-8").replace(HERE, THERE)
    (program,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    if URL not in program:
        raise ValueError("the README's example names another URL")
    return str(program.replace(URL, url))


def try_example(python: str, server: Server) -> str:
    """What the README's example prints, run by this Python."""
    url = server.create_database("readme")
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "example.py"
        program.write_text(example(url), "utf-8")
        done = subprocess.run(  # noqa: S603 - our own program
            [python, "-I", str(program)], capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout


def main() -> None:
    match sys.argv[1:]:
        case ["write", folder]:
            write_tree(Path(folder))
        case ["try", python]:
            with private_server() as server:
                print(try_example(python, server), end="")
        case _:
            sys.exit((__doc__ or "").strip())


if __name__ == "__main__":
    main()
