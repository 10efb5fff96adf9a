"""The command line of a command that takes no arguments."""

from collections.abc import Sequence


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
