"""`serve`, as an image starts it: no garbage collected meanwhile, some modules only when used.

What it imports itself comes before both, so that is as little as can be. Next file: `serve`.
"""

import gc

from functions.kit import postponed


def main() -> None:
    gc.disable()  # until the service has started; `serve` puts it on again
    postponed.postpone()
    from functions.kit.serve import main as serve  # noqa: PLC0415 - postponed ones are its imports

    serve()


if __name__ == "__main__":
    main()
