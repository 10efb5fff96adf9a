"""`python -m functions.auth.after_restore` raises the id counters of a restored database.

Otherwise a new user could get the id, and with it the purchases, of a lost one.
"""

from functions.auth import migrations
from functions.auth.migrate import url
from functions.kit.base.program import end_with
from functions.kit.data.after_restore import main

if __name__ == "__main__":
    end_with(lambda: main("auth", migrations, url))
