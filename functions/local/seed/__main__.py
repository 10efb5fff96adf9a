"""`python -m functions.local.seed`: books and delivery providers for a shop that runs elsewhere.

`nox -s seed` runs it against a cluster, and compose.yaml at its start. It adds what is missing and
changes nothing that is there, so it can be run again. The account, of a member of staff or an
admin, is in `SEED_EMAIL` and `SEED_PASSWORD`, where no list of processes shows it.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from functions.local.client import Client
from functions.local.errors import ShopError
from functions.local.seed import seed_shop

SERVICES = ("auth", "catalog", "purchase")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m functions.local.seed", description=__doc__)
    for service in SERVICES:
        parser.add_argument(f"--{service}", required=True, help="URL of its public API")
    parser.add_argument("--via", default="", help="HOST:PORT of the gateway, where DNS is missing")
    parser.add_argument("--books", type=Path, help="a CSV file to import in place of the seed")
    given = parser.parse_args(arguments)
    email, password = os.environ.get("SEED_EMAIL", ""), os.environ.get("SEED_PASSWORD", "")
    if not email or not password:
        parser.error("SEED_EMAIL and SEED_PASSWORD must name an account of staff")
    urls = {service: getattr(given, service).rstrip("/") for service in SERVICES}
    try:
        content = given.books.read_bytes() if given.books else None
        print(asyncio.run(seed(urls, given.via, email, password, content)))
    except (ShopError, OSError) as error:
        sys.exit(str(error))
    return 0


async def seed(
    urls: dict[str, str], via: str, email: str, password: str, content: bytes | None
) -> str:
    """What was added, in a sentence. Raises `ShopError`."""
    async with Client(urls, via=via) as client:
        account = {"email": email, "password": password}
        token = (await client.expect(200, "POST", "auth", "/login", json=account)).json()["token"]
        before = await seed_shop.all_books(client)
        if content is None:
            content = seed_shop.books_as_csv(without=await seed_shop.known_books(client))
        after = await seed_shop.import_books(client, token, content)
        await seed_shop.add_providers(client, token)
        await seed_shop.wait_for_purchase(client, token, after)
        return f"{len(after) - len(before)} books added, {len(after)} in the shop"


if __name__ == "__main__":
    sys.exit(main())
