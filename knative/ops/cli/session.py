"""The begin and the end of every command: its dependencies, and an exit code for every error.

0 success; 1 failure; 2 invalid options; 130 interrupted by Ctrl-C.
"""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from knative.ops.cli.console import Console
from knative.ops.cli.errors import OpsError
from knative.ops.cli.options import Options
from knative.ops.cli.parsing import parse
from knative.ops.cli.runner import Clock, Runner

_Kind = TypeVar("_Kind", bound=Options)


class Session:
    """The dependencies of a command; tests pass their own."""

    def __init__(
        self,
        arguments: Sequence[str] | None = None,
        environ: Mapping[str, str] | None = None,
        *,
        console: Console | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.arguments = list(sys.argv[1:] if arguments is None else arguments)
        self.environ = dict(os.environ if environ is None else environ)
        self.console = console or Console()
        self.clock = clock or Clock()
        self.runner = Runner(self.console, environ=self.environ, clock=self.clock)

    def options(self, kind: type[_Kind]) -> _Kind:
        """Raises `WrongOptions`, which names every problem."""
        return parse(kind, self.arguments, self.environ, self.console)

    def confirm(self, question: str, *, assume: bool) -> None:
        """Raises `OpsError` unless the answer is yes."""
        if not self.console.confirm(question, assume=assume):
            raise OpsError("Nothing was changed.")


def run(body: Callable[[Session], int], session: Session | None = None) -> int:
    """The exit code of a command."""
    session = session or Session()
    console = session.console
    try:
        return body(session)
    except OpsError as error:
        console.quiet = False
        console.print()
        console.print(str(error))
        return error.exit_code
    except OSError as error:  # a file or folder that an option names, or that a command writes
        console.quiet = False
        console.print()
        named = f"{error.filename} cannot be used: {error.strerror}."
        console.print(named if error.filename else str(error))
        return 1
    except KeyboardInterrupt:
        console.quiet = False
        console.print()
        console.print("Interrupted. Nothing was left half-applied; run it again to continue.")
        return 130
