"""A fake `kubectl` and `kn`, on the state of a small cluster in memory or in a file.

It implements the calls that `knative/ops` makes, and fails on any other. It checks neither schemas
nor permissions. `controllers.py` writes the status of objects, `webhook.py` imitates Knative's
webhook. Every call is recorded with its arguments and standard input.
"""

import copy
import functools
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from knative.ops.cli.options import ROOT
from knative.ops.objects import objects
from tests.cluster.ops.controllers import settle
from tests.cluster.ops.webhook import admitted

Object = dict[str, Any]

CLUSTER_SCOPED = {
    "Namespace",
    "Node",
    "StorageClass",
    "ClusterDomainClaim",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleBinding",
}
PLURALS = {
    "storageclasses": "StorageClass",
    "ingresses": "Ingress",
    "networkpolicies": "NetworkPolicy",
}


@dataclass
class Answer:
    code: int = 0
    out: str = ""
    err: str = ""


@dataclass
class State:
    """The cluster."""

    objects: dict[str, Object] = field(default_factory=dict)
    contexts: list[str] = field(default_factory=lambda: ["kind-test", "production"])
    server: str = "v1.36.1"
    domain: str = "127.0.0.1.sslip.io"
    """In Knative's config-domain."""
    unserved: list[str] = field(default_factory=list)
    """Kinds that are missing in discovery."""
    faults: dict[str, str] = field(default_factory=dict)
    """The fault of an object, by `Kind/name`; see `controllers.py`."""
    starting: dict[str, int] = field(default_factory=dict)
    """How many reads of its status an object is not ready for, by `Kind/name`."""
    refusals: list[str] = field(default_factory=list)
    """Errors of the next applies."""
    revisions: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Current and update revision of a StatefulSet."""
    forbidden: list[str] = field(default_factory=list)
    """Resources that the account may not read."""
    defaults: dict[str, Any] = field(default_factory=dict)
    """Of Knative's config-defaults, for a container."""
    logs: dict[str, str] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    """The output of `kubectl exec`, by pod."""
    lingering: str = ""
    """The error of waiting for the end of pods."""
    calls: list[dict[str, Any]] = field(default_factory=list)
    routings: int = 0
    """How often a revision has come into a route or left it; the time of the next."""

    def put(self, item: Object) -> Object:
        """Server-side apply: the generation rises where the content differs."""
        key = identity(item)
        old = self.objects.get(key)
        new = copy.deepcopy(item)
        metadata = new["metadata"]
        if old is None:
            metadata["uid"] = f"uid-{len(self.objects)}"
            metadata["generation"] = 1
        else:
            if new["kind"] == "Service" and "traffic" in old.get("spec", {}):
                new["spec"].setdefault("traffic", old["spec"]["traffic"])
            same = _content(old) == _content(new)
            metadata["generation"] = old["metadata"]["generation"] + (not same)
            metadata["uid"] = old["metadata"]["uid"]
            new["status"] = old.get("status", {})
        self.objects[key] = new
        return new

    def of_kind(self, kind: str, group: str | None = None) -> list[Object]:
        return [
            each
            for each in self.objects.values()
            if each["kind"] == kind and group in {None, group_of(each)}
        ]


def identity(item: Object) -> str:
    namespace = "" if item["kind"] in CLUSTER_SCOPED else item["metadata"].get("namespace", "")
    return "/".join([group_of(item), item["kind"], namespace, item["metadata"]["name"]])


def group_of(item: Object) -> str:
    group: str = item["apiVersion"].rpartition("/")[0]
    return group


def _content(item: Object) -> Object:
    return {key: value for key, value in item.items() if key not in {"metadata", "status"}}


def answer(state: State, program: str, argv: list[str], stdin: str | None) -> Answer:
    state.calls.append({"program": program, "argv": argv, "stdin": stdin})
    arguments, options, flags = _parse(argv)
    words = _Kn(state) if program == "kn" else _Kubectl(state)
    verb = getattr(words, arguments[0].replace("-", "_"), None)
    if verb is None:
        return Answer(1, err=f"the fake does not implement: {program} {' '.join(argv)}")
    found: Answer = verb(arguments[1:], options, flags, stdin)
    settle(state)
    return found


_FLAGS = {
    "--ignore-not-found", "--server-side", "--force-conflicts", "--raw", "--prefix", "--follow",
    "--previous", "--all-containers", "--quiet",
}  # fmt: skip


def _parse(argv: list[str]) -> tuple[list[str], dict[str, list[str]], set[str]]:
    """Arguments, options with values, and flags; words after `--` are arguments."""
    arguments, options, flags = [], dict[str, list[str]](), set[str]()
    rest = iter(argv)
    for word in rest:
        if word == "--":
            arguments += list(rest)
        elif word.startswith("-"):
            name, equals, value = word.partition("=")
            if name in _FLAGS:
                flags.add(name)
            else:
                options.setdefault(name, []).append(value if equals else next(rest))
        else:
            arguments.append(word)
    return arguments, options, flags


Options = dict[str, list[str]]
_renderings: dict[str, Answer] = {}


def _rendered(folder: str, content: str) -> Answer:
    """Cached by content, because most tests render the same."""
    if content not in _renderings:
        argv = [os.environ["REAL_KUBECTL"], "kustomize", folder]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)  # noqa: S603
        _renderings[content] = Answer(done.returncode, done.stdout, done.stderr)
    return _renderings[content]


@functools.cache
def _rendered_folder(folder: str) -> Answer:
    """A folder of the repository, which no test changes."""
    argv = [os.environ["REAL_KUBECTL"], "kustomize", folder]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)  # noqa: S603
    return Answer(done.returncode, done.stdout, done.stderr)


@dataclass
class _Kubectl:
    state: State

    def config(self, words: list[str], options: Options, flags: set[str], _: object) -> Answer:
        return Answer(out="\n".join(self.state.contexts) + "\n")

    def version(self, words: list[str], options: Options, flags: set[str], _: object) -> Answer:
        versions = {
            "clientVersion": {"gitVersion": "v1.36.0"},
            "serverVersion": {"gitVersion": self.state.server},
        }
        return Answer(out=json.dumps(versions))

    def kustomize(self, words: list[str], options: Options, flags: set[str], _: object) -> Answer:
        """The real kubectl, which needs no cluster for it."""
        if Path(words[0]).is_relative_to(ROOT):
            return _rendered_folder(words[0])
        return _rendered(words[0], (Path(words[0]) / "kustomization.yaml").read_text("utf-8"))

    def get(self, words: list[str], options: Options, flags: set[str], _: object) -> Answer:
        if "--raw" in flags:
            return self._discovery(words[0])
        if refused := next((r for r in self.state.forbidden if r in words[0]), None):
            return Answer(1, err=f"Error from server (Forbidden): {refused} is forbidden")
        found = []
        space = (options.get("-n") or [""])[-1]
        by_name = "/" in words[0] or len(words) > 1
        if len(words) == 2 and "/" not in words[0]:
            words = [f"{words[0]}/{words[1]}"]
        for word in (part for each in words for part in each.split(",")):
            resource, _, name = word.partition("/")
            found += [
                o for o in self._named(resource, space) if name in {"", o["metadata"]["name"]}
            ]
        found = [o for o in found if _selected(o, options)]
        if options["-o"] == ["name"]:
            return Answer(out="".join(f"{_reference(each)}\n" for each in found))
        if by_name and not found:
            return Answer()
        if by_name and len(found) == 1 and len(words) == 1:
            return Answer(out=json.dumps(found[0]))
        return Answer(out=json.dumps({"kind": "List", "items": found}))

    def _named(self, resource: str, space: str) -> list[Object]:
        name, _, group = resource.partition(".")
        kinds = {each["kind"] for each in self.state.objects.values()}
        wanted = PLURALS.get(name) or next(
            (k for k in kinds if name in {k.lower(), f"{k.lower()}s"}), ""
        )
        return [
            each
            for each in self.state.of_kind(wanted)
            if group_of(each) == group
            and (each["kind"] in CLUSTER_SCOPED or each["metadata"].get("namespace") == space)
        ]

    def _discovery(self, path: str) -> Answer:
        from tests.cluster.ops.served import KINDS

        version = path.removeprefix("/apis/").removeprefix("/api/")
        kinds = [k for k in KINDS.get(version, []) if k not in self.state.unserved]
        if not kinds:
            return Answer(1, err="Error from server (NotFound): the server could not find that")
        return Answer(out=json.dumps({"resources": [{"kind": kind} for kind in kinds]}))

    def apply(self, words: list[str], options: Options, flags: set[str], stdin: str) -> Answer:
        if self.state.refusals:
            return Answer(1, err=self.state.refusals.pop(0))
        if folder := options.get("-k"):
            rendered = _rendered_folder(folder[0])
            if rendered.code:
                return rendered
            wanted = objects(rendered.out)
        elif options["-f"] != ["-"]:
            return Answer(out="serverside-applied\n")
        else:
            wanted = objects(stdin)
        for each in wanted:
            if refusal := admitted(
                each, self.state.objects.get(identity(each)), self.state.defaults
            ):
                return Answer(1, err=refusal)
        items = [self.state.put(each) for each in wanted]
        settle(self.state)
        if len(items) == 1:
            return Answer(out=json.dumps(items[0]))
        return Answer(out=json.dumps({"kind": "List", "items": items}))

    def create(self, words: list[str], options: Options, flags: set[str], stdin: str) -> Answer:
        for item in objects(stdin):
            if identity(item) in self.state.objects:
                return Answer(1, err=f"AlreadyExists: {item['metadata']['name']}")
            self.state.put(item)
        return Answer(out="created\n")

    def delete(self, words: list[str], options: Options, flags: set[str], _: object) -> Answer:
        space = (options.get("-n") or [""])[-1]
        out = []
        for word in (part for each in words for part in each.split(",")):
            resource, _, name = word.partition("/")
            for item in self._named(resource, space):
                if name in {"", item["metadata"]["name"]} and _selected(item, options):
                    del self.state.objects[identity(item)]
                    out.append(f"{_reference(item)} deleted")
                    if item["kind"] == "Namespace":
                        gone = [k for k in self.state.objects if f"/{name}/" in k]
                        for key in gone:
                            del self.state.objects[key]
        return Answer(out="\n".join(out))

    def logs(self, words: list[str], options: Options, flags: set[str], _: object) -> Answer:
        target = words[0] if words else options["-l"][0]
        return Answer(out=self.state.logs.get(target, ""))

    def exec(self, words: list[str], options: Options, flags: set[str], _: object) -> Answer:
        if words[0] not in self.state.answers:
            return Answer(1, err=f"Error from server (NotFound): pods {words[0]!r} not found")
        return Answer(out=self.state.answers[words[0]])

    def wait(self, words: list[str], options: Options, flags: set[str], _: object) -> Answer:
        if self.state.lingering and "--for" in options and words == ["pods"]:
            return Answer(1, err=self.state.lingering)
        return Answer(out="condition met\n")

    rollout = wait

    def patch(self, words: list[str], options: Options, flags: set[str], _: object) -> Answer:
        kind, _, name = words[0].partition("/")
        for item in self._named(kind, options["-n"][-1]):
            if name == item["metadata"]["name"]:
                _merge(item, json.loads(options["--patch"][-1]))
        return Answer(out="patched\n")


@dataclass
class _Kn:
    state: State

    def version(self, words: list[str], options: Options, flags: set[str], _: object) -> Answer:
        return Answer(out="Version:      v1.23.0\n")

    def revision(self, words: list[str], options: Options, flags: set[str], _: object) -> Answer:
        (service,) = options["-s"]
        items = [
            each
            for each in self.state.of_kind("Revision")
            if each["metadata"]["labels"]["serving.knative.dev/service"] == service
        ]
        return Answer(out=json.dumps({"kind": "List", "items": items}))

    def service(self, words: list[str], options: Options, flags: set[str], _: object) -> Answer:
        verb, name = words
        services = self.state.of_kind("Service", "serving.knative.dev")
        found = next(each for each in services if each["metadata"]["name"] == name)
        if "--traffic" not in options:
            return self._tag(found, options)
        traffic = []
        for target in options["--traffic"]:
            revision, _, percent = target.partition("=")
            each: Object = {"percent": int(percent), "latestRevision": revision == "@latest"}
            if revision != "@latest":
                each["revisionName"] = revision
            traffic.append(each)
        if verb != "update" or sum(each["percent"] for each in traffic) != 100:
            return Answer(1, err="the percentages must add up to 100")
        found["spec"]["traffic"] = traffic
        found["metadata"]["generation"] += 1
        return Answer(out=f"Service '{name}' updated\n")

    def _tag(self, service: Object, options: Options) -> Answer:
        """A tag of a revision without traffic is a target of its own, which goes with its tag."""
        traffic = service["spec"].get("traffic") or [{"latestRevision": True, "percent": 100}]
        taken_off = options.get("--untag", [])
        if set(taken_off) - {each.get("tag") for each in traffic}:
            return Answer(1, err=f"tag(s) {', '.join(taken_off)} not present for any revisions")
        for each in traffic:
            if each.get("tag") in taken_off:
                del each["tag"]
        for target in options.get("--tag", []):
            revision, _, tag = target.partition("=")
            if tag in {each.get("tag") for each in traffic}:
                return Answer(
                    1,
                    err=f"refusing to overwrite existing tag in service, add flag '--untag {tag}'",
                )
            known = (each for each in traffic if each.get("revisionName") == revision)
            found = next(known, None)
            if found is None:
                found = {"revisionName": revision, "latestRevision": False, "percent": 0}
                traffic.append(found)
            found["tag"] = tag
        service["spec"]["traffic"] = [
            each for each in traffic if each["percent"] or each.get("tag")
        ]
        service["metadata"]["generation"] += 1
        return Answer(out=f"Service '{service['metadata']['name']}' updated\n")


def _merge(into: Object, patch: Object) -> None:
    """RFC 7396, without removals."""
    for name, value in patch.items():
        if isinstance(value, dict):
            _merge(into.setdefault(name, {}), value)
        else:
            into[name] = value


def _selected(item: Object, options: Options) -> bool:
    labels = item["metadata"].get("labels") or {}
    for part in (p for each in options.get("-l", []) for p in each.split(",")):
        name, equals, value = part.partition("=")
        if name not in labels or (equals and labels[name] != value):
            return False
    for part in options.get("--field-selector", []):
        name, _, value = part.partition("=")
        if item.get(name) != value:
            return False
    return True


def _reference(item: Object) -> str:
    group = group_of(item)
    kind = item["kind"].lower() + (f".{group}" if group else "")
    return f"{kind}/{item['metadata']['name']}"


def main() -> None:
    """As a program on PATH, with the state in a file."""
    file = Path(os.environ["FAKE_CLUSTER"])
    state = State(**json.loads(file.read_text("utf-8")))
    program = Path(sys.argv[0]).name
    stdin = sys.stdin.read() if "-f" in sys.argv and "-" in sys.argv else None
    found = answer(state, program, sys.argv[1:], stdin)
    file.write_text(json.dumps(vars(state)), "utf-8")
    sys.stdout.write(found.out)
    sys.stderr.write(found.err)
    sys.exit(found.code)
