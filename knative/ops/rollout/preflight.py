"""What is looked at before anything is changed; all that is wrong is said at once.

Only reading, and only what an ordinary account may read: what kinds the cluster serves is asked of
discovery, which is open to all; what an account may not see is said, and does not stop the deploy.
"""

import json
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence

from knative.ops.cli.errors import CommandFailed, OpsError, ToolMissing, listed
from knative.ops.cli.versions import Pins, minor
from knative.ops.cluster import installed
from knative.ops.cluster.cluster import Cluster
from knative.ops.manifests.builders import is_local
from knative.ops.manifests.transforms import EFS
from knative.ops.objects import Object, group_of, knative_services, of_kind

_NO_RABBITMQ = (EFS, "nfs.csi.k8s.io", "file.csi.azure.com")
_UNSET_FILE_SYSTEM = "fs-00000000000000000"
_SETTINGS = ("configmap/config-deployment", "-n", "knative-serving")
_KOURIER = "config-kourier"
_WRITTEN_BY_ENVOY = "x-envoy-external-address"
_ENVOY_WRITES = ("use-remote-address", "enable-proxy-protocol")
"""Either makes Envoy take the connection's address, or the PROXY protocol's."""
_SKIPPING = "registries-skipping-tag-resolving"
_SKIPPED = "kind.local,ko.local,dev.local"
"""What Knative skips by itself."""
_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"


def check(cluster: Cluster, items: Sequence[Object], pins: Pins) -> None:
    """Raises `OpsError`, which names everything that is wrong."""
    console = cluster.runner.console
    problems: list[str] = []
    looks: tuple[tuple[str, Callable[[], Iterator[str]]], ...] = (
        ("Kubernetes and tools", lambda: _versions(cluster, pins)),
        ("kinds that the cluster knows", lambda: _kinds(cluster, items)),
        ("versions of the platform", lambda: _platform(cluster, pins)),
        ("who tells the client's address", lambda: _gateway(cluster, items, pins)),
        ("storage classes", lambda: _storage(cluster, items)),
        ("images", lambda: _images(cluster, items)),
        (f"namespace {cluster.namespace}", lambda: _namespace(cluster)),
    )
    for title, look in looks:
        with console.step(title) as step:
            found = _seen(cluster, look)
            problems += found
            step.done(f"{len(found)} to put right" if found else "")
    if problems:
        raise OpsError(listed("This cluster cannot take the shop yet:", problems))


def _seen(cluster: Cluster, look: Callable[[], Iterator[str]]) -> list[str]:
    try:
        return list(look())
    except CommandFailed as error:
        if "forbidden" not in error.stderr.lower():
            raise
        last = error.stderr.strip().splitlines()[-1]
        cluster.runner.console.warn(f"not looked at, this account may not: {last}")
        return []


def _versions(cluster: Cluster, pins: Pins) -> Iterator[str]:
    console = cluster.runner.console
    told = cluster.kubectl("version", "-o", "json", namespaced=False).json()
    server = told["serverVersion"]["gitVersion"]
    client = told["clientVersion"]["gitVersion"]
    if minor(server) < minor(pins.kubernetes):
        yield f"Kubernetes {server} is too old: {pins.kubernetes} or newer is needed"
    if abs(minor(server)[1] - minor(client)[1]) > 1:
        console.warn(f"kubectl {client} is not meant for a server {server}: one apart is supported")
    try:
        said = cluster.runner.run(["kn", "version"], check=False).stdout
    except ToolMissing:
        console.warn("kn is not there: deploy can do without, canary and rollback cannot")
        return
    if (found := minor(said)) and found < minor(pins.tools["kn"]):
        console.warn(f"kn {'.'.join(map(str, found))} is older than {pins.tools['kn']}")


def _kinds(cluster: Cluster, items: Iterable[Object]) -> Iterator[str]:
    wanted: dict[str, set[str]] = {}
    for item in items:
        wanted.setdefault(item["apiVersion"], set()).add(item["kind"])
    for version, kinds in sorted(wanted.items()):
        path = f"/apis/{version}" if group_of(version) else f"/api/{version}"
        answer = cluster.raw(path)
        served = {each["kind"] for each in answer["resources"]} if answer else set()
        for kind in sorted(kinds - served):
            yield f"{version} {kind} is not there: nox -s platform -- --check tells what is missing"


def _platform(cluster: Cluster, pins: Pins) -> Iterator[str]:
    """Nothing here stops a deploy: what a kind lacks, `_kinds` has said."""
    for part in pins.parts:
        if part.only:
            continue
        there = installed.version_of(cluster, part)
        if there.unseen:
            cluster.runner.console.warn(f"{part.name}: this account may not look at it")
        elif there.version and minor(there.version) < minor(part.version):
            cluster.runner.console.warn(
                f"{part.name} is {there.version}; tried with {part.version}: nox -s platform"
            )
    yield from ()


def _gateway(cluster: Cluster, items: Iterable[Object], pins: Pins) -> Iterator[str]:
    """Envoy writes the header that the services believe only where Kourier has it do so; else it
    passes on what the caller has written, and each could choose its own address."""
    believed = {
        (each.get("data") or {}).get("CLIENT_ADDRESS_HEADER", "").lower()
        for each in of_kind(items, "ConfigMap", "")
    }
    wanted = [each for each in pins.settings if each.configmap == _KOURIER]
    if _WRITTEN_BY_ENVOY not in believed or not wanted:
        return
    found = installed.settings_in(cluster, wanted[0])
    if found.unseen:
        cluster.runner.console.warn(f"{_KOURIER}: this account may not look at it")
    elif found.there and "true" not in {found.data.get(name) for name in _ENVOY_WRITES}:
        yield (
            f"{_KOURIER} lets callers choose the address that logins are counted by:"
            " use-remote-address must be true. nox -s platform sets it"
        )


def _images(cluster: Cluster, items: Iterable[Object]) -> Iterator[str]:
    """Nothing here stops a deploy, because another node may see what this one cannot."""
    tags = {
        container["image"]
        for service in knative_services(items)
        for container in service["spec"]["template"]["spec"]["containers"]
        if "@" not in container["image"] and is_local(container["image"])
    }
    registries = {image.partition("/")[0] for image in tags}
    for registry in sorted(registries - _taken_as_they_are(cluster)) if registries else ():
        patch = json.dumps({"data": {_SKIPPING: f"{_SKIPPED},{registry}"}})
        cluster.runner.console.warn(
            f"Knative's controller asks {registry} what a tag means, and in its pod that is another"
            " machine: no revision would get ready. Push with nox -s build, which records digests;"
            " or let Knative take tags of it as they are:"
        )
        cluster.runner.console.command(
            shlex.join(
                cluster.kubectl_argv(
                    *("patch", *_SETTINGS, "--type", "merge", "-p", patch), namespaced=False
                )
            )
        )
    yield from ()


def _taken_as_they_are(cluster: Cluster) -> set[str]:
    """Registries whose tags Knative does not ask about."""
    found = cluster.kubectl(
        *("get", *_SETTINGS, "--ignore-not-found", "-o", "json"), check=False, namespaced=False
    )
    settings = found.json() if found.code == 0 and found.stdout.strip() else {}
    said: str = (settings.get("data") or {}).get(_SKIPPING, "")
    return {each.strip() for each in said.split(",")}


def _storage(cluster: Cluster, items: Sequence[Object]) -> Iterator[str]:
    made = {
        each["metadata"]["name"]: each for each in of_kind(items, "StorageClass", "storage.k8s.io")
    }
    named = {name for name, _ in _classes(items) if name}
    there = {
        each["metadata"]["name"]: each
        for each in cluster.every("storageclasses.storage.k8s.io", namespaced=False)
    }
    known = there | made
    for name in sorted(named - set(known)):
        yield f"StorageClass {name} is not there: there are {', '.join(sorted(there)) or 'none'}"
    if any(not name for name, _ in _classes(items)) and not any(map(_is_default, there.values())):
        yield (
            "no StorageClass is the default, and the overlay names none: give --storage-class"
            f" ({', '.join(sorted(there)) or 'there is none'})"
        )
    for name, kind in _classes(items):
        if kind == "RabbitmqCluster" and known.get(name, {}).get("provisioner") in _NO_RABBITMQ:
            yield f"RabbitMQ must not be on {name}, a network file system: --rabbitmq-storage-class"
    for name in sorted(named & set(made)):
        if made[name].get("parameters", {}).get("fileSystemId") == _UNSET_FILE_SYSTEM:
            yield f"StorageClass {name} names no file system: give --efs-file-system"


def _classes(items: Iterable[Object]) -> Iterator[tuple[str, str]]:
    """Each claim's class, "" for the default one, and the kind that it is for."""
    for item in items:
        if item["kind"] == "StatefulSet":
            for claim in item["spec"].get("volumeClaimTemplates", []):
                yield claim["spec"].get("storageClassName", ""), "StatefulSet"
        elif item["kind"] == "PersistentVolumeClaim":
            yield item["spec"].get("storageClassName", ""), "PersistentVolumeClaim"
        elif item["kind"] == "RabbitmqCluster":
            persistence = item["spec"].get("persistence", {})
            yield persistence.get("storageClassName", ""), "RabbitmqCluster"


def _is_default(item: Object) -> bool:
    annotations = item["metadata"].get("annotations") or {}
    return bool(annotations.get(_DEFAULT_CLASS) == "true")


def _namespace(cluster: Cluster) -> Iterator[str]:
    found = cluster.one(f"namespace/{cluster.namespace}", namespaced=False)
    if found and found.get("status", {}).get("phase") == "Terminating":
        held = [
            condition["message"]
            for condition in found["status"].get("conditions") or ()
            if condition["status"] == "True" and condition.get("message")
        ]
        yield f"namespace {cluster.namespace} is being deleted: wait. " + " ".join(held)
