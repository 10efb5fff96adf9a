"""docs/tutorial.md is carried out as it stands: its edits, its commands, the shop that it starts.

A copy of the project is the reader's clone. nox's environments are not made: its sessions run what
they would run there by this interpreter. Ports are free ones in place of the page's.
"""
# ruff: noqa: S603 - the page's commands

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from functions.local.ports import Ports
from tests.journeys import tutorial
from tests.journeys.tutorial import Command, Edit, NewFile
from tests.servers.programs import find, free_ports, missing
from tests.support.processes import START_LIMIT

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "tutorial.md"
SPANISH = ROOT / "docs" / "tutorial.es.md"
_COPIED_BY_NAME = {".gitignore", ".ci", ".dockerignore"}
_LINTERS = (
    ("ruff", "check"),
    ("ruff", "format", "--check"),
    ("lint-imports", "--no-cache"),
)
"""Of `nox -s lint`, with mypy for the files that the page touches: all others are as they were."""


class Reader:
    """Types what the page says, in a clone."""

    def __init__(self, clone: Path, variables: Path) -> None:
        self.clone = clone
        self._variables = variables
        self._variables.touch()
        self._touched: set[str] = set()
        self._rest: asyncio.Task[bytes] | None = None
        self._bin = Path(sys.executable).parent
        self._shop: asyncio.subprocess.Process | None = None
        ports = free_ports(len(list(Ports().each())))
        self._ports = dict(zip((port for _, port in Ports().each()), ports, strict=True))
        names = (f"BOOKSTORE_{name.upper()}_PORT" for name, _ in Ports().each())
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTEST_", "BOOKSTORE_", "GIT_", "COVERAGE", "COV_"))
        }
        self._environment = {
            **inherited,
            **dict(zip(names, map(str, ports), strict=True)),
            "PATH": f"{self._bin}{os.pathsep}{os.environ.get('PATH', '')}",
        }

    async def type(self, step: tutorial.Step) -> None:
        if isinstance(step, NewFile | Edit):
            await self.end_shop()
            step.apply(self.clone)
            if step.path.endswith(".py"):
                self._touched.add(step.path)
        elif session := re.fullmatch(r"python3 noxfile\.py -s (\w+)(?: -- (.*))?", step.text):
            await self._run_session(session[1], (session[2] or "").split())
        else:
            await self._run(step)

    async def _run_session(self, name: str, arguments: list[str]) -> None:
        match name:
            case "dev":
                await self.end_shop()
                await self._open_shop()
            case "test":
                self.call(sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", *arguments)
            case "lint":
                for program, *options in _LINTERS:
                    self.call(str(self._bin / program), *options)
                self.call(str(self._bin / "mypy"), *sorted(self._touched))
            case _:
                raise ValueError(f"the page runs nox -s {name}, which this test does not know")

    def call(self, *command: str) -> str:
        """The output of a program in the clone; fails the test where it fails."""
        done = subprocess.run(
            command,
            cwd=self.clone,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-5000:]}"
        return done.stdout

    async def _run(self, command: Command) -> None:
        """A line for the shell. One that only reads is repeated until it shows what it should:
        events arrive a moment later."""
        text = re.sub(
            r"(?<=127\.0\.0\.1:)\d+", lambda port: str(self._ports[int(port[0])]), command.text
        )
        if "git " in text or text.startswith("rm "):
            await self.end_shop()
        script = (
            f"set -o pipefail; . '{self._variables}'; {text}\n"
            f"code=$?; declare -p TOKEN ADMIN >'{self._variables}' 2>/dev/null; exit $code"
        )
        output = self.call("bash", "-c", script)
        if " -X " not in text:
            with suppress(TimeoutError):
                async with asyncio.timeout(START_LIMIT):
                    while not command.shows(output):
                        await asyncio.sleep(0.1)
                        output = self.call("bash", "-c", script)

        assert command.shows(output), f"{command.text}\n{output}\nis not\n{command.output}"

    async def _open_shop(self) -> None:
        self._shop = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "functions.local.dev"),
            cwd=self.clone,
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        assert self._shop.stdout is not None
        said = b""
        async with asyncio.timeout(START_LIMIT * 2):
            while b"The shop is open: " not in said:
                line = await self._shop.stdout.readline()
                assert line, said.decode()
                said += line
        self._rest = asyncio.create_task(self._shop.stdout.read())

    async def end_shop(self) -> None:
        """Ctrl-C in its terminal, where it is open."""
        if self._shop is None:
            return
        self._shop.send_signal(signal.SIGINT)
        async with asyncio.timeout(START_LIMIT):
            code = await self._shop.wait()
            said = await self._rest if self._rest is not None else b""
        self._shop = None

        assert code == 0, said.decode()


def _copy_project(folder: Path) -> None:
    def left_out(_: str, names: list[str]) -> set[str]:
        hidden = {name for name in names if name.startswith(".")} - _COPIED_BY_NAME
        return hidden | ({"__pycache__", "node_modules"} & set(names))

    shutil.copytree(ROOT, folder, ignore=left_out, symlinks=True)


@pytest.mark.timeout(900)
async def test_the_tutorial_can_be_carried_out(tmp_path: Path) -> None:
    """Every command ends well and shows what the page shows; the last step undoes all of it."""
    for program in ("curl", "git", "bash"):
        if find(program) is None:
            missing(f"{program} is not installed")
    clone = tmp_path / "bookstore"
    _copy_project(clone)
    reader = Reader(clone, tmp_path / "variables")
    reader.call("git", "init", "-q")
    reader.call("git", "add", "-A")
    author = ("-c", "user.name=reader", "-c", "user.email=reader@example.org")
    reader.call("git", *author, "commit", "-q", "-m", "the clone")
    steps = tutorial.steps(PAGE)
    try:
        for step in steps:
            await reader.type(step)
    finally:
        await reader.end_shop()
    left = reader.call("git", "status", "--porcelain")

    assert len(steps) > 50
    assert left == ""
    assert not (clone / ".bookstore").exists()


def test_both_languages_have_the_same_code() -> None:
    """A block that is corrected in one is corrected in the other."""
    assert tutorial.code(SPANISH) == tutorial.code(PAGE)
    assert tutorial.steps(SPANISH) == tutorial.steps(PAGE)


def test_an_output_is_compared_but_for_what_is_left_out() -> None:
    """An ellipsis stands for any text, also none; all else counts."""
    command = Command("curl", '{"id":3,…"stock":34,…}')

    assert command.shows('{"id":3,"title":"a\nb","stock":34,"x":1}\n')
    assert command.shows('{"id":3,"stock":34,}')
    assert not command.shows('{"id":3,"stock":33,"x":1}')
    assert not command.shows('{"id":3,"stock":34,"x":1} and more')


def test_an_edit_needs_its_lines_exactly_once(tmp_path: Path) -> None:
    """Otherwise a reader would not know where it goes."""
    (tmp_path / "a.py").write_text("one\ntwo\ntwo\n")
    Edit("a.py", "one\n", "zero\none\n").apply(tmp_path)

    assert (tmp_path / "a.py").read_text() == "zero\none\ntwo\ntwo\n"
    for lines in ("two\n", "three\n"):
        with pytest.raises(ValueError, match=r"a\.py has these lines [02] times"):
            Edit("a.py", lines, "").apply(tmp_path)


def test_the_blocks_of_a_page_are_its_steps(tmp_path: Path) -> None:
    """Commands with their outputs, edits by file and hunk, new files by the line before them."""
    page = tmp_path / "page.md"
    page.write_text(
        "Type:\n\n```console\n$ one\nout\n\n$ two\n```\n"
        "```diff\n--- a.py\n+++ a.py\n@@\n x\n-y\n\n+z\n@@\n+w\n v\n```\n"
        "Create `b.py`:\n\n```python\ntext\n```\n"
    )

    assert tutorial.steps(page) == [
        Command("one", "out"),
        Command("two", ""),
        Edit("a.py", "x\ny\n\n", "x\n\nz\n"),
        Edit("a.py", "v\n", "w\nv\n"),
        NewFile("b.py", "text\n"),
    ]
    assert tutorial.created(page) == {"b.py"}
