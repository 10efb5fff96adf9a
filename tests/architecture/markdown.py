"""The project's Markdown pages: which there are, and what stands in them."""

import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.services import ROOT

_BASH = shutil.which("bash") or "bash"
_FENCE = re.compile(r"^(```+|~~~+).*?^\1 *$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]+`")
_LINK = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^()\s]+)(?: \"[^\"]*\")?\)")
_HEADING = re.compile(r"^(#{1,6}) +(.+?) *#*$", re.MULTILINE)
_FOLDERS_OF_OTHERS = {"node_modules", "__pycache__"}


def pages() -> list[Path]:
    """Every page of the project, in an order that does not change."""
    return sorted(
        path
        for path in ROOT.rglob("*.md")
        if not any(
            part.startswith(".") or part in _FOLDERS_OF_OTHERS
            for part in path.relative_to(ROOT).parts
        )
    )


def name(path: Path) -> str:
    """As it is shown, and as a path from the project's folder."""
    return str(path.relative_to(ROOT))


def prose(path: Path) -> str:
    """The page without its blocks of code."""
    return _FENCE.sub("", path.read_text("utf-8"))


def fences(path: Path) -> list[str]:
    """Its blocks of code, with their fences."""
    return [each[0] for each in _FENCE.finditer(path.read_text("utf-8"))]


def links(path: Path) -> list[str]:
    """Where its links lead, images too, as they are written."""
    return _LINK.findall(_CODE.sub("code", prose(path)))


def headings(path: Path) -> list[tuple[int, str]]:
    """Level and text of each heading, in order."""
    return [(len(each[1]), each[2]) for each in _HEADING.finditer(prose(path))]


def sections(path: Path) -> dict[str, str]:
    """The text under each heading of level 2, by its title."""
    parts = re.split(r"^## +(.+?) *$", path.read_text("utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def anchors(path: Path) -> set[str]:
    """The fragments that lead to its headings.

    As GitHub makes them: letters of either case become small, blanks become hyphens, all
    punctuation but `-` and `_` goes, and what is there already gets a number.
    """
    found: set[str] = set()
    seen: Counter[str] = Counter()
    for _, text in headings(path):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
        slug = re.sub(r"[^\w\- ]", "", shown.strip().lower()).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found


def typed(path: Path) -> list[str]:
    """The commands of its `console` blocks, each with the lines that belong to it.

    A command begins after `$ `. The lines that follow are its own for as long as the shell says
    that it is not at its end; others are what it prints.
    """
    found: list[str] = []
    for fence in fences(path):
        if not fence.startswith("```console"):
            continue
        ended = True
        for line in fence.splitlines()[1:-1]:
            if line.strip().startswith("$ "):
                found.append(line.strip().removeprefix("$ "))
            elif ended:
                continue
            else:
                found[-1] += f"\n{line}"
            ended = is_whole(found[-1])
    return found


def is_whole(command: str) -> bool:
    """Whether it is at its end, and can be read by the shell."""
    return not command.endswith("\\") and syntax_error(command) == ""


def syntax_error(command: str) -> str:
    """What the shell says of a command that it only reads; a warning of its end counts too."""
    done = subprocess.run(  # noqa: S603 - reads a text of ours, runs nothing
        [_BASH, "-n", "-c", command], capture_output=True, text=True, check=False
    )
    return done.stderr.strip()


def paths_in_code(path: Path) -> Iterator[str]:
    """Files of the project, and tests in them, that the prose names as code."""
    for code in _CODE.findall(prose(path)):
        for word in code.strip("`").split():
            named = word.strip("`.,;:'\"()")
            if re.match(r"(?:functions|knative|eventing|tests|docs|requirements)/\w", named):
                yield named
