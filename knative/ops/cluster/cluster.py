"""`kubectl` and `kn` on one context and namespace, with answers as plain dicts.

Every command names the context, so that nothing depends on the current one of the kubeconfig.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from knative.ops.cli import invocation
from knative.ops.cli.errors import CommandFailed, OpsError, WrongOptions
from knative.ops.cli.options import DEFAULT_NAMESPACE, ClusterOptions
from knative.ops.cli.runner import Result, Runner
from knative.ops.cli.session import Session
from knative.ops.objects import Object, documents

FIELD_MANAGER = "bookstore-deploy"

_TRANSIENT = (
    "context deadline exceeded",
    "connection refused",
    "no endpoints available",
    "EOF",
    # cert-manager injects the CA into a webhook a moment after the webhook is created.
    "certificate signed by unknown authority",
)
_TRIES = 4
_PAUSE = 5.0


@dataclass
class Cluster:
    runner: Runner
    context: str = ""
    namespace: str = ""
    kubeconfig: str = ""
    show: bool = False
    """Print also the commands that only read."""

    def kubectl_argv(self, *arguments: str, namespaced: bool = True) -> list[str]:
        return ["kubectl", *self._global_options(namespaced), *arguments]

    def kn_argv(self, *arguments: str) -> list[str]:
        # kn takes its global options only after the command.
        return ["kn", *arguments, *self._global_options(namespaced=True)]

    def kubectl(
        self,
        *arguments: str,
        stdin: str | None = None,
        timeout: float = 120.0,
        check: bool = True,
        show: bool | None = None,
        namespaced: bool = True,
    ) -> Result:
        return self.runner.run(
            self.kubectl_argv(*arguments, namespaced=namespaced),
            stdin=stdin,
            timeout=timeout,
            check=check,
            show=self.show if show is None else show,
        )

    def kn(self, *arguments: str, timeout: float = 660.0, show: bool = True) -> Result:
        return self.runner.run(self.kn_argv(*arguments), timeout=timeout, show=show)

    def get(self, references: Iterable[str], *, namespaced: bool = True) -> list[Object]:
        """The objects of these references that exist."""
        wanted = list(references)
        if not wanted:
            return []
        result = self.kubectl(
            "get", *wanted, "--ignore-not-found", "-o", "json", namespaced=namespaced
        )
        return _items(result)

    def one(self, reference: str, *, namespaced: bool = True) -> Object | None:
        return next(iter(self.get([reference], namespaced=namespaced)), None)

    def every(
        self, resource: str, *, selector: str = "", fields: str = "", namespaced: bool = True
    ) -> list[Object]:
        more = ["-l", selector] if selector else []
        more += ["--field-selector", fields] if fields else []
        return _items(self.kubectl("get", resource, *more, "-o", "json", namespaced=namespaced))

    def raw(self, path: str) -> Any | None:
        """The API server's JSON at a path; None where it answers NotFound."""
        result = self.kubectl("get", "--raw", path, check=False, namespaced=False)
        if result.code != 0:
            if "NotFound" in result.stderr or "could not find" in result.stderr:
                return None
            raise CommandFailed(f"kubectl get --raw {path}", result.code, result.stderr)
        return result.json()

    def apply(self, items: Sequence[Object], *, take_over: bool = False) -> list[Object]:
        """Server-side apply; the objects as the cluster then has them.

        It is retried while a webhook or the API server is starting. Raises `OpsError`.
        """
        more = ["--force-conflicts"] if take_over else []
        command = ["apply", "--server-side", f"--field-manager={FIELD_MANAGER}", *more]
        for attempt in range(1, _TRIES + 1):
            try:
                return _items(
                    # Without -n: each object names its own namespace.
                    self.kubectl(
                        *command, "-f", "-", "-o", "json", stdin=documents(items), namespaced=False
                    )
                )
            except CommandFailed as error:
                if attempt == _TRIES or not any(each in error.stderr for each in _TRANSIENT):
                    raise explained(error) from error
                reason = error.stderr.strip().rpartition("\n")[2][:200]
                self.runner.console.print(f"  refused, trying again: {reason}")
                self.runner.clock.sleep(_PAUSE * attempt)
        raise AssertionError("the last try returns or raises")

    def create_secretly(self, item: Object) -> None:
        """Create an object with secret content, which is passed on standard input."""
        self.kubectl("create", "-f", "-", "-o", "name", stdin=documents([item]), namespaced=False)

    def _global_options(self, namespaced: bool) -> list[str]:
        found = ["--context", self.context] if self.context else []
        found += ["--kubeconfig", self.kubeconfig] if self.kubeconfig else []
        return found + (["-n", self.namespace] if namespaced and self.namespace else [])


def connect(session: Session, options: ClusterOptions, *, show: bool = False) -> Cluster:
    """The cluster of the options. Raises `WrongOptions` where the context is missing or unknown."""
    cluster = Cluster(
        session.runner, namespace=options.namespace or DEFAULT_NAMESPACE, show=show,
        kubeconfig=options.kubeconfig,
    )  # fmt: skip
    listing = cluster.kubectl("config", "get-contexts", "-o", "name", namespaced=False, show=False)
    known = listing.stdout.split()
    if options.context not in known:
        problem = "Which cluster? Give --context"
        if options.context:
            problem = f"--context: kubectl knows no context {options.context!r}"
        names = ", ".join(sorted(known)) or "none"
        raise WrongOptions(f"{problem}. The contexts of kubectl are: {names}.")
    cluster.context = options.context
    return cluster


def explained(error: CommandFailed) -> OpsError:
    """A failed apply, with what to do about it."""
    stderr = error.stderr
    if "conflict" in stderr and "Apply failed" in stderr:
        advice = (
            "kn or kubectl changed these fields since the last deploy. Put the change into the\n"
            "manifests, or overwrite it with --take-over."
        )
    elif "failed calling webhook" in stderr:
        advice = (
            "The API server cannot reach that webhook. Check whether its pod runs; on EKS the\n"
            "nodes' security group must admit the control plane (ports 443 and 8443)."
        )
    elif "no matches for kind" in stderr:
        advice = f"The platform is incomplete: {invocation.command('platform -- --check')}"
    elif "is forbidden" in stderr:
        advice = "This account lacks the permission for that."
    elif 'PersistentVolumeClaim "backup-' in stderr and "immutable" in stderr:
        advice = (
            "The backups would move to another StorageClass, but a claim cannot. Copy what is to\n"
            "be kept, delete the claims (kubectl delete pvc -l\n"
            "app.kubernetes.io/component=backup) and deploy again: see docs/runbooks/backup.md."
        )
    elif any(each in stderr for each in ("is immutable", "Forbidden: updates to", "Immutable")):
        advice = (
            "That field cannot be changed in place. Move the database or queue to a new object\n"
            "with another name: see docs/runbooks/README.md."
        )
    else:
        return error
    return OpsError(f"{error}\n{advice}")


def _items(result: Result) -> list[Object]:
    if not result.stdout.strip():
        return []
    found = result.json()
    items: list[Object] = found["items"] if found.get("kind") == "List" else [found]
    return items
