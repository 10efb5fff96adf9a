"""`python -m functions.purchase.migrate`: bring the schema up to date; in a cluster, a Job does."""

import os

from functions.kit.data.engines import database_url
from functions.kit.data.migrations import main
from functions.purchase import migrations
from functions.purchase.settings import PurchaseSettings


def url() -> str:
    """Where the environment says that the database is."""
    return database_url("purchase", PurchaseSettings.from_mapping(os.environ))


if __name__ == "__main__":
    raise SystemExit(main("purchase", migrations, url))
