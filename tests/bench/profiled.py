"""A service under cProfile: `python -m tests.bench.profiled`, with the arguments of `serve`.

The profile is written to the file that BENCH_PROFILE names when the server ends. The profiler
makes every call dearer, so it tells where time goes, and not how much.
"""

import cProfile
import os
import signal

from functions.kit.start import serve

if __name__ == "__main__":
    # uvicorn raises the signal that ended it once more; the profile is still to be written then.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    profile = cProfile.Profile()
    profile.enable()
    try:
        serve.main()
    finally:
        profile.disable()
        profile.dump_stats(os.environ["BENCH_PROFILE"])
