"""`python -m functions.auth.after_restore`: no user gets the id, and purchases, of a lost one."""

from functions.auth import migrations
from functions.auth.migrate import url
from functions.kit.data.after_restore import main

if __name__ == "__main__":
    raise SystemExit(main("auth", migrations, url))
