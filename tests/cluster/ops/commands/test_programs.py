"""The commands as programs, with the fake `kubectl` and `kn` on PATH."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from knative.ops.cli.options import ROOT
from knative.ops.commands.deploy import deploy
from tests.cluster.ops.conftest import CONTEXT, DEPLOY, FakeCluster
from tests.support.closed_pipe import Ended, run_unread

FAKE_KUBECTL = f"#!{sys.executable}\nfrom tests.cluster.ops.fake_kubectl import main\nmain()\n"
INTERRUPTING = f"""#!{sys.executable}
import os, signal, sys, time
if "build" in sys.argv:
    os.kill(os.getppid(), signal.SIGINT)
    time.sleep(60)
"""
COMMANDS = [
    "build", "canary", "deploy", "logs", "migrate", "platform", "promote", "rollback",
    "sbom", "seed", "status", "undeploy",
]  # fmt: skip

SESSIONS = {"migrate": "migrate-cluster"}
"""Sessions whose name is not that of the module."""


def script(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def program(
    folder: Path, command: str, *arguments: str, **environ: str
) -> subprocess.CompletedProcess[str]:
    settings = folder / "deploy.toml"
    settings.touch()
    # A shell ignores SIGINT in its background jobs, and children inherit that.
    with_sigint = ["/usr/bin/env", "--default-signal=INT"]
    return subprocess.run(  # noqa: S603
        [*with_sigint, sys.executable, "-m", f"knative.ops.commands.{command}", *arguments],
        cwd=ROOT,
        env={
            "PATH": str(folder),
            "PYTHONPATH": str(ROOT),
            "BOOKSTORE_DEPLOY_SETTINGS": str(settings),
            **environ,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_canary_from_end_to_end(cluster: FakeCluster, tmp_path: Path) -> None:
    """kubectl and kn run as processes, with the expected arguments."""
    cluster.run(deploy, *DEPLOY)
    cluster.run(deploy, *[each if each != "v1" else "v2" for each in DEPLOY])
    cluster.state.calls.clear()
    file = tmp_path / "state.json"
    file.write_text(json.dumps(vars(cluster.state)))
    for name in ("kubectl", "kn"):
        script(tmp_path, name, FAKE_KUBECTL)
    done = program(tmp_path, "canary", *CONTEXT, "purchase", "10", FAKE_CLUSTER=str(file))
    calls = json.loads(file.read_text())["calls"]
    (update,) = [
        each["argv"] for each in calls if each["program"] == "kn" and "update" in each["argv"]
    ]

    assert (done.returncode, done.stderr) == (0, "")
    assert update[:5] == ["service", "update", "purchase", "--traffic", "@latest=10"]
    assert f"$ kn {' '.join(update)}" in done.stdout


def test_a_canary_that_nobody_reads_moves_the_traffic(cluster: FakeCluster, tmp_path: Path) -> None:
    """The pipe is closed from the beginning; the same commands run, with the same exit code."""
    cluster.run(deploy, *DEPLOY)
    cluster.run(deploy, *[each if each != "v1" else "v2" for each in DEPLOY])
    cluster.state.calls.clear()
    file = tmp_path / "state.json"
    file.write_text(json.dumps(vars(cluster.state)))
    for name in ("kubectl", "kn"):
        script(tmp_path, name, FAKE_KUBECTL)
    code, errors = unread(tmp_path, "canary", *CONTEXT, "purchase", "10", FAKE_CLUSTER=str(file))
    calls = json.loads(file.read_text())["calls"]

    assert (code, errors) == (0, "")
    assert [each["argv"] for each in calls if each["program"] == "kn"] != []


@pytest.mark.parametrize("read", [True, False])
def test_logs_end_when_their_reader_goes_away(
    cluster: FakeCluster, tmp_path: Path, read: bool
) -> None:
    """With 0, also where it was gone before kubectl began to follow."""
    cluster.run(deploy, *DEPLOY)
    file = tmp_path / "state.json"
    file.write_text(json.dumps(vars(cluster.state)))
    follow = "import itertools\nfor n in itertools.count():\n    print('x' * 1000, flush=True)\n"
    follow = f"if 'logs' in sys.argv:\n    {follow.replace(chr(10), chr(10) + '    ').rstrip()}\n"
    script(
        tmp_path,
        "kubectl",
        f"#!{sys.executable}\nimport signal, sys\nsignal.signal(signal.SIGPIPE, signal.SIG_DFL)\n"
        f"{follow}from tests.cluster.ops.fake_kubectl import main\nmain()\n",
    )
    ended = unread(
        *(tmp_path, "logs", *CONTEXT, "purchase", "--follow"),
        lines=read * 5,
        FAKE_CLUSTER=str(file),
    )

    assert ended == (0, "")


def unread(folder: Path, command: str, *arguments: str, lines: int = 0, **environ: str) -> Ended:
    settings = folder / "deploy.toml"
    settings.touch()
    environ |= {"PATH": str(folder), "BOOKSTORE_DEPLOY_SETTINGS": str(settings)}
    environ["PYTHONPATH"] = str(ROOT)
    return run_unread(f"knative.ops.commands.{command}", *arguments, lines=lines, environ=environ)


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("deploy", CONTEXT),
        ("status", CONTEXT),
        ("canary", (*CONTEXT, "purchase", "10")),
        ("undeploy", CONTEXT),
        ("platform", CONTEXT),
        ("build", ("--tag", "v1")),
        ("compose", ()),
    ],
)
def test_missing_tools(tmp_path: Path, command: str, arguments: tuple[str, ...]) -> None:
    """Exit code 1 and a sentence, without a traceback."""
    done = program(tmp_path, command, *arguments)

    assert (done.returncode, done.stderr) == (1, "")
    assert "install" in done.stdout.lower()


def test_the_suite_for_a_cluster_names_a_wrong_context_once(tmp_path: Path) -> None:
    """Exit code 2 and a sentence, in place of an error for each of its tests."""
    script(tmp_path, "kubectl", f"#!{sys.executable}\nprint('kind-test')\n")
    done = subprocess.run(
        [sys.executable, "-m", "tests.e2e", "--context", "kind-tset", "-p", "no:cacheprovider"],
        cwd=ROOT,
        env={**os.environ, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert done.stdout.count("kubectl knows no context 'kind-tset'") == 1
    assert "Traceback" not in done.stdout + done.stderr


def test_ctrl_c(tmp_path: Path) -> None:
    """Exit code 130 and a sentence, without a traceback."""
    script(tmp_path, "podman", INTERRUPTING)
    done = program(tmp_path, "build", "--tag", "v1", "--builder", "podman", PATH=os.pathsep.join(
        [str(tmp_path), "/usr/bin", "/bin"]))  # fmt: skip

    assert (done.returncode, done.stderr) == (130, "")
    assert "run it again to continue" in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_help(tmp_path: Path, command: str) -> None:
    """Every command prints its help, also where no tool is installed."""
    done = program(tmp_path, command, "--help")

    assert (done.returncode, done.stderr) == (0, "")
    assert f"nox -s {SESSIONS.get(command, command)} --" in done.stdout


def test_a_command_without_options_has_help(tmp_path: Path) -> None:
    """Anything else is refused, before GitHub is asked."""
    helped = program(tmp_path, "outdated", "--help")
    wrong = program(tmp_path, "outdated", "--check")

    assert (helped.returncode, helped.stderr) == (0, "")
    assert "nox -s outdated" in helped.stdout
    assert (wrong.returncode, wrong.stderr) == (2, "")
    assert "takes no options" in wrong.stdout


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """Exit code 1 and its name, without a traceback."""
    (tmp_path / "file").touch()
    folder = str(tmp_path / "file" / "sbom")
    beside = str(Path(sys.executable).parent)  # has cyclonedx-py
    done = program(tmp_path, "sbom", "--tag", "v1", "--output", folder, PATH=beside)

    assert (done.returncode, done.stderr) == (1, "")
    assert f"{tmp_path}/file/sbom cannot be used: Not a directory." in done.stdout


@pytest.mark.parametrize("command", ["deploy", "build", "migrate"])
def test_invalid_options(tmp_path: Path, command: str) -> None:
    """Exit code 2 and the reason, before any tool runs."""
    done = program(tmp_path, command, "--registry", "not a registry")

    assert (done.returncode, done.stderr) == (2, "")
    assert (
        'Invalid value "not a registry" for --registry. Expected a prefix of images' in done.stdout
    )
