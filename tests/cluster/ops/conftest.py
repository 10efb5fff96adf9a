"""A fake cluster on which commands of `knative/ops` run in this process, with a fake clock."""

import io
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from knative.ops.cli.console import Console
from knative.ops.cli.errors import CommandFailed
from knative.ops.cli.runner import Clock, Result, Runner, missing
from knative.ops.cli.session import Session, run
from knative.ops.manifests import images
from knative.ops.objects import objects
from tests.cluster.ops.fake_kubectl import State, answer
from tests.servers.programs import missing as missing_program

Body = Callable[[Session], int]

CONTEXT = ("--context", "kind-test")
DEPLOY = (*CONTEXT, "--registry", "r.example/bookstore", "--tag", "v1", "--yes", "--smoke", "none")


class FastClock(Clock):
    """Sleeping takes no time, and advances the clock."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


class FakeRunner(Runner):
    """Calls the fake kubectl and kn in this process, which is faster than as programs on PATH."""

    state: State
    interrupt_at: str = ""
    absent: Sequence[str] = ()
    streamed: list[list[str]]
    forward_to: int = 0

    @contextmanager
    def background(self, argv: Sequence[str]) -> Iterator[str]:
        """kubectl port-forward, which forwards to `forward_to`."""
        yield f"Forwarding from 127.0.0.1:{self.forward_to} -> 8080\n"

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: str | None = None,
        timeout: float = 120.0,
        check: bool = True,
        show: bool = False,
        cwd: Path | None = None,
    ) -> Result:
        if argv[0] not in {"kubectl", "kn"}:
            return super().run(argv, stdin=stdin, check=check, show=show, cwd=cwd)
        if argv[0] in self.absent:
            raise missing(argv[0])
        if show:
            self.console.command(self._redacted(argv))
        found = answer(self.state, argv[0], list(argv[1:]), stdin)
        if self.interrupt_at and self.interrupt_at in f"{' '.join(argv)}\n{stdin}":
            self.interrupt_at = ""
            raise KeyboardInterrupt
        if check and found.code:
            raise CommandFailed(self._redacted(argv), found.code, self.console.redacted(found.err))
        return Result(found.code, found.out, found.err)

    def stream(self, argv: Sequence[str], *, show: bool = True, cwd: Path | None = None) -> int:
        self.streamed.append(list(argv))
        return 0


class FakeCluster:
    """The state of a cluster, and what happened when commands ran on it."""

    def __init__(self) -> None:
        self.state = State()
        self.state.put(storage_class("standard", default=True))
        self.interrupt_at = ""
        self.absent: Sequence[str] = ()
        self.typed: list[str] = []
        self.streamed: list[list[str]] = []
        self.forward_to = 0
        self.output = ""

    def run(self, body: Body, *arguments: str, environ: Mapping[str, str] | None = None) -> int:
        """The exit code; the output is in `output`."""
        out = io.StringIO()
        console = Console(
            out, answers=lambda question: self.typed.pop(0), interactive=bool(self.typed)
        )
        session = Session(list(arguments), environ or {}, console=console, clock=FastClock())
        runner = FakeRunner(console, clock=session.clock)
        runner.state, runner.interrupt_at = self.state, self.interrupt_at
        runner.absent, runner.streamed = self.absent, self.streamed
        runner.forward_to = self.forward_to
        session.runner = runner
        try:
            return run(body, session)
        finally:
            self.interrupt_at = runner.interrupt_at
            self.output = out.getvalue()

    def called(self, *words: str) -> list[list[str]]:
        """Arguments of the calls that have all these words."""
        argvs = [[each["program"], *each["argv"]] for each in self.state.calls]
        return [argv for argv in argvs if all(word in argv for word in words)]

    def applied(self) -> list[str]:
        """`Kind/name` of every applied object, in order."""
        return [
            f"{item['kind']}/{item['metadata']['name']}"
            for call in self.state.calls
            if "apply" in call["argv"] and call["stdin"]
            for item in objects(call["stdin"])
        ]

    def named(self, kind: str, name: str) -> dict[str, Any]:
        return next(each for each in self.state.of_kind(kind) if each["metadata"]["name"] == name)


def storage_class(
    name: str, *, default: bool = False, provisioner: str = "rancher.io/local-path"
) -> dict[str, object]:
    annotations = {"storageclass.kubernetes.io/is-default-class": "true"} if default else {}
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name, "annotations": annotations},
        "provisioner": provisioner,
    }


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeCluster:
    real = shutil.which("kubectl")
    if real is None:
        missing_program("kubectl renders the overlays, and is not installed")
    monkeypatch.setenv("REAL_KUBECTL", real)
    # Not the images that were built here, nor the settings of this checkout.
    monkeypatch.setattr(images, "RECORD", tmp_path / "images.json")
    monkeypatch.setattr("knative.ops.cli.parsing.SETTINGS", tmp_path / "deploy.toml")
    return FakeCluster()
