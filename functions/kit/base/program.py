"""How a command begins and ends as a program that a person types."""

import sys
from collections.abc import Callable, Sequence
from typing import NoReturn


def refuse_arguments(
    module: str, description: str | None, arguments: Sequence[str] | None = None
) -> None:
    """Exits with 0 after `--help`, and with 2 and a message for any other argument.

    A command that ignored them would change a database for somebody who asked for its help.
    `arguments`: those of this process unless given.
    """
    import argparse  # noqa: PLC0415 - only a command needs it; services import commands

    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=description)
    parser.parse_args(arguments)


def end_with(main: Callable[[], int]) -> NoReturn:
    """Exits with the code that `main` returns, and with 130 and a sentence after Ctrl-C.

    For commands that may be ended at any point, and continue when they are repeated.
    """
    try:
        code = main()
    except KeyboardInterrupt:
        print("Interrupted. Run it again to continue.", file=sys.stderr)
        code = 130
    raise SystemExit(code)
