"""How every command begins and ends: what it needs, and an exit code instead of a stack trace.

0 done; 1 something failed; 2 asked for what cannot be; 130 ended by Ctrl-C.
"""

import os
import sys
from collections.abc import Callable, Mapping, Sequence

from knative.ops.cli.console import Console
from knative.ops.cli.errors import OpsError
from knative.ops.cli.runner import Clock, Runner

DEFAULT_NAMESPACE = "bookstore"
"""The base's; its manifests name it also inside texts, see `transforms.py`."""


class Session:
    """What a command works with; a test passes its own parts."""

    def __init__(
        self,
        arguments: Sequence[str] | None = None,
        environ: Mapping[str, str] | None = None,
        *,
        console: Console | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.arguments = arguments
        self.environ = dict(os.environ if environ is None else environ)
        self.console = console or Console()
        self.clock = clock or Clock()
        self.runner = Runner(self.console, environ=self.environ, clock=self.clock)


def run(body: Callable[[Session], int], session: Session | None = None) -> int:
    """The exit code of a command."""
    session = session or Session()
    console = session.console
    try:
        return body(session)
    except OpsError as error:
        console.quiet = False
        console.say()
        console.say(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        console.quiet = False
        console.say()
        console.say("Interrupted. Nothing is half done: the same command goes on where this ended.")
        return 130
    except BrokenPipeError:
        # `... | head`: nobody reads any more.
        sys.stderr.close()
        return 0
