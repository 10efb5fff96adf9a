"""The table of codes in functions/README.md lists every refusal that the services can give."""

import importlib
import pkgutil
import re
from pathlib import Path

import functions.auth
import functions.catalog
import functions.kit
import functions.notifications
import functions.purchase
from functions.kit.base.errors import DomainError
from functions.kit.http.problems import STATUS

README = Path(__file__).parents[2] / "functions" / "README.md"
PACKAGES = (
    functions.kit,
    functions.auth,
    functions.catalog,
    functions.notifications,
    functions.purchase,
)


def refusals(kind: type[DomainError] = DomainError) -> set[type[DomainError]]:
    """Every class of a refusal, in every module of the services."""
    found = set()
    for each in kind.__subclasses__():
        found |= {each, *refusals(each)}
    return found


def load_everything() -> None:
    for package in PACKAGES:
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)


def test_the_table_lists_every_code_with_its_status() -> None:
    """A code is stable, so a client may rely on what is written here."""
    load_everything()
    codes = {
        (each.code, STATUS[each.kind])
        for each in refusals()
        if each.__module__.startswith("functions.") and hasattr(each, "kind")
    } | {("method-not-allowed", 405), ("internal-error", 500)}
    rows = re.findall(r"^\| `([a-z-]+)` \| (\d+) \|", README.read_text("utf-8"), re.MULTILINE)

    assert sorted(codes) == sorted((code, int(status)) for code, status in rows)
