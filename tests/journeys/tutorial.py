"""The blocks of docs/tutorial.md and docs/tutorial.es.md, and their effect on a folder.

```console      commands after `$ `, each followed by its output; `…` is any text
```diff         edits of the files that its `---` and `+++` lines name
```python …     a new file, whose path ends the paragraph before it: "Create `path`:"
"""

import re
from pathlib import Path
from typing import NamedTuple

_FENCE = re.compile(r"([^\n]*)\n+^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CREATED = re.compile(r"`([^`]+)`:$")
_HEADER = re.compile(r"^--- (\S+)\n\+\+\+ \1\n", re.MULTILINE)


class Command(NamedTuple):
    text: str
    output: str
    """Empty where the page shows none."""

    def shows(self, output: str) -> bool:
        """Whether an output is the one of the page."""
        pattern = ".*".join(map(re.escape, self.output.split("…")))
        return not self.output or re.fullmatch(pattern, output.strip(), re.DOTALL) is not None


class NewFile(NamedTuple):
    path: str
    text: str

    def apply(self, folder: Path) -> None:
        """Raises `FileExistsError`."""
        with (folder / self.path).open("x", encoding="utf-8") as file:
            file.write(self.text)


class Edit(NamedTuple):
    """One hunk of a diff: `old` is replaced by `new`."""

    path: str
    old: str
    new: str

    def apply(self, folder: Path) -> None:
        """Raises `ValueError` unless `old` is in the file exactly once."""
        file = folder / self.path
        text = file.read_text("utf-8")
        if (found := text.count(self.old)) != 1:
            raise ValueError(f"{self.path} has these lines {found} times:\n{self.old}")
        file.write_text(text.replace(self.old, self.new), "utf-8")


Step = Command | NewFile | Edit


def code(page: Path) -> list[tuple[str, str]]:
    """Language and text of each block."""
    return [(each[2], each[3]) for each in _FENCE.finditer(page.read_text("utf-8"))]


def created(page: Path) -> set[str]:
    """Paths of the files that the reader creates."""
    return {step.path for step in steps(page) if isinstance(step, NewFile)}


def steps(page: Path) -> list[Step]:
    """What the reader types, in order.

    Raises `ValueError` for a block that is no step.
    """
    found: list[Step] = []
    for before, language, text in _FENCE.findall(page.read_text("utf-8")):
        if language == "console":
            found += _commands(text)
        elif language == "diff":
            found += _edits(text)
        elif path := _CREATED.search(before):
            found.append(NewFile(path[1], text))
        else:
            raise ValueError(f"a block of {language} names no file:\n{text}")
    return found


def _commands(text: str) -> list[Command]:
    parts = re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]
    pairs = (part.partition("\n") for part in parts)
    return [Command(command, output.strip()) for command, _, output in pairs]


def _edits(text: str) -> list[Edit]:
    first, *rest = _HEADER.split(text)
    if first or not rest:
        raise ValueError(f"a diff names no file:\n{text}")
    return [
        Edit(path, _side(hunk, "-"), _side(hunk, "+"))
        for path, hunks in zip(rest[::2], rest[1::2], strict=True)
        for hunk in re.split(r"^@@\n", hunks, flags=re.MULTILINE)[1:]
    ]


def _side(hunk: str, sign: str) -> str:
    """The lines before (`-`) or after (`+`) the edit."""
    lines = [line or " " for line in hunk.splitlines()]
    return "".join(f"{line[1:]}\n" for line in lines if line[0] in {" ", sign})
