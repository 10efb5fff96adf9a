"""`python -m functions.purchase.after_restore` raises the id counters of a restored database.

Otherwise a new purchase could get the id of a lost one.
"""

from functions.kit.base.program import end_with
from functions.kit.data.after_restore import main
from functions.purchase import migrations
from functions.purchase.migrate import url

if __name__ == "__main__":
    end_with(lambda: main("purchase", migrations, url))
