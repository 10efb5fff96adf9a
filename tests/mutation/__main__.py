"""Run mutmut in a copy of this checkout, and print each module's score and each survivor.

`python -m tests.mutation FOLDER [PATTERN ...]` is what `nox -s mutation` runs. mutmut changes one
expression at a time and runs the tests that reach it. A mutant on which no test fails shows what
is not tested, unless it behaves as the code does (`equivalent.py`). `[tool.mutmut]` in
pyproject.toml says what is changed and which tests run. FOLDER keeps the copy, so that a second
run only repeats what has changed since.
"""

import os
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from tests.mutation.equivalent import EQUIVALENT

ROOT = Path(__file__).parents[2]
COPIED = ("functions", "tests", "docs", "eventing", "knative", "noxfile.py", "pyproject.toml")
"""What the tests read."""

KILLED = ("killed", "timeout")
"""mutmut's words for a mutant that a test has found: it failed, or it did not end."""
NOT_COUNTED = ("not checked", "skipped", "equivalent")

Results = Mapping[str, str]
"""What became of each mutant, by its name, such as `functions.purchase.domain.x_f__mutmut_1`."""


def copy(folder: Path) -> None:
    """The tree as it is now; what was removed from the checkout is removed from the copy."""
    for name in COPIED:
        source, target = ROOT / name, folder / name
        if source.is_file():
            shutil.copy2(source, target)
            continue
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))


def mutmut(folder: Path, *arguments: str) -> str:
    """The output of a command of mutmut."""
    ran = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "mutmut", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return ran.stdout


def read(text: str) -> Results:
    """The lines of `mutmut results`: `    NAME: STATUS`."""
    lines = (line.strip().rpartition(": ") for line in text.splitlines() if ": " in line)
    return {name: status for name, _, status in lines}


def module_of(name: str) -> str:
    """`functions.purchase.domain.stock` of `functions.purchase.domain.stock.x_f__mutmut_1`."""
    return name.rpartition(".x")[0]


def survivors(results: Results) -> list[str]:
    """Those that were run, and that no test has found."""
    return [name for name, status in results.items() if status not in (*KILLED, *NOT_COUNTED)]


def written(difference: str) -> str:
    """What a mutant has in place of the code, of its difference as `mutmut show` prints it."""
    lines = difference.splitlines()
    return "\n".join(line[1:].strip() for line in lines if line[:1] == "+" != line[1:2])


def without_equivalents(results: Results, differences: Mapping[str, str]) -> Results:
    """The results, in which a mutant of the list is `equivalent`."""
    known = {
        name
        for name, difference in differences.items()
        if (module_of(name), written(difference)) in EQUIVALENT
    }
    return {name: "equivalent" if name in known else each for name, each in results.items()}


def table(results: Results) -> Table:
    """A row for each module, and their sum."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for name, status in results.items():
        if status not in NOT_COUNTED:
            counts[module_of(name)]["killed" if status in KILLED else "survived"] += 1
    shown = Table(box=box.SIMPLE, show_footer=True)
    shown.add_column("module", "all")
    whole = sum(counts.values(), Counter[str]())
    for title, figure in zip(("killed", "survived", "score"), _row(whole), strict=True):
        shown.add_column(title, figure, justify="right")
    for module, count in sorted(counts.items()):
        shown.add_row(module, *_row(count))
    return shown


def _row(count: Counter[str]) -> tuple[str, str, str]:
    total = count.total()
    score = f"{100 * count['killed'] / total:.1f} %" if total else "-"
    return str(count["killed"]), str(count["survived"]), score


def main(folder: Path, patterns: list[str]) -> int:
    """0 if every mutant was found, and 1 otherwise."""
    folder.mkdir(parents=True, exist_ok=True)
    copy(folder)
    children = str(os.cpu_count() or 1)
    subprocess.run(  # noqa: S603
        [sys.executable, "-m", "mutmut", "run", "--max-children", children, *patterns],
        cwd=folder,
        check=True,
    )
    results = read(mutmut(folder, "results", "--all", "true"))
    shown = {name: mutmut(folder, "show", name) for name in survivors(results)}
    results = without_equivalents(results, shown)
    left = survivors(results)
    console = Console()
    console.print("\n".join(shown[name] for name in left), markup=False, highlight=False)
    console.print(table(results))
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve(), sys.argv[2:]))
