"""`python -m functions.local.parent_watch MODULE ...`: runs a module, and stops it with its parent.

Standard input is a pipe that the parent holds and never writes to. When the parent dies, even by
SIGKILL, the kernel closes the pipe. This is the only sign of it on both Linux and macOS.
"""

import os
import runpy
import signal
import sys
import threading
import time

_GRACE_SECONDS = 15.0
"""For what the module does on SIGTERM, such as emptying its outbox."""


def main() -> None:
    module, *arguments = sys.argv[1:]
    threading.Thread(target=_watch, name="parent-watch", daemon=True).start()
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
