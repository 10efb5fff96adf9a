"""The pages use options of kubectl that the installed one knows."""

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

from tests.architecture import markdown
from tests.architecture.test_docs import PAGES
from tests.servers.programs import find, missing

_COMMAND = re.compile(r"(?:^|[|;&(]\s*|\$\()\s*kubectl\s+([^|;)\n]*)", re.MULTILINE)
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
_WITH_SUBCOMMAND = {"config", "create", "rollout", "set", "create secret"}
_TAKE_A_VALUE = ("-n", "--namespace", "--context")


@cache
def shown(*arguments: str) -> str:
    """What kubectl says about a command. It needs no cluster."""
    program = find("kubectl")
    if program is None:
        missing("kubectl is not installed")
    done = subprocess.run(  # noqa: S603 - the program that is installed
        [program, *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout


def command_of(words: list[str]) -> list[str]:
    """`create secret generic` of the words of a line."""
    found: list[str] = []
    is_value = False
    for word in words:
        if is_value or word.startswith("-"):
            is_value = word in _TAKE_A_VALUE
            continue
        found.append(word)
        if " ".join(found) not in _WITH_SUBCOMMAND:
            break
    return found


def typed(page: Path) -> list[str]:
    return [
        re.split(r"\s#|\s--\s", line)[0]
        for command in markdown.typed(page)
        for line in _COMMAND.findall(command.replace("\\\n", " "))
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_options_are_kubectls(page: Path) -> None:
    """Of the command that they stand behind, or of all commands."""
    unknown = [
        (line, option)
        for line in typed(page)
        for option in _OPTION.findall(line)
        if option not in shown("options") + shown(*command_of(line.split()), "--help")
    ]

    assert unknown == []


def test_an_unknown_option_is_found(tmp_path: Path) -> None:
    """Also of a command with a subcommand, and behind a pipe."""
    page = tmp_path / "page.md"
    page.write_text(
        "```console\n$ x | kubectl -n a create secret generic y --from-nowhere=1 \\\n"
        "    --dry-run=client -- --of-the-program\n```\n",
        "utf-8",
    )
    (line,) = typed(page)
    known = shown(*command_of(line.split()), "--help")

    assert command_of(line.split()) == ["create", "secret", "generic"]
    assert [option for option in _OPTION.findall(line) if option not in known] == ["--from-nowhere"]
