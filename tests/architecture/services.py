"""The services by name, and where their parts lie."""

from importlib import import_module
from pathlib import Path
from typing import Any

from functions.kit.base.settings import AppSettings

ROOT = Path(__file__).parents[2]
FUNCTIONS = ROOT / "functions"
EVENTING = ROOT / "eventing"
NAMES = ("auth", "catalog", "notifications", "purchase")
"""Those with a database, events and an internal API."""
APPS = (*NAMES, "storefront")
"""All that run in a cluster."""


def settings_of(service: str) -> type[AppSettings]:
    """The service's own settings class: the one that its `settings.py` defines."""
    module = import_module(f"functions.{service}.settings")
    (found,) = [
        each
        for each in vars(module).values()
        if isinstance(each, type)
        and issubclass(each, AppSettings)
        and each.__module__ == module.__name__
    ]
    return found


def app_of(service: str, **environ: str) -> Any:
    """The service's app, with nothing opened."""
    create_app = import_module(f"functions.{service}.app").create_app
    return create_app(settings_of(service).from_mapping(environ))
