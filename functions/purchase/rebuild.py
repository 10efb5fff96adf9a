"""`python -m functions.purchase.rebuild`: the books that are sold, anew from catalog's snapshot."""

import os
from collections.abc import Mapping

from functions.kit.app import database_url
from functions.kit.clock import utc_now
from functions.kit.outbox import Outbox
from functions.kit.rebuild import main
from functions.kit.subscriptions import Subscriptions
from functions.purchase import subscriptions
from functions.purchase.settings import PurchaseSettings


def prepare() -> tuple[str, Subscriptions, Mapping[str, str]]:
    """Where the environment says that the database and the owner are."""
    settings = PurchaseSettings.from_mapping(os.environ)
    url = database_url("purchase", settings)
    built = subscriptions.build(Outbox(utc_now), utc_now)
    return url, built, {"catalog": settings.catalog_internal_url}


if __name__ == "__main__":
    raise SystemExit(main("purchase", subscriptions.BOOK_STREAM, prepare))
