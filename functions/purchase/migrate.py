"""`python -m functions.purchase.migrate` brings the schema up to date; a Job in a cluster."""

import os

from functions.kit.base.program import end_with, refuse_arguments
from functions.kit.data.engines import database_url
from functions.kit.data.migrations import main
from functions.purchase import migrations
from functions.purchase.settings import PurchaseSettings


def url() -> str:
    """The database URL from the environment."""
    return database_url("purchase", PurchaseSettings.from_mapping(os.environ))


if __name__ == "__main__":
    refuse_arguments("functions.purchase.migrate", __doc__)
    end_with(lambda: main("purchase", migrations, url))
