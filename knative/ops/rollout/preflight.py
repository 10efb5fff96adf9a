"""Checks before anything is changed; all problems are reported at once.

They only read, and only what an ordinary account may read: the kinds that the cluster serves come
from discovery, which every account may use. What an account may not read is reported, and does not
stop the deploy.
"""

import json
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence

from knative.ops.cli import invocation
from knative.ops.cli.errors import CommandFailed, OpsError, ToolMissing, listed
from knative.ops.cli.values import OBSERVABILITY
from knative.ops.cli.versions import Pins, minor
from knative.ops.cluster import installed
from knative.ops.cluster.cluster import Cluster
from knative.ops.image import Image
from knative.ops.manifests.builders import is_local
from knative.ops.manifests.transforms import EFS
from knative.ops.objects import Object, group_of, knative_services, of_kind

_NETWORK_FILE_SYSTEMS = (EFS, "nfs.csi.k8s.io", "file.csi.azure.com")
_UNSET_FILE_SYSTEM = "fs-00000000000000000"
_DEPLOYMENT_CONFIG = ("configmap/config-deployment", "-n", "knative-serving")
_KOURIER = "config-kourier"
_ENVOY_HEADER = "x-envoy-external-address"
_ENVOY_SETTINGS = ("use-remote-address", "enable-proxy-protocol")
"""With either, Envoy writes the header from the connection's or the PROXY protocol's address."""
_SKIPPING = "registries-skipping-tag-resolving"
_MONITORING = "monitoring.coreos.com"
"""The group of the Prometheus operator."""
_SKIPPED_BY_DEFAULT = "kind.local,ko.local,dev.local"
_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"


def check(
    cluster: Cluster, items: Sequence[Object], pins: Pins, built: Iterable[Image] = ()
) -> None:
    """Raises `OpsError`, which names all problems.

    `built` are images whose platforms are known.
    """
    console = cluster.runner.console
    problems: list[str] = []
    checks: tuple[tuple[str, Callable[[], Iterable[str]]], ...] = (
        ("Kubernetes and tools", lambda: _versions(cluster, pins)),
        ("kinds that the cluster serves", lambda: _kinds(cluster, items)),
        ("versions of the platform", lambda: _platform(cluster, pins)),
        ("source of the client's address", lambda: _gateway(cluster, items, pins)),
        ("storage classes", lambda: _storage(cluster, items)),
        ("images", lambda: _images(cluster, items)),
        ("processors of the nodes", lambda: _processors(cluster, built)),
        (f"namespace {cluster.namespace}", lambda: _namespace(cluster)),
    )
    for title, run in checks:
        with console.step(title) as step:
            found = _permitted(cluster, run)
            problems += found
            step.done(f"{len(found)} problems" if found else "")
    if problems:
        raise OpsError(listed("This cluster cannot run the shop yet:", problems))


def _permitted(cluster: Cluster, run: Callable[[], Iterable[str]]) -> list[str]:
    """The problems; none where this account may not read."""
    try:
        return list(run())
    except CommandFailed as error:
        if "forbidden" not in error.stderr.lower():
            raise
        last = error.stderr.strip().splitlines()[-1]
        cluster.runner.console.warn(f"not checked, this account may not read it: {last}")
        return []


def _versions(cluster: Cluster, pins: Pins) -> Iterator[str]:
    console = cluster.runner.console
    versions = cluster.kubectl("version", "-o", "json", namespaced=False).json()
    server = versions["serverVersion"]["gitVersion"]
    client = versions["clientVersion"]["gitVersion"]
    if minor(server) < minor(pins.kubernetes):
        yield f"Kubernetes {server} is too old: {pins.kubernetes} or newer is needed"
    if abs(minor(server)[1] - minor(client)[1]) > 1:
        console.warn(
            f"kubectl {client} does not support a server {server}: they may differ by one minor"
        )
    try:
        output = cluster.runner.run(["kn", "version"], check=False).stdout
    except ToolMissing:
        console.warn("kn is not installed: deploy works without it, canary and rollback do not")
        return
    if (found := minor(output)) and found < minor(pins.tools["kn"]):
        console.warn(f"kn {'.'.join(map(str, found))} is older than {pins.tools['kn']}")


def _kinds(cluster: Cluster, items: Iterable[Object]) -> Iterator[str]:
    wanted: dict[str, set[str]] = {}
    for item in items:
        wanted.setdefault(item["apiVersion"], set()).add(item["kind"])
    for version, kinds in sorted(wanted.items()):
        path = f"/apis/{version}" if group_of(version) else f"/api/{version}"
        answer = cluster.raw(path)
        served = {each["kind"] for each in answer["resources"]} if answer else set()
        more = f" --with {OBSERVABILITY}" if group_of(version) == _MONITORING else ""
        command = invocation.command(f"platform -- --check{more}")
        for kind in sorted(kinds - served):
            yield f"{version} {kind} is not served: {command} shows what is missing"


def _platform(cluster: Cluster, pins: Pins) -> Iterable[str]:
    """Warnings only: `_kinds` reports what a deploy cannot do without."""
    console = cluster.runner.console
    for part in pins.parts:
        if part.only:
            continue
        found = installed.version_of(cluster, part)
        if found.forbidden:
            console.warn(f"{part.name}: this account may not read it")
        elif found.version and minor(found.version) < minor(part.version):
            command = invocation.command("platform")
            console.warn(
                f"{part.name} is {found.version}, older than {part.version}. To upgrade: {command}"
            )
    return ()


def _gateway(cluster: Cluster, items: Iterable[Object], pins: Pins) -> Iterator[str]:
    """The services trust a header that Envoy writes only with one of two settings of Kourier.
    Without, Envoy passes on the caller's own header, which can hold any address."""
    trusted = {
        (each.get("data") or {}).get("CLIENT_ADDRESS_HEADER", "").lower()
        for each in of_kind(items, "ConfigMap", "")
    }
    wanted = [each for each in pins.settings if each.configmap == _KOURIER]
    if _ENVOY_HEADER not in trusted or not wanted:
        return
    found = installed.settings_in(cluster, wanted[0])
    if found.forbidden:
        cluster.runner.console.warn(f"{_KOURIER}: this account may not read it")
    elif found.exists and "true" not in {found.data.get(name) for name in _ENVOY_SETTINGS}:
        yield (
            f"{_KOURIER} lets callers choose the address by which logins are throttled:"
            f" use-remote-address must be true. To set it: {invocation.command('platform')}"
        )


def _images(cluster: Cluster, items: Iterable[Object]) -> Iterable[str]:
    """Warnings only: a node may resolve names differently from this machine."""
    console = cluster.runner.console
    tags = {
        container["image"]
        for service in knative_services(items)
        for container in service["spec"]["template"]["spec"]["containers"]
        if "@" not in container["image"] and is_local(container["image"])
    }
    registries = {image.partition("/")[0] for image in tags}
    for registry in sorted(registries - _skipped_registries(cluster)) if registries else ():
        patch = json.dumps({"data": {_SKIPPING: f"{_SKIPPED_BY_DEFAULT},{registry}"}})
        console.warn(
            f"Knative's controller resolves tags at {registry}, which is another machine in its"
            " pod: no revision would become ready. Push with"
            f" {invocation.command('build -- --push')}, which records digests; or let Knative skip"
            " that registry:"
        )
        argv = ("patch", *_DEPLOYMENT_CONFIG, "--type", "merge", "-p", patch)
        console.command(shlex.join(cluster.kubectl_argv(*argv, namespaced=False)))
    return ()


def _processors(cluster: Cluster, built: Iterable[Image]) -> Iterator[str]:
    """An image for another processor is pulled, and ends at once: exec format error."""
    known = [image for image in built if image.platforms]
    if not known:
        return
    nodes = {
        f"{info['operatingSystem']}/{info['architecture']}"
        for node in cluster.every("nodes", namespaced=False)
        if (info := node.get("status", {}).get("nodeInfo"))
    }
    for image in known:
        missing = nodes - set(image.platforms)
        if not missing:
            continue
        built_for, wanted = ", ".join(image.platforms), ",".join(sorted(nodes))
        build = invocation.command(f"build -- --push --platform {wanted}")
        text = f"{image} is for {built_for}, and the nodes are {wanted}. To build for them: {build}"
        if missing == nodes:
            yield text
        else:
            cluster.runner.console.warn(text)


def _skipped_registries(cluster: Cluster) -> set[str]:
    """Registries whose tags Knative does not resolve."""
    found = cluster.kubectl(
        *("get", *_DEPLOYMENT_CONFIG, "--ignore-not-found", "-o", "json"),
        check=False,
        namespaced=False,
    )
    settings = found.json() if found.code == 0 and found.stdout.strip() else {}
    value: str = (settings.get("data") or {}).get(_SKIPPING, "")
    return {each.strip() for each in value.split(",")}


def _storage(cluster: Cluster, items: Sequence[Object]) -> Iterator[str]:
    applied = {
        each["metadata"]["name"]: each for each in of_kind(items, "StorageClass", "storage.k8s.io")
    }
    named = {name for name, _ in _classes(items) if name}
    existing = {
        each["metadata"]["name"]: each
        for each in cluster.every("storageclasses.storage.k8s.io", namespaced=False)
    }
    known = existing | applied
    names = ", ".join(sorted(existing)) or "none"
    for name in sorted(named - set(known)):
        yield f"StorageClass {name} does not exist. Existing: {names}"
    if any(not name for name, _ in _classes(items)) and not any(
        map(_is_default, existing.values())
    ):
        yield (
            "no StorageClass is the default, and the overlay names none: give --storage-class"
            f" ({names})"
        )
    for name, kind in _classes(items):
        network = known.get(name, {}).get("provisioner") in _NETWORK_FILE_SYSTEMS
        if kind == "RabbitmqCluster" and network:
            yield f"RabbitMQ must not be on {name}, a network file system: --rabbitmq-storage-class"
    for name in sorted(named & set(applied)):
        if applied[name].get("parameters", {}).get("fileSystemId") == _UNSET_FILE_SYSTEM:
            yield f"StorageClass {name} names no file system: give --efs-file-system"


def _classes(items: Iterable[Object]) -> Iterator[tuple[str, str]]:
    """Of each claim the class, "" for the default one, and the kind of its owner."""
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
        reasons = [
            condition["message"]
            for condition in found["status"].get("conditions") or ()
            if condition["status"] == "True" and condition.get("message")
        ]
        yield f"namespace {cluster.namespace} is being deleted: wait. " + " ".join(reasons)
