"""What the pages tell to type is a whole command: its task takes these arguments.

`test_docs.py` checks that tasks and options are known; here each line is read by the parser of its
own task, so that an option of another one, a value that is refused, or a missing argument is found.
Nothing is run.
"""

import re
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from functions.adoption.options import AdoptOptions
from functions.local import options as local
from functions.local.broker.command_line import parse as parse_adoption
from knative.ops.cli import parsing
from knative.ops.cli.console import Console
from knative.ops.cli.errors import WrongOptions
from knative.ops.cli.options import ALL_OPTIONS
from tests.architecture import markdown

EXAMPLES = {
    "FILE": "file",
    "FOLDER": "folder",
    "SERVICE": "purchase",
    "DOMAIN": "books.example.com",
    "DOMINIO": "books.example.com",
    "OWNER/NAME": "owner/name",
    "URL": "https://mirror.example/simple",
    "HOST=PREFIX": "quay.io=mirror.example/quay",
    "fs-...": "fs-0123456789abcdef0",
    "IMAGE": "registry.example/python:3.13",
}
"""Instead of a word that stands for what a reader has."""
_SHELL = {"${REGISTRY}": "registry.example/bookstore", "$REGISTRY": "registry.example/bookstore"}
_TASK = re.compile(r"^(?:python3 noxfile\.py|nox) -s ([a-z-]+)(?: -- (.*))?$", re.DOTALL)
_ENDS = {";", "|", "&", "&&", "||", ">", "<", "#", "..."}


def typed(page: Path) -> list[str]:
    """The lines of its console blocks that name a task."""
    return [each for each in markdown.typed(page) if " -s " in each]


def named(page: Path) -> list[str]:
    """What its prose shows as code: also an option without its value, as `-- --domain`."""
    found = re.findall(r"`([^`\n]+)`", markdown.prose(page))
    return [each for each in found if " -s " in each]


def arguments_of(line: str) -> tuple[str, list[str]] | None:
    """The task of a line and its arguments, with examples for placeholders; None for no task."""
    line = line.replace("\\\n", " ")
    for name, value in _SHELL.items():
        line = line.replace(name, value)
    for start in [match.start() for match in re.finditer(r"(?:python3 noxfile\.py|nox) -s", line)]:
        lexer = shlex.shlex(line[start:], posix=True, punctuation_chars=";|&<>")
        lexer.whitespace_split = True
        lexer.commenters = "#"
        words: list[str] = []
        for word in lexer:
            if word in _ENDS or set(word) <= set(";|&<>"):
                break
            words.append(EXAMPLES.get(word, word))
        if found := _TASK.match(shlex.join(words)):
            return found[1], shlex.split(found[2] or "")
    return None


def _operating(task: str) -> Callable[[Sequence[str]], object] | None:
    for kind in ALL_OPTIONS:
        if kind.command == task:
            return lambda arguments: parsing.parse(kind, arguments, {}, Console())
    return None


_LOCAL: dict[str, Callable[[Sequence[str]], object]] = {
    "dev": local.parse_dev_options,
    "tour": local.parse_tour_options,
    "traffic": local.parse_traffic_options,
    "migrate": local.parse_migrate_options,
    "adopt": lambda arguments: parse_adoption(AdoptOptions, "adopt --", "", arguments),
}


@pytest.fixture(autouse=True)
def no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a file nor a variable of the developer."""
    monkeypatch.setattr(local, "FILE", tmp_path / "bookstore.toml")
    monkeypatch.setattr(parsing, "SETTINGS", tmp_path / "deploy.toml")


def problem(line: str) -> str | None:
    """What the task of a line says of its arguments; None where it takes them."""
    if (found := arguments_of(line)) is None:
        return None
    task, arguments = found
    read = _operating(task) or _LOCAL.get(task)
    if read is None:
        return None
    try:
        read(arguments)
    except WrongOptions as error:
        return f"{line}: {error}"
    except SystemExit as ended:
        return f"{line}: see standard error" if ended.code else None
    return None


@pytest.mark.parametrize("page", markdown.pages(), ids=markdown.name)
def test_every_command_is_taken_by_its_task(page: Path) -> None:
    """With the arguments that the page shows."""
    assert [wrong for line in typed(page) if (wrong := problem(line))] == []


@pytest.mark.parametrize("page", markdown.pages(), ids=markdown.name)
def test_every_command_in_a_sentence_is_taken_by_its_task(
    page: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """But for values that the sentence leaves out."""
    wrong = []
    for line in named(page):
        said = problem(line) or ""
        said += capsys.readouterr().err
        if said and not re.search(r"requires an argument|is missing\.|Give one of", said):
            wrong.append(said)

    assert wrong == []


@pytest.mark.parametrize(
    ("line", "is_right"),
    [
        ("nox -s deploy -- --context NAME --registry R --take-over   # a comment", True),
        ("for s in a; do nox -s rollback -- purchase; done", True),
        ("python3 noxfile.py -s dev -- --fresh", True),
        ("nox -s canary -- purchase 10 --take-over", False),
        ("nox -s canary -- 10", False),
        ("nox -s dev -- --apply", False),
        ("nox -s adopt -- --from dumps --sqlite", False),
        ("nox -s traffic -- --rate 0 | tail", False),
    ],
)
def test_a_wrong_command_is_found(line: str, is_right: bool) -> None:
    """An option of another task, a missing or a refused value."""
    assert (problem(line) is None) == is_right


def test_commands_are_found() -> None:
    """Of most tasks that have options, so that the checks above are not empty."""
    lines = [line for page in markdown.pages() for line in (*typed(page), *named(page))]
    tasks = {found[0] for line in lines if (found := arguments_of(line)) and found[1]}

    assert {*_LOCAL, *(kind.command for kind in ALL_OPTIONS)} - tasks <= {"tour", "sbom"}
