"""`kubectl` and `kn` on one context and namespace, and what they answer as plain dicts.

The context is in every command: a deploy can never land in the cluster that somebody happened to
look at last.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from knative.ops.errors import CommandFailed, OpsError
from knative.ops.runner import Result, Runner

FIELD_MANAGER = "bookstore-deploy"
Object = dict[str, Any]

# In C where PyYAML was built so; the whole shop takes a second in Python, and none in C.
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_PASSING = (
    "context deadline exceeded",
    "connection refused",
    "no endpoints available",
    "EOF",
    # cert-manager puts an authority into a new webhook a moment after it is there.
    "certificate signed by unknown authority",
)
_TRIES = 4
_PAUSE = 5.0


def group_of(api_version: str) -> str:
    return api_version.rpartition("/")[0]


def reference(item: Object) -> str:
    """`KIND.GROUP/NAME`, which kubectl takes wherever it takes a name."""
    kind, group = item["kind"].lower(), group_of(item["apiVersion"])
    name = item["metadata"]["name"]
    return f"{kind}.{group}/{name}" if group else f"{kind}/{name}"


def key_of(item: Object) -> tuple[str, str, str]:
    """What stays the same when a version of an API goes: group, kind, name."""
    return group_of(item["apiVersion"]), item["kind"], item["metadata"]["name"]


@dataclass
class Cluster:
    runner: Runner
    context: str = ""
    namespace: str = ""
    kubeconfig: str = ""
    show: bool = False
    """Show also the commands that only read."""

    def kubectl_argv(self, *arguments: str, namespaced: bool = True) -> list[str]:
        return ["kubectl", *self._where(namespaced), *arguments]

    def kn_argv(self, *arguments: str) -> list[str]:
        # kn wants its global options behind the command.
        return ["kn", *arguments, *self._where(namespaced=True)]

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
        """Those of them that exist."""
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
        """What the API server answers at a path; None where it says that there is nothing."""
        result = self.kubectl("get", "--raw", path, check=False, namespaced=False)
        if result.code != 0:
            if "NotFound" in result.stderr or "could not find" in result.stderr:
                return None
            raise CommandFailed(f"kubectl get --raw {path}", result.code, result.stderr)
        return result.json()

    def apply(self, items: Sequence[Object], *, take_over: bool = False) -> list[Object]:
        """Server-side apply; what the cluster then holds.

        Tried again where a webhook or the API server is only just coming up.
        """
        more = ["--force-conflicts"] if take_over else []
        command = ["apply", "--server-side", f"--field-manager={FIELD_MANAGER}", *more]
        for attempt in range(1, _TRIES + 1):
            try:
                return _items(
                    # No -n: each object says for itself where it belongs.
                    self.kubectl(
                        *command, "-f", "-", "-o", "json", stdin=documents(items), namespaced=False
                    )
                )
            except CommandFailed as error:
                if attempt == _TRIES or not any(each in error.stderr for each in _PASSING):
                    raise explained(error) from error
                said = _last_line(error.stderr)
                self.runner.console.say(f"  not taken yet, trying again: {said}")
                self.runner.clock.sleep(_PAUSE * attempt)
        raise AssertionError("the last try returns or raises")

    def create_secretly(self, item: Object) -> None:
        """Create an object whose content is nobody's business: it goes by standard input."""
        self.kubectl("create", "-f", "-", "-o", "name", stdin=documents([item]), namespaced=False)

    def _where(self, namespaced: bool) -> list[str]:
        where = ["--context", self.context] if self.context else []
        where += ["--kubeconfig", self.kubeconfig] if self.kubeconfig else []
        return where + (["-n", self.namespace] if namespaced and self.namespace else [])


def documents(items: Sequence[Object]) -> str:
    return "---\n".join(
        yaml.dump(item, Dumper=_DUMPER, sort_keys=False, allow_unicode=True) for item in items
    )


def objects(text: str) -> list[Object]:
    return [item for item in yaml.load_all(text, Loader=_LOADER) if item]


def explained(error: CommandFailed) -> OpsError:
    """The failed apply, with what is to be done about it."""
    said = error.stderr
    if "conflict" in said and "Apply failed" in said:
        return OpsError(
            f"{error}\n"
            "Somebody else changed these fields since the last deploy, by kn or kubectl. Bring\n"
            "the change into the manifests, or let deploy take them over with --take-over."
        )
    if "failed calling webhook" in said:
        return OpsError(
            f"{error}\n"
            "The API server asks that webhook, and cannot reach it. Look whether its pod runs; on\n"
            "EKS the nodes' security group must let the control plane in (ports 443 and 8443)."
        )
    if "no matches for kind" in said:
        return OpsError(f"{error}\nThe platform is not complete: nox -s platform -- --check")
    if "is forbidden" in said:
        return OpsError(f"{error}\nThis account may not do that here: ask for the right.")
    if 'PersistentVolumeClaim "backup-' in said and "immutable" in said:
        return OpsError(
            f"{error}\n"
            "The backups are to go to another storage class, and a claim cannot move. Copy what\n"
            "is to be kept, delete the claims (kubectl delete pvc -l\n"
            "app.kubernetes.io/component=backup) and deploy again: see docs/runbooks/backup.md."
        )
    if "is immutable" in said or "Forbidden: updates to" in said or "Immutable" in said:
        return OpsError(
            f"{error}\n"
            "That field cannot change in place. A database or queue must be moved to a new object\n"
            "with another name: see docs/runbooks/README.md."
        )
    return error


def _items(result: Result) -> list[Object]:
    if not result.stdout.strip():
        return []
    found = result.json()
    items: list[Object] = found["items"] if found.get("kind") == "List" else [found]
    return items


def _last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2][:200]
