"""No test meets a shop that runs beside it: not by variables, not by default addresses or files.

The root conftest calls `leave_the_shop_alone` before anything else; every process that a test
starts inherits what it leaves, and one that is given an environment of its own is looked at.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from tests.architecture.services import NAMES, settings_of

ROOT = Path(__file__).parents[2]

INVOKED_AS = "BOOKSTORE_INVOKED_AS"
"""How noxfile.py was started."""

NOBODY = "http://127.0.0.1:9"
"""The port of `discard`, on which nothing listens any more."""

_COMMANDS = {"SERVICE", "PORT", "CODE_CACHE", "FORWARDED_ALLOW_IPS"}
"""What an image's command and uvicorn read."""


def variables() -> set[str]:
    """Every variable that changes what a service does."""
    fields = {
        field.name.upper() for name in NAMES for field in msgspec.structs.fields(settings_of(name))
    }
    return fields | _COMMANDS | {"K_SERVICE", "K_REVISION", "K_CONFIGURATION"}


def peers() -> set[str]:
    """The variables that say where another service is, and have a default."""
    return {
        field.name.upper()
        for name in NAMES
        for field in msgspec.structs.fields(settings_of(name))
        if str(field.default).startswith("http://127.0.0.1:")
    }


def leave_the_shop_alone() -> None:
    """Clear the shop's variables, lead the addresses of others nowhere, and watch processes."""
    for name in variables():
        os.environ.pop(name, None)
    os.environ.pop(INVOKED_AS, None)  # messages name the command as a person with nox types it
    os.environ.update(dict.fromkeys(peers(), NOBODY))
    sys.addaudithook(_watch)


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "subprocess.Popen":
        _, command, folder, environment = arguments
        words = [os.fsdecode(word) for word in command]
        if reason := objection(words, folder, os.environ if environment is None else environment):
            raise AssertionError(f"{' '.join(words)[:200]}: {reason}")


def objection(words: list[str], folder: str | None, environment: Mapping[str, str]) -> str | None:
    """Why this may not be started, if it may not."""
    if not any(word.startswith(("functions.", "tests.security.")) for word in words):
        return None
    if any(word.startswith("functions.local") for word in words):
        return None  # they say to each service where the others are, and take --data
    if lacking := peers() - environment.keys():
        return f"it would ask a shop that runs here; give it {', '.join(sorted(lacking))}"
    own_files = "DATABASE_URL" in environment or Path(folder or Path.cwd()).resolve() != ROOT
    apps = [word for word in words if word.endswith(":create_app")]
    if not own_files and any("storefront" not in app for app in apps):  # which has no database
        return "it would use the files of a shop that runs here; give it a DATABASE_URL"
    return None
