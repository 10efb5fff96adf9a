"""What the pages name is there: links, files, tests, tasks; each kind of page has its form."""

import functools
import re
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from knative.ops.cli.options import ALL_OPTIONS, option_name
from tests.architecture import markdown
from tests.architecture.services import NAMES, ROOT
from tests.journeys import tutorial

DECISIONS = ROOT / "docs" / "decisions"
RUNBOOKS = ROOT / "docs" / "runbooks"
GLOSSARY = ROOT / "docs" / "glossary.md"
PAGES = markdown.pages()
LONGEST_DECISION = 35
"""Lines."""
PLACEHOLDERS = re.compile(r"[A-Z]{2,}|000N|\.\.\.|[<*{]")
"""In a path that stands for many."""
NOT_IN_GIT = {"knative/deploy.toml"}
"""Files that each developer makes for their own use."""
CREATED = tutorial.created(ROOT / "docs" / "tutorial.md")
"""Files that the tutorial tells its reader to create."""


# Links, paths and tasks


def leads_nowhere(page: Path, link: str) -> str | None:
    """What is wrong with a link inside of the project; None where nothing is."""
    target, _, fragment = link.partition("#")
    file = (page.parent / target).resolve() if target else page
    if not file.is_relative_to(ROOT):
        return f"{link} leaves the project"
    if not file.exists():
        return f"{link} does not exist"
    if fragment and (file.suffix != ".md" or fragment not in markdown.anchors(file)):
        return f"{link} has no such heading"
    return None


@pytest.mark.parametrize("page", PAGES, ids=markdown.name)
def test_links_lead_to_files_and_headings(page: Path) -> None:
    """Those inside of the project; the web is not asked."""
    inside = [link for link in markdown.links(page) if not re.match(r"[a-z]+:", link)]

    assert [wrong for link in inside if (wrong := leads_nowhere(page, link))] == []


def test_a_wrong_link_is_found(tmp_path: Path) -> None:
    """A missing file, a missing heading and a way out of the project are told apart."""
    page = ROOT / "docs" / "page.md"

    assert leads_nowhere(page, "../README.md") is None
    assert leads_nowhere(page, "nothing.md") == "nothing.md does not exist"
    assert leads_nowhere(page, "../README.md#nothing") == "../README.md#nothing has no such heading"
    assert leads_nowhere(page, "../../README.md") == "../../README.md leaves the project"


def test_headings_have_the_fragments_of_github(tmp_path: Path) -> None:
    """Punctuation goes, blanks are hyphens, a second heading of one text has a number."""
    page = tmp_path / "page.md"
    page.write_text(
        "# How it works\n## `make`: a [word](x.md), or two?\n## Twice\n## Twice\n```\n# no\n```\n"
    )

    assert markdown.anchors(page) == {"how-it-works", "make-a-word-or-two", "twice", "twice-1"}


@pytest.mark.parametrize("page", PAGES, ids=markdown.name)
def test_files_and_tests_that_are_named_exist(page: Path) -> None:
    """Also those in code and not in links, such as `tests/faults/test_sales.py::test_...`."""
    named = {each for each in markdown.paths_in_code(page) if not PLACEHOLDERS.search(each)}
    named -= NOT_IN_GIT | CREATED

    assert sorted(each for each in named if not exists(each)) == []


def exists(named: str) -> bool:
    file, _, test = named.partition("::")
    path = ROOT / file
    if not path.exists():
        return False
    return not test or f"def {test}(" in path.read_text("utf-8")


@pytest.mark.parametrize("page", PAGES, ids=markdown.name)
def test_tasks_that_are_named_are_noxs(page: Path) -> None:
    """A guide that names a task which is gone leads nowhere as well."""
    known = set(tasks())
    text = page.read_text("utf-8")
    named = re.findall(r"(?:nox|noxfile\.py) -s ((?:[a-z][a-z0-9-]* ?)+)", text)
    words = {word for each in named for word in each.split()[:1]}

    assert words - known == set()


@pytest.mark.parametrize("page", PAGES, ids=markdown.name)
def test_modules_that_are_run_exist(page: Path) -> None:
    """What follows `python -m`, of each service where the name says SERVICE."""
    named = re.findall(r"python3? -m ((?:functions|knative|tests)[\w.]+)", page.read_text("utf-8"))
    modules = {each.replace("SERVICE", name) for each in named for name in NAMES}

    assert sorted(each for each in modules if not is_module(each)) == []


def is_module(name: str) -> bool:
    path = ROOT / name.rstrip(".").replace(".", "/")
    return path.with_suffix(".py").exists() or (path / "__main__.py").exists()


TYPED = re.compile(r"(?:nox|noxfile\.py) -s ([a-z-]+) -- ([^\n`#|;&]*)")
"""A task with its arguments, up to a comment or another command."""
OF_PYTEST = {"test", "faults"}


@pytest.mark.parametrize("page", PAGES, ids=markdown.name)
def test_options_that_are_named_are_known(page: Path) -> None:
    """By the code of the tasks, as `--an-option` or as the name that is made one."""
    text = page.read_text("utf-8").replace("\\\n", " ")
    named = {
        option
        for task, arguments in TYPED.findall(text)
        for option in re.findall(r"(?<!\S)--([a-z][a-z-]*)", arguments)
        if task not in OF_PYTEST
    }

    assert sorted(each for each in named if not is_option(each)) == []


@functools.cache
def sources_of_tasks() -> str:
    folders = ("functions/adoption", "functions/local", "tests/bench")
    files = [each for folder in folders for each in (ROOT / folder).rglob("*.py")]
    return "\n".join(each.read_text("utf-8") for each in [ROOT / "noxfile.py", *files])


OPERATING = {"help"} | {option_name(each.name) for kind in ALL_OPTIONS for each in fields(kind)}
"""Options of the commands in knative/ops."""


def is_option(name: str) -> bool:
    if name in OPERATING:
        return True
    member = name.replace("-", "_")
    written = (f'"--{name}"', f'"{member}"', f"--{name} ", f"\n    {member}: ")
    return any(each in sources_of_tasks() for each in written)


def test_an_option_that_is_not_there_is_found() -> None:
    """Those of the operating commands, of the local shop and of the bench are known."""
    assert all(map(is_option, ["take-over", "fresh", "million"]))
    assert not is_option("take-under")


def tasks() -> list[str]:
    """The sessions of noxfile.py, under the names that a person types."""
    source = (ROOT / "noxfile.py").read_text("utf-8")
    found = re.findall(
        r"^@nox\.session(?:\((.*?)\))?\ndef (\w+)\(", source, re.MULTILINE | re.DOTALL
    )
    renamed = ((re.search(r'name="([^"]+)"', options), name) for options, name in found)
    return [match[1] if match else name for match, name in renamed]


def test_the_tasks_of_the_noxfile_are_found() -> None:
    """Renamed ones too, so that the check above is not empty."""
    assert {"dev", "lint", "test", "format", "migrate-cluster", "engine-dist"} <= set(tasks())


def is_example(command: str) -> bool:
    """Shown with a name in angle brackets, for which the reader puts another."""
    return re.search(r"<[a-z][a-z ]*>", command) is not None


@pytest.mark.parametrize("page", PAGES, ids=markdown.name)
def test_commands_can_be_read_by_the_shell(page: Path) -> None:
    """Quotes are closed, loops end, and here-documents have their last line."""
    wrong = {
        command: error
        for command in markdown.typed(page)
        if not is_example(command) and (error := markdown.syntax_error(command))
    }

    assert wrong == {}


def test_commands_are_found_with_all_their_lines(tmp_path: Path) -> None:
    """Those that go on by a backslash, a loop or a here-document; output is left out."""
    page = tmp_path / "page.md"
    page.write_text(
        "```console\n$ ls \\\n  -l\ntotal 0\n$ for x in 1; do\n  echo $x\ndone\n1\n"
        "$ cat <<'END'\ntext\nEND\n$ echo 'open\n```\n"
    )
    commands = markdown.typed(page)

    assert commands == [
        "ls \\\n  -l",
        "for x in 1; do\n  echo $x\ndone",
        "cat <<'END'\ntext\nEND",
        "echo 'open",
    ]
    assert [each for each in commands if markdown.syntax_error(each)] == ["echo 'open"]


# Decisions

RECORDS = sorted(each for each in DECISIONS.glob("*.md") if each.name != "README.md")
STATES = ("accepted", "accepted, not built")
PARTS = ["Context", "Decision", "Consequences", "Alternatives"]


def test_decisions_are_numbered_and_listed() -> None:
    """From 0001 on without a gap, each linked from the list, in order."""
    listed = [link for link in markdown.links(DECISIONS / "README.md") if link[:4].isdigit()]

    assert [each.name[:4] for each in RECORDS] == [f"{n + 1:04}" for n in range(len(RECORDS))]
    assert listed == [each.name for each in RECORDS]


@pytest.mark.parametrize("record", RECORDS, ids=lambda each: each.stem)
def test_a_decision_has_its_form(record: Path) -> None:
    """Short, with a state, and with what was not chosen and why."""
    text = record.read_text("utf-8")

    assert len(text.splitlines()) <= LONGEST_DECISION
    assert list(markdown.sections(record)) == PARTS
    assert re.search(r"^Status: (.+)$", text, re.MULTILINE)[1] in STATES  # type: ignore[index]


@pytest.mark.parametrize("record", RECORDS, ids=lambda each: each.stem)
def test_a_decision_ends_with_the_check_that_enforces_it(record: Path) -> None:
    """Files of tests that are there, or import contracts by their name in pyproject.toml."""
    text = record.read_text("utf-8")
    last = text.rstrip().splitlines()[-1]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contracts = {each["name"] for each in project["tool"]["importlinter"]["contracts"]}

    assert last.startswith("Check: ")
    if "Status: accepted, not built" in text:
        return
    checks = re.findall(r"`([^`]+)`", last)
    tests = [each for each in checks if each.startswith("tests/")]
    assert checks
    assert [each for each in tests if not exists(each)] == []
    assert set(checks) - set(tests) <= contracts


# Runbooks and alerts

STEPS = ["When", "Commands", "Check", "Undo"]
GUIDES = sorted(each for each in RUNBOOKS.glob("*.md") if each.name != "README.md")


def alerts() -> dict[str, dict[str, Any]]:
    """Every alert of every PrometheusRule, by its name."""
    found = {}
    for path in sorted((ROOT / "knative").rglob("*.yaml")):
        if "kind: PrometheusRule" not in path.read_text("utf-8"):
            continue
        for document in yaml.safe_load_all(path.read_text("utf-8")):
            for group in document["spec"]["groups"]:
                found.update({each["alert"]: each for each in group["rules"] if "alert" in each})
    return found


def test_runbooks_are_listed() -> None:
    """In the tables of their folder, by what is done or by what is seen."""
    listed = {link for link in markdown.links(RUNBOOKS / "README.md") if "/" not in link}

    assert sorted(listed) == [each.name for each in GUIDES]


@pytest.mark.parametrize("runbook", GUIDES, ids=lambda each: each.stem)
def test_a_runbook_has_its_form(runbook: Path) -> None:
    """When it is needed, what to type, how to see that it worked, and the way back."""
    parts = markdown.sections(runbook)

    assert list(parts)[:4] == STEPS
    assert [name for name in STEPS if len(parts[name].split()) < 5] == []
    assert "```console" in parts["Commands"]


def test_every_alert_names_a_runbook_that_names_it() -> None:
    """An alert leads to the runbook with the steps to take, and a runbook names its alerts."""
    named = {name: alert["annotations"].get("runbook") for name, alert in alerts().items()}
    told = {
        name: f"docs/runbooks/{runbook.name}"
        for runbook in GUIDES
        for name in re.findall(r"[Aa]lerts? ((?:`\w+`(?:, | and )?)+)", when(runbook))
        for name in re.findall(r"`(\w+)`", name)
    }

    assert named
    assert told == named


def when(runbook: Path) -> str:
    return markdown.sections(runbook)["When"]


# Security


def test_every_measure_has_a_test() -> None:
    """In each row of the threat model; that the files exist is checked above."""
    table = markdown.sections(ROOT / "SECURITY.md")["Threat model"]
    lines = [each for each in table.splitlines() if each.startswith("|")][2:]

    assert lines
    assert [each for each in lines if "`tests/" not in each.split("|")[4]] == []


# Glossary


def terms() -> list[str]:
    """The first column of its tables, without their heads."""
    rows = re.findall(r"^\| \*\*(.+?)\*\* \|", GLOSSARY.read_text("utf-8"), re.MULTILINE)
    return [term for row in rows for term in row.split(", ")]


def test_a_term_has_one_meaning() -> None:
    """Each stands once, and the list is in alphabetical order."""
    found = terms()

    assert found
    assert found == sorted(set(found), key=str.casefold)


def test_classes_whose_names_meet_are_there() -> None:
    """Each in the module that the glossary says."""
    rows = re.findall(
        r"^\| `(\w+)` \| `(functions/\S+)` \|", GLOSSARY.read_text("utf-8"), re.MULTILINE
    )

    assert rows
    assert [
        (name, module)
        for name, module in rows
        if not re.search(rf"^class {name}\b", (ROOT / module).read_text("utf-8"), re.MULTILINE)
    ] == []


def test_terms_are_in_use() -> None:
    """A term that no page and no code uses is not one of the shop's."""
    sources = [*PAGES, *(ROOT / "functions").rglob("*.py"), *(ROOT / "eventing").rglob("*.yaml")]
    texts = [each.read_text("utf-8").casefold() for each in sources if each != GLOSSARY]

    assert [
        term
        for term in terms()
        if not any(re.search(rf"(?<!\w){re.escape(term.casefold())}", text) for text in texts)
    ] == []
