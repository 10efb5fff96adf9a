"""`python -m functions.catalog.migrate` brings the schema up to date; a Job in a cluster."""

import os

from functions.catalog import migrations
from functions.catalog.settings import CatalogSettings
from functions.kit.base.program import end_with, refuse_arguments
from functions.kit.data.engines import database_url
from functions.kit.data.migrations import main


def url() -> str:
    """The database URL from the environment."""
    return database_url("catalog", CatalogSettings.from_mapping(os.environ))


if __name__ == "__main__":
    refuse_arguments("functions.catalog.migrate", __doc__)
    end_with(lambda: main("catalog", migrations, url))
