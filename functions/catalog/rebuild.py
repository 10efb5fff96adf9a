"""`python -m functions.catalog.rebuild`: the stock that is shown, anew from purchase's snapshot."""

import os
from collections.abc import Mapping

from functions.catalog import subscriptions
from functions.catalog.settings import CatalogSettings
from functions.kit.app import database_url
from functions.kit.rebuild import main
from functions.kit.subscriptions import Subscriptions


def prepare() -> tuple[str, Subscriptions, Mapping[str, str]]:
    """Where the environment says that the database and the owner are."""
    settings = CatalogSettings.from_mapping(os.environ)
    url = database_url("catalog", settings)
    return url, subscriptions.build(), {"purchase": settings.purchase_internal_url}


if __name__ == "__main__":
    raise SystemExit(main("catalog", subscriptions.INVENTORY, prepare))
