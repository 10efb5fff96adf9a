"""Print the changelog's section of a tag such as v1.2.0; fail where the release is not ready.

The version in pyproject.toml must be that of the tag, and the section must say something.
"""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def notes(tag: str, changelog: str, version: str) -> str:
    """Raises `ValueError` with what to do."""
    if tag != f"v{version}":
        raise ValueError(f"The tag is {tag}, and pyproject.toml says {version}. Make them equal.")
    heading = rf"^## \[?{re.escape(version)}(?![\w.]).*\n((?:(?!^## ).*\n?)*)"
    found = re.search(heading, changelog, re.MULTILINE)
    if found is None or not found[1].strip():
        raise ValueError(f"CHANGELOG.md has no section {version}: rename Unreleased to it.")
    return found[1].strip() + "\n"


if __name__ == "__main__":
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    try:
        print(notes(sys.argv[1], (ROOT / "CHANGELOG.md").read_text("utf-8"), project["version"]))
    except ValueError as error:
        sys.exit(str(error))
