"""`python -m functions.catalog.rebuild` rebuilds the stock and who bought what.

Both come from purchase's snapshots.
"""

import os

from functions.catalog import subscriptions
from functions.catalog.settings import CatalogSettings
from functions.kit.base.clock import utc_now
from functions.kit.base.program import end_with, refuse_arguments
from functions.kit.data.engines import database_url
from functions.kit.events.outbox import Outbox
from functions.kit.events.rebuild import Prepared, main


def prepare() -> Prepared:
    """The database URL and the owner's address from the environment."""
    settings = CatalogSettings.from_mapping(os.environ)
    url = database_url("catalog", settings)
    owners = {"purchase": settings.purchase_internal_url}
    built = subscriptions.build(Outbox(utc_now), utc_now)
    return Prepared(url, built, owners, settings.internal_secret)


if __name__ == "__main__":
    refuse_arguments("functions.catalog.rebuild", __doc__)
    end_with(lambda: main("catalog", (subscriptions.INVENTORY, subscriptions.ORDERS), prepare))
