"""`nox -s platform`: installs or upgrades what the shop stands on, at the pins of versions.toml.

In their order, each ready before the next: a webhook that is not up yet refuses everything. It asks
first; `--check` only reports, `--print` only prints the commands.
"""

import json
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace

from knative.ops.cli.errors import CommandFailed, OpsError
from knative.ops.cli.session import Session, run
from knative.ops.cli.versions import Part, Setting, parsed, pins
from knative.ops.cluster import installed
from knative.ops.cluster.cluster import Cluster, connect
from knative.ops.commands.traffic_commands import options_of

MANAGER = "bookstore-platform"
GATEWAY = "config-kourier"
_ROLLOUT = 300
_TRIES = 5
_PAUSE = 6.0


def platform(session: Session) -> int:
    options = options_of(
        session,
        "platform",
        "Installs or upgrades the parts that the shop stands on.",
        *("yes", "check", "print", "overlay", "gateway_hops"),
        positionals=(),
    )
    wanted = pins()
    parts = [each for each in wanted.parts if each.only in {"", options.text("overlay")}]
    settings = [_with_hops(each, options.number("gateway_hops")) for each in wanted.settings]
    cluster = Cluster(session.runner, context=options.text("context"))
    cluster.kubeconfig = options.text("kubeconfig")
    if options.flag("print"):
        for argv in _commands(cluster, parts, settings):
            session.console.result(shlex.join(argv))
        return 0
    cluster = connect(session, options)
    complete = report(cluster, parts, settings)
    if options.flag("check"):
        return 0 if complete else 1
    question = f"Install or upgrade these in context {cluster.context}?"
    if not session.console.confirm(question, assume=options.flag("yes")):
        raise OpsError("Nothing was changed.")
    for part in parts:
        _install(cluster, part)
    for setting in settings:
        _set(cluster, setting)
    return 0 if report(cluster, parts, settings) else 1


def _with_hops(setting: Setting, hops: int) -> Setting:
    """The gateway's own count of proxies before it, set with each run: who is trusted is written
    in one place, and a number that somebody once tried is not left behind."""
    if setting.configmap != GATEWAY:
        return setting
    return replace(setting, data={**setting.data, "trusted-hops-count": str(hops)})


def report(cluster: Cluster, parts: Sequence[Part], settings: Sequence[Setting]) -> bool:
    """Whether each part is there, ready, and not older than its pin, and each setting as it is
    to be."""
    console = cluster.runner.console
    console.heading("platform")
    complete = True
    for part in parts:
        there = installed.version_of(cluster, part)
        said, good = _judged(part, there)
        complete &= good
        _line(cluster, good, part.name, part.version, said)
    for setting in settings:
        found = installed.settings_in(cluster, setting)
        for name, value in setting.data.items():
            good = found.data.get(name) == value
            complete &= good
            said = "this account may not look" if found.unseen else found.data.get(name, "not set")
            _line(cluster, good, name, "", said if good else f"{said}, to be {value}")
    return complete


def _line(cluster: Cluster, good: bool, name: str, version: str, said: str) -> None:
    mark = "ok" if good else "TO DO"
    cluster.runner.console.say(f"  {mark:<6} {name:<38} {version:<9} {said}")


def _judged(part: Part, there: installed.Installed) -> tuple[str, bool]:
    if there.unseen:
        return "this account may not look", False
    if not there.there:
        return "not there" if part.urls else "not there: see knative/eks", False
    if not there.version:
        return "there, and does not say which version", there.ready
    if parsed(there.version) < parsed(part.version):
        return f"{there.version} is there", False
    return f"{there.version} is there" + ("" if there.ready else ", not ready"), there.ready


def _install(cluster: Cluster, part: Part) -> None:
    console = cluster.runner.console
    console.heading(f"{part.name} {part.version}")
    if not part.urls:
        console.say("  comes with the cluster: see knative/eks")
    for url in part.addresses:
        _patiently(cluster, _apply(url))
    for crd in part.crds if part.urls else ():
        cluster.kubectl(*_established(crd), show=True, namespaced=False)
    for deployment in part.deployments if part.urls else ():
        cluster.kubectl(
            *_rolled_out(part, deployment), show=True, namespaced=False, timeout=_ROLLOUT + 30
        )


def _patiently(cluster: Cluster, arguments: Sequence[str]) -> None:
    """The webhook of the part before may be ready before its certificate is known."""
    for attempt in range(1, _TRIES + 1):
        try:
            cluster.kubectl(*arguments, show=attempt == 1, namespaced=False, timeout=300.0)
        except CommandFailed as error:
            if attempt == _TRIES:
                raise
            said = error.stderr.strip().splitlines() or [""]
            cluster.runner.console.say(f"  not taken yet, trying again: {said[-1][:200]}")
            cluster.runner.clock.sleep(_PAUSE * attempt)
        else:
            return


def _set(cluster: Cluster, setting: Setting) -> None:
    cluster.runner.console.heading(f"{setting.configmap} in {setting.namespace}")
    cluster.kubectl(*_patched(setting), show=True, namespaced=False)


def _commands(
    cluster: Cluster, parts: Sequence[Part], settings: Sequence[Setting]
) -> Iterator[list[str]]:
    for part in parts:
        if not part.urls:
            continue
        lines = [_apply(url) for url in part.addresses]
        lines += [_established(crd) for crd in part.crds]
        lines += [_rolled_out(part, deployment) for deployment in part.deployments]
        for line in lines:
            yield cluster.kubectl_argv(*line, namespaced=False)
    for setting in settings:
        yield cluster.kubectl_argv(*_patched(setting), namespaced=False)


def _apply(url: str) -> list[str]:
    # Server-side: some of these definitions are larger than an annotation may be. Conflicts are
    # forced, because an upgrade is meant to win over what an older kubectl apply owns.
    return ["apply", "--server-side", "--force-conflicts", f"--field-manager={MANAGER}", "-f", url]


def _established(crd: str) -> list[str]:
    return ["wait", "--for=condition=Established", f"crd/{crd}", "--timeout=120s"]


def _rolled_out(part: Part, deployment: str) -> list[str]:
    name = f"deployment/{deployment}"
    return ["rollout", "status", name, "-n", part.namespace, f"--timeout={_ROLLOUT}s"]


def _patched(setting: Setting) -> list[str]:
    content = json.dumps({"data": dict(setting.data)})
    name = f"configmap/{setting.configmap}"
    return ["patch", name, "-n", setting.namespace, "--type=merge", f"--patch={content}"]


if __name__ == "__main__":
    sys.exit(run(platform))
