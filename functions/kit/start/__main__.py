"""The image's command: `serve` with a code cache, lazy modules, and no garbage collection at start.

It has no arguments: the image sets SERVICE, Knative sets PORT, and it listens on all addresses of
the pod. It imports as little as possible before the optimisations are active.
"""

import gc
import os
import time

from functions.kit.start import before_start, code_cache, lazy_modules


def main() -> None:
    began = time.time_ns()
    gc.disable()  # until the service has started; ColdServer.startup enables it
    compiled = code_cache.use()
    lazy_modules.install()
    before_start.begin(factory())
    from functions.kit.base import startup  # noqa: PLC0415 - imported lazily
    from functions.kit.start.serve import configuration, run  # noqa: PLC0415 - imported lazily

    startup.mark("main", began)

    started = compiled.clear if compiled is not None else None
    run(configuration(factory(), host="0.0.0.0", port=port()), started)  # noqa: S104


def factory() -> str:
    name = os.environ.get("SERVICE", "")
    if not name.isidentifier():
        raise SystemExit(f"SERVICE must name the image's service; it is {name!r}")
    return f"functions.{name}.app:create_app"


def port() -> int:
    text = os.environ.get("PORT") or "8080"
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) < 65536):
        raise SystemExit(f"PORT must be a number from 1 to 65535; it is {text!r}")
    return int(text)


if __name__ == "__main__":
    main()
