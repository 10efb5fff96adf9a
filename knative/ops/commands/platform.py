"""`nox -s platform`: installs or upgrades the platform, at the versions of versions.toml.

Part by part, each ready before the next, because a webhook that is not running yet refuses every
object. It asks for confirmation; `--check` only reports, `--print` only prints the commands.
"""

import json
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from knative.ops.cli.errors import CommandFailed, WrongOptions
from knative.ops.cli.options import DEFAULT_NAMESPACE, ROOT, PlatformOptions
from knative.ops.cli.session import Session, run
from knative.ops.cli.versions import Part, Setting, parsed, pins
from knative.ops.cluster import installed
from knative.ops.cluster.cluster import Cluster, connect
from knative.ops.cluster.installed import workload
from knative.ops.manifests.mirrors import RELEASES, Mirrors
from knative.ops.manifests.mirrors import read as read_release
from knative.ops.objects import documents, objects

FIELD_MANAGER = "bookstore-platform"
GATEWAY_CONFIG = "config-kourier"
_ROLLOUT_SECONDS = 300
_TRIES = 5
_PAUSE = 6.0


def platform(session: Session) -> int:
    options = session.options(PlatformOptions)
    wanted = pins()
    groups = {"", *options.with_}
    parts = [
        each for each in wanted.parts if each.only in {"", options.overlay} and each.group in groups
    ]
    namespace = options.namespace or DEFAULT_NAMESPACE
    settings = [
        _with_hops(each.of_shop(namespace), options.gateway_hops)
        for each in wanted.settings
        if each.group in groups
    ]
    mirrors = Mirrors(options.mirror)
    if options.print:
        if mirrors.registries:
            raise WrongOptions(
                "--print prints kubectl commands, which cannot rewrite images: leave it out, or"
                f" mirror {RELEASES} only."
            )
        cluster = Cluster(session.runner, context=options.context, kubeconfig=options.kubeconfig)
        for argv in _commands(cluster, parts, settings, mirrors):
            session.console.result(shlex.join(argv))
        return 0
    cluster = connect(session, options)
    complete = report(cluster, parts, settings)
    if options.check:
        return 0 if complete else 1
    question = f"Install or upgrade these in context {cluster.context}?"
    session.confirm(question, assume=options.yes)
    for part in parts:
        _install(cluster, part, mirrors)
    for setting in settings:
        session.console.heading(f"{setting.configmap} in {setting.namespace}")
        cluster.kubectl(*_patch(setting), show=True, namespaced=False)
    return 0 if report(cluster, parts, settings) else 1


def _with_hops(setting: Setting, hops: int) -> Setting:
    """The setting with the gateway's number of trusted proxies. It is part of every run, so that an
    earlier number is overwritten."""
    if setting.configmap != GATEWAY_CONFIG:
        return setting
    return replace(setting, data={**setting.data, "trusted-hops-count": str(hops)})


def report(cluster: Cluster, parts: Sequence[Part], settings: Sequence[Setting]) -> bool:
    """Whether every part is ready and at least at its pinned version, and every setting is made."""
    rows = []
    for part in parts:
        text, good = _judged(part, installed.version_of(cluster, part))
        rows.append((good, part.name, part.version, text))
    for setting in settings:
        found = installed.settings_in(cluster, setting)
        for name, value in setting.data.items():
            current = found.data.get(name, "not set")
            if found.forbidden:
                current = "this account may not read it"
            good = current == value
            rows.append((good, name, "", current if good else f"{current}, to be {value}"))
    console = cluster.runner.console
    console.heading("platform")
    console.table([("ok" if good else "TO DO", *texts) for good, *texts in rows])
    return all(good for good, *_ in rows)


def _judged(part: Part, found: installed.Installed) -> tuple[str, bool]:
    """The installed version of a part in words, and whether it is sufficient."""
    if found.forbidden:
        return "this account may not read it", False
    if not found.exists:
        return "missing" if part.is_installed_here else "missing: see knative/eks", False
    if not found.version:
        return "installed, of an unknown version", found.ready
    if parsed(found.version) < parsed(part.version):
        return f"{found.version} is installed", False
    return f"{found.version} is installed" + ("" if found.ready else ", not ready"), found.ready


def _install(cluster: Cluster, part: Part, mirrors: Mirrors) -> None:
    console = cluster.runner.console
    console.heading(f"{part.name} {part.version}")
    if not part.is_installed_here:
        console.print("  comes with the cluster: see knative/eks")
        return
    for url in part.addresses:
        source, content = mirrors.release(url), None
        if mirrors.registries:
            items = objects(read_release(source))
            mirrors.rewrite(items)
            console.print(f"  {source}, with images from mirrors, as standard input of:")
            source, content = "-", documents(items)
        _apply_with_retries(cluster, _apply(source), content)
    for crd in part.crds:
        cluster.kubectl(*_established(crd), show=True, namespaced=False)
    if part.folder:
        _apply_folder(cluster, ROOT / part.folder, mirrors)
    for line in _ready(part):
        cluster.kubectl(*line, show=True, namespaced=False, timeout=_ROLLOUT_SECONDS + 30)


def _apply_folder(cluster: Cluster, folder: Path, mirrors: Mirrors) -> None:
    """A kustomization of ours. Images without a host are docker.io's, as in a release file."""
    if not mirrors.registries:
        _apply_with_retries(cluster, _apply(str(folder), "-k"), None)
        return
    items = objects(cluster.kubectl("kustomize", str(folder), namespaced=False).stdout)
    mirrors.rewrite(items)
    cluster.runner.console.print(f"  {folder}, with images from mirrors, as standard input of:")
    _apply_with_retries(cluster, _apply("-"), documents(items))


def _apply_with_retries(cluster: Cluster, arguments: Sequence[str], content: str | None) -> None:
    """The webhook of an earlier part may be ready before its certificate is known."""
    for attempt in range(1, _TRIES + 1):
        try:
            cluster.kubectl(
                *arguments, stdin=content, show=attempt == 1, namespaced=False, timeout=300.0
            )
        except CommandFailed as error:
            if attempt == _TRIES:
                raise
            lines = error.stderr.strip().splitlines() or [""]
            cluster.runner.console.print(f"  refused, trying again: {lines[-1][:200]}")
            cluster.runner.clock.sleep(_PAUSE * attempt)
        else:
            return


def _commands(
    cluster: Cluster, parts: Sequence[Part], settings: Sequence[Setting], mirrors: Mirrors
) -> Iterator[list[str]]:
    for part in parts:
        if not part.is_installed_here:
            continue
        lines = [_apply(mirrors.release(url)) for url in part.addresses]
        lines += [_established(crd) for crd in part.crds]
        # Relative, so that the commands run in any clone.
        lines += [_apply(part.folder, "-k")] if part.folder else []
        lines += _ready(part)
        for line in lines:
            yield cluster.kubectl_argv(*line, namespaced=False)
    for setting in settings:
        yield cluster.kubectl_argv(*_patch(setting), namespaced=False)


def _apply(source: str, flag: str = "-f") -> list[str]:
    # Server-side: some definitions are larger than an annotation may be. Conflicts are forced,
    # because an upgrade takes over fields that an older kubectl apply owns.
    options = ["--server-side", "--force-conflicts", f"--field-manager={FIELD_MANAGER}"]
    return ["apply", *options, flag, source]


def _established(crd: str) -> list[str]:
    return ["wait", "--for=condition=Established", f"crd/{crd}", "--timeout=120s"]


def _ready(part: Part) -> list[list[str]]:
    """The commands that wait for a part. What an operator makes has no rollout to follow yet: its
    own object says when the pods are those of the newest generation."""
    more = ["-n", part.namespace, f"--timeout={_ROLLOUT_SECONDS}s"]
    if part.available:
        return [["wait", "--for=condition=Available", each, *more] for each in part.available]
    return [["rollout", "status", workload(each), *more] for each in part.deployments]


def _patch(setting: Setting) -> list[str]:
    content = json.dumps({"data": dict(setting.data)})
    name = f"configmap/{setting.configmap}"
    return ["patch", name, "-n", setting.namespace, "--type=merge", f"--patch={content}"]


if __name__ == "__main__":
    sys.exit(run(platform))
