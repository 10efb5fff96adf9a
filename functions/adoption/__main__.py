"""`python -m functions.adoption`, which `nox -s adopt` runs: move in from the original.

In a cluster it is a Job (`docs/runbooks/move-in-from-the-original.md`).
"""

import asyncio
import sys
from collections.abc import Sequence

from rich.console import Console

from functions.adoption.command import Adoption
from functions.adoption.errors import AdoptionError
from functions.adoption.options import AdoptOptions, language_of
from functions.adoption.spanish import in_spanish
from functions.kit.base.errors import Text
from functions.kit.base.language import in_language
from functions.kit.base.output import keep_running_unread
from functions.local.broker.command_line import parse
from functions.local.invocation import command

FAILED = 2
INTERRUPTED = {
    True: Text(
        "Interrumpido. Repita la misma orden: completa lo que falta.",
        "Interrupted. Run the same command again: it completes what is missing.",
    ),
    False: Text(
        "Interrumpido. No se ha escrito nada en las bases de datos.",
        "Interrupted. Nothing was written to the databases.",
    ),
}
"""By whether it writes."""
_WIDTH_OF_FILES = 200


def main(arguments: Sequence[str] | None = None) -> int:
    """0: done. 1: rows are refused that nobody has decided to leave out. 2: it cannot be done."""
    keep_running_unread()
    arguments = sys.argv[1:] if arguments is None else arguments
    options = parse(
        AdoptOptions,
        command("adopt --"),
        "Moves the data of the original shop into this one; without --apply it only reports.",
        arguments,
        translated=in_spanish if language_of(arguments) == "es" else str,
    )
    console = Console(
        markup=False,
        emoji=False,
        highlight=False,
        width=None if sys.stdout.isatty() else _WIDTH_OF_FILES,
    )
    try:
        return asyncio.run(Adoption(options, console).run())
    except AdoptionError as error:
        print(in_language(options.chosen_language(), error.text), file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print(in_language(options.chosen_language(), INTERRUPTED[options.apply]), file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
