"""`python -m functions.purchase.rebuild` rebuilds the books from catalog's snapshot."""

import os

from functions.kit.base.clock import utc_now
from functions.kit.base.program import end_with, refuse_arguments
from functions.kit.data.engines import database_url
from functions.kit.events.outbox import Outbox
from functions.kit.events.rebuild import Prepared, main
from functions.purchase import subscriptions
from functions.purchase.settings import PurchaseSettings
from functions.purchase.streams import BOOKS


def prepare() -> Prepared:
    """The database URL and the owner's address from the environment."""
    settings = PurchaseSettings.from_mapping(os.environ)
    url = database_url("purchase", settings)
    built = subscriptions.build(Outbox(utc_now), utc_now)
    owners = {"catalog": settings.catalog_internal_url}
    return Prepared(url, built, owners, settings.internal_secret)


if __name__ == "__main__":
    refuse_arguments("functions.purchase.rebuild", __doc__)
    end_with(lambda: main("purchase", (BOOKS,), prepare))
