"""An image's command: `serve` with code out of a cache, some modules when used, no garbage yet.

It takes no arguments. SERVICE is set by the image, PORT by Knative, and who is asked for the port
is any address of the pod. What it imports itself comes before all that saves time, so it is as
little as can be. Next file: `serve`.
"""

import gc
import os

from functions.kit import code_cache, postponed

STACK = 32 * 1024
"""Values, of eight bytes each."""


def main() -> None:
    gc.disable()  # until the service has started; `serve` puts it on again
    code_cache.use()
    postponed.postpone()
    from functions.kit.serve import configuration, run  # noqa: PLC0415 - whose imports those are

    factory = f"functions.{os.environ['SERVICE']}.app:create_app"
    run(configuration(factory, host="0.0.0.0", port=port()))  # noqa: S104


def port() -> int:
    text = os.environ.get("PORT", "8080")
    if not (text.isascii() and text.isdigit()):
        raise SystemExit(f"PORT must be a number, and is {text!r}")
    return int(text)


if __name__ == "__main__":
    # Python keeps the frames of calls in chunks of 16 KiB, and gives the last one back to the
    # system as soon as it is empty: whoever calls and returns just there asks for it each time,
    # 650 times a start. A frame this large gets a chunk twice its size, with room for the others.
    main.__code__ = main.__code__.replace(co_stacksize=STACK)
    main()
