"""What a measurement stands on: a private database server, schemas, books, a buyer's token."""

import asyncio
import itertools
import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from types import ModuleType
from urllib.parse import urlsplit

from functions.catalog import migrations as catalog_migrations
from functions.catalog.domain.books import BookDetails
from functions.catalog.tables import columns_of
from functions.kit.base.clock import utc_now
from functions.kit.data import migrations
from functions.kit.data.engines import connect
from functions.purchase import migrations as purchase_migrations
from tests.servers.mysql import Flavour, Server, private_server
from tests.support.tokens import Issuer

ON_SALE = 50
"""Books that are bought."""
COPIES = 10**9
RARE = "zanzibar"
"""A word in the title of one book in EVERY."""
EVERY = 1000

_WORDS = "the,of,sea,night,house,a,letters,garden,war,love,river,stone,winter,bird,memory,city"
_WORDS += ",shadow,girl,light,secret,water,empire,history,wind,silence,mountain,road,king"
_NAMES = "Ana,Julio,Clarice,Jorge,Olga,Isabel,Gabriel,Elena,Mario,Rosario,Juan,Silvina"
_FAMILIES = "Cortázar,Lispector,Borges,Tokarczuk,Allende,García,Garro,Ocampo,Rulfo,Pizarnik"
_DAY = datetime(2026, 3, 14, 9, 26, 53, 589793)  # noqa: DTZ001 - as the driver writes it


class Stand:
    """Databases of one run, on one server."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.issuer = Issuer(utc_now)
        self.token = self.issuer.token(7, lifetime=timedelta(hours=6))
        self._numbers = itertools.count(1)

    def _database(self, service: ModuleType) -> str:
        url = self.server.create_database(f"bench_{next(self._numbers)}")

        async def prepare() -> None:
            database = connect(url)
            await migrations.migrate(database, migrations.load(service))
            await self.issuer.make_known(database)
            await database.close()

        asyncio.run(prepare())
        return url

    def catalog(self, books: int) -> str:
        """A catalogue's database with so many books; half of them have stock told by purchase."""
        url = self._database(catalog_migrations)
        choose = random.Random(books)
        with self.server.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"USE `{urlsplit(url).path[1:]}`")
            for first in range(1, books + 1, 1000):
                ids = range(first, min(first + 1000, books + 1))
                rows = [_book(book_id, choose) for book_id in ids]
                names = ", ".join(rows[0])
                places = ", ".join(["%s"] * len(rows[0]))
                cursor.executemany(
                    f"INSERT INTO books ({names}) VALUES ({places})",  # noqa: S608
                    [tuple(row.values()) for row in rows],
                )
                cursor.executemany(
                    "INSERT INTO inventory (book_id, revision, available, as_of)"
                    " VALUES (%s, 1, %s, %s)",
                    [(book_id, book_id % 40, _DAY) for book_id in ids if book_id % 2],
                )
            cursor.execute("ANALYZE TABLE books, inventory")
        return url

    def purchase(self, books: int = ON_SALE) -> str:
        """A database of purchase with so many books on sale."""
        url = self._database(purchase_migrations)
        ids = range(1, books + 1)
        with self.server.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"USE `{urlsplit(url).path[1:]}`")
            cursor.executemany(
                "INSERT INTO books (book_id, title, price_minor, currency, retired, revision)"
                " VALUES (%s, %s, 1250, 'USD', 0, 1)",
                [(book_id, f"Rayuela {book_id}") for book_id in ids],
            )
            cursor.executemany(
                "INSERT INTO inventory (book_id, on_hand, reserved, available, fulfilled,"
                " revision, changed_at) VALUES (%s, %s, 0, %s, 0, 1, %s)",
                [(book_id, COPIES, COPIES, _DAY) for book_id in ids],
            )
        return url

    def version(self) -> str:
        return str(self.server.run("SELECT VERSION()")[0][0])


def _book(book_id: int, choose: random.Random) -> dict[str, object]:
    title = " ".join(choose.choices(_WORDS.split(","), k=choose.randint(2, 7))).capitalize()
    if book_id % EVERY == 0:
        title += f" in the {RARE}"
    author = f"{choose.choice(_NAMES.split(','))} {choose.choice(_FAMILIES.split(','))}"
    details = BookDetails(
        title=title,
        author=author,
        description=f"{title}, by {author}. " * 3 if book_id % 3 else None,
        isbn=None,
        category=choose.choice(("novel", "poetry", "history", None)),
        price_minor=choose.randint(100, 9999),
    )
    return {
        **columns_of(details, f"{book_id:032x}"),
        "id": book_id,
        "uid": f"{book_id:032x}",
        "currency": "USD",
        "initial_stock": 10,
        "revision": 1,
        "retired": False,
        "created_at": _DAY,
        "updated_at": _DAY,
    }


@contextmanager
def stand(flavour: Flavour = "mariadb") -> Iterator[Stand]:
    """A server with room for its data in memory; commits are flushed once a second, as in tests."""
    options = "--innodb-buffer-pool-size=512M", "--max-connections=300"
    with private_server(*options, flavour=flavour) as server:
        yield Stand(server)
