"""`python -m functions.notifications.after_restore` raises the id counters of a restored database.

Otherwise a new mail could get the id of a lost one, which a log line may name.
"""

from functions.kit.base.program import end_with
from functions.kit.data.after_restore import main
from functions.notifications import migrations
from functions.notifications.migrate import url

if __name__ == "__main__":
    end_with(lambda: main("notifications", migrations, url))
