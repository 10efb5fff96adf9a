"""`python -m functions.catalog.rebuild`: the stock that is shown, anew from purchase's snapshot."""

import os

from functions.catalog import subscriptions
from functions.catalog.settings import CatalogSettings
from functions.kit.data.engines import database_url
from functions.kit.events.rebuild import Prepared, main


def prepare() -> Prepared:
    """Where the environment says that the database and the owner are."""
    settings = CatalogSettings.from_mapping(os.environ)
    url = database_url("catalog", settings)
    owners = {"purchase": settings.purchase_internal_url}
    return Prepared(url, subscriptions.build(), owners, settings.internal_secret)


if __name__ == "__main__":
    raise SystemExit(main("catalog", subscriptions.INVENTORY, prepare))
