"""`python -m functions.catalog.migrate`: bring the schema up to date; in a cluster, a Job does."""

import os

from functions.catalog import migrations
from functions.catalog.settings import CatalogSettings
from functions.kit.data.engines import database_url
from functions.kit.data.migrations import main


def url() -> str:
    """Where the environment says that the database is."""
    return database_url("catalog", CatalogSettings.from_mapping(os.environ))


if __name__ == "__main__":
    raise SystemExit(main("catalog", migrations, url))
