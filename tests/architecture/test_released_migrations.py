"""Released migrations print the same SQL for ever, whatever the code becomes.

A service refuses to migrate a database whose recorded checksum differs from its code's, so an
edited migration would stop every shop that runs already.
"""

from importlib import import_module

import pytest

from functions.kit.data.backfill import Backfill
from functions.kit.data.migrations import Migration, load
from tests.architecture.services import NAMES

RELEASED = {
    "auth": {
        "0001_initial": "7a7816d9053576a6f7781328e5d11868dfcc341dce0f83202478af30aedc1ba6",
        "0002_refresh_grace": "eedecbd8bd8bdf3c3c9bc05655a42672ca6319d55046fe270956b60e63bff188",
        "0003_password_resets": "8af7ad664d4cc0450f14db0c40f0c708befd00d38c8cd60385ca89e99e2ac5af",
        "0004_mail": "a559338f0ef5586e6e3b317c56138b9829ab5edd0b1f063518e3127467047ecf",
        "0006_operations": "430f256f8af74ea29e613e49b6b636e976a65a4dca266b95eeacdde18d501b67",
        "0007_telemetry": "4a42a9e6a6fab1b57eda073a19faed7b90e011d4c629f2285ebe28393287a326",
        "0008_lists": "d711a62ce226d4ea1c9bf0c31d55b7436f46d3244a2614cedadbc0300aebb48d",
        "0009_restores": "6b5c532984d02de7d70fb909a6f88dba38944cdb35ae07932336c5287c9a0e72",
        "0005_sellers": "39c10dd014437d1b24517ea76eb4cccb1de6e07dcaec2e124e74ee806e8ff08a",
    },
    "catalog": {
        "0001_initial": "6fb9bb4cb7f8ab26ffe41e80d19925f46ba0c0d7b61d086a30051cd7abeea163",
        "0002_search": "7c634ba11924f91ba6dffe7c36734c340c262b1cef0a6ff55421b025e788db20",
        # Backfills only, which print nothing: the checksum of an empty text.
        "0003_folding": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "0004_facets": "59b742f3bc8df524752e53bdcde8f7332ba13f7001f744e7bee02f279a562919",
        "0005_reviews": "d88b95675576a2c558bb934e8f5d19e32dcfa0b227c1647fcd24a3792b0f3c8b",
        "0007_operations": "430f256f8af74ea29e613e49b6b636e976a65a4dca266b95eeacdde18d501b67",
        "0008_telemetry": "4a42a9e6a6fab1b57eda073a19faed7b90e011d4c629f2285ebe28393287a326",
        "0009_lists": "f51c5bd8963e59520a4d7e96e0c3849f7760e65080de9c4407083cdad2ac113d",
        "0010_restores": "6b5c532984d02de7d70fb909a6f88dba38944cdb35ae07932336c5287c9a0e72",
        "0006_sellers": "b5fcf31638d2225c91336c89e9bccce658e2fe2a3c7de79fd763e616690a23f9",
    },
    "notifications": {
        "0001_initial": "87076bbe2f4f9ad08cbcd819d475d763e56e5cc02f3e3ef43f03fd844cea3077",
        "0002_operations": "430f256f8af74ea29e613e49b6b636e976a65a4dca266b95eeacdde18d501b67",
        "0004_review_requests": "6b06931e5420d8569e770f6d090528f4096ac0af30ef889e385f4292922f8b3b",
        "0003_telemetry": "4a42a9e6a6fab1b57eda073a19faed7b90e011d4c629f2285ebe28393287a326",
        "0005_restores": "6b5c532984d02de7d70fb909a6f88dba38944cdb35ae07932336c5287c9a0e72",
    },
    "purchase": {
        "0001_initial": "2f17cc375da72199bb4bdfaecabf5f4ded65b7752c58f945dec3970aa8fc1458",
        "0002_payments": "43632f818e37cb50176ed2f0f0b84c93731f802f3af9572281bcf534d589c876",
        "0003_providers": "be577e6de869b8ce9c7f08d7d9d082dda5c5b94116baf57c3c2658e5550ccbf0",
        "0004_customers": "495e3f91dd00a663191b644e597176516522e1ad9ad4d32ca7ef9ba05d66d59d",
        "0005_lists": "6f9f6f78f9100cf4bff8fe81ac8629faf8b3de8953385caf4d6d7f59da7d5443",
        "0007_operations": "430f256f8af74ea29e613e49b6b636e976a65a4dca266b95eeacdde18d501b67",
        "0008_telemetry": "4a42a9e6a6fab1b57eda073a19faed7b90e011d4c629f2285ebe28393287a326",
        "0009_restores": "6b5c532984d02de7d70fb909a6f88dba38944cdb35ae07932336c5287c9a0e72",
        "0006_sellers": "710ccfb99efcf58871cdb83a00a9682a702f7b93db8c7b41b751f63aee9598d0",
    },
}
"""SHA-256 of what each released migration prints for SQLite and MySQL. A new migration is added
here when it is released; an entry is never changed."""

BACKFILLED = {
    "0002_search": ["books.search_text(title, author)"],
    "0003_folding": [
        "books.search_text(title, author, isbn)",
        "books.author_names(author)",
        "books.title_order(title, uid)",
        "books.match_key(title, author)",
        "books.category_key(category)",
    ],
    "0009_lists": ["sellers.name_order(name)"],
}
"""Columns that a migration computes row by row, which a checksum cannot see."""


def migrations_of(service: str) -> dict[str, Migration]:
    loaded = load(import_module(f"functions.{service}.migrations"))
    return {f"{migration.version:04d}_{migration.name}": migration for migration in loaded}


@pytest.mark.parametrize("service", NAMES)
def test_a_released_migration_prints_what_it_printed(service: str) -> None:
    """Its checksum is pinned, so that a database made by any release can go on."""
    found = migrations_of(service)

    assert {name: found[name].checksum() for name in RELEASED[service]} == RELEASED[service]


@pytest.mark.parametrize("service", NAMES)
def test_every_migration_is_pinned(service: str) -> None:
    """A new one is added to the list with the change that brings it."""
    assert sorted(migrations_of(service)) == sorted(RELEASED[service])


@pytest.mark.parametrize("service", NAMES)
def test_a_released_migration_backfills_what_it_backfilled(service: str) -> None:
    """Backfills print no SQL, so that they are compared by their columns."""
    found = {
        name: [
            f"{each.table}.{each.column}({', '.join(each.reads)})"
            for each in migration.operations
            if isinstance(each, Backfill)
        ]
        for name, migration in migrations_of(service).items()
    }

    assert {name: columns for name, columns in found.items() if columns} == {
        name: columns for name, columns in BACKFILLED.items() if name in found
    }
