"""An image's command: `serve` with code out of a cache, some modules when used, no garbage yet.

It takes no arguments: SERVICE is set by the image, PORT by Knative, and it listens on every address
of the pod. What it imports itself comes before all that saves time, so it is as little as can be.
Next file: `serve`.
"""

import gc
import os

from functions.kit.start import code_cache, postponed


def main() -> None:
    gc.disable()  # until the service has started; `serve` puts it on again
    compiled = code_cache.use()
    postponed.postpone()
    from functions.kit.start.serve import configuration, run  # noqa: PLC0415 - whose imports those are

    started = compiled.forget if compiled is not None else None
    run(configuration(factory(), host="0.0.0.0", port=port()), started)  # noqa: S104


def factory() -> str:
    name = os.environ.get("SERVICE", "")
    if not name.isidentifier():
        raise SystemExit(f"SERVICE must name the image's service, and is {name!r}")
    return f"functions.{name}.app:create_app"


def port() -> int:
    text = os.environ.get("PORT") or "8080"
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) < 65536):
        raise SystemExit(f"PORT must be a number from 1 to 65535, and is {text!r}")
    return int(text)


if __name__ == "__main__":
    main()
