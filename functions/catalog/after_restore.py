"""`python -m functions.catalog.after_restore` raises the id counters of a restored database.

Otherwise a new book could get the id, and with it the stock, of a lost one.
"""

from functions.catalog import migrations
from functions.catalog.migrate import url
from functions.kit.base.program import end_with
from functions.kit.data.after_restore import main

if __name__ == "__main__":
    end_with(lambda: main("catalog", migrations, url))
