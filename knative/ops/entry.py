"""How every command begins and ends: what it needs, and an exit code instead of a stack trace.

0 done; 1 something failed; 2 asked for what cannot be; 130 ended by Ctrl-C.
"""

import os
import sys
from collections.abc import Callable, Mapping, Sequence

from knative.ops.cluster import Cluster
from knative.ops.console import Console
from knative.ops.errors import OpsError, WrongOptions
from knative.ops.options import Options
from knative.ops.runner import Clock, Runner

DEFAULT_NAMESPACE = "bookstore"
"""The base's; its manifests name it also inside texts, see `edits.py`."""


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

    def cluster(self, options: Options, *, show: bool = False) -> Cluster:
        """Raises `WrongOptions` where no context is named, or one that kubectl does not know."""
        context, kubeconfig = options.text("context"), options.text("kubeconfig")
        cluster = Cluster(self.runner, kubeconfig=kubeconfig)
        known = cluster.kubectl("config", "get-contexts", "-o", "name").stdout.split()
        if context not in known:
            contexts = ", ".join(sorted(known)) or "none"
            problem = f"{context!r} is none of them" if context else "say which with --context"
            raise WrongOptions(
                f"Which cluster? kubectl knows these contexts: {contexts}; {problem}."
            )
        cluster.context = context
        cluster.namespace = options.text("namespace") or DEFAULT_NAMESPACE
        cluster.show = show
        return cluster


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
