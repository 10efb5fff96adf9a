"""`python -m tests.security.cramped ...`: the shop's server where few files may be open."""

import os
import resource

from functions.kit.http import connections
from functions.kit.start import serve

FILES = 640
SETTLED = "SECONDS_TO_SETTLE"

connections.MIN_WAIT = float(os.environ.get(SETTLED, connections.MIN_WAIT))

if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))
    serve.main()
