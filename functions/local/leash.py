"""`python -m functions.local.leash MODULE ...`: runs a module, and ends when its starter does.

Its standard input is a pipe that the starter holds and never writes to. When the starter
dies, by kill -9 too, the system closes the pipe: the one notice of a parent's death that
Linux and macOS share.
"""

import os
import runpy
import signal
import sys
import threading
import time

# For what the module does on SIGTERM, such as emptying its outbox.
_GRACE_SECONDS = 15.0


def main() -> None:
    module, *arguments = sys.argv[1:]
    threading.Thread(target=_watch, name="leash", daemon=True).start()
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _watch() -> None:
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    main()
