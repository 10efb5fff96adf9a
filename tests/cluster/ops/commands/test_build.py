"""build: the same image by docker, podman and buildah, and the digests that deploy uses.

The builders are fakes: scripts on PATH that record their arguments.
"""

import json
import os
import stat
import sys
from pathlib import Path

import pytest

from knative.ops.cli.errors import WrongOptions
from knative.ops.cli.session import Session, run
from knative.ops.cli.values import SERVICES
from knative.ops.commands.build import build
from knative.ops.commands.deploy import deploy
from knative.ops.image import Image
from knative.ops.manifests import images
from tests.cluster.manifests import IMAGES
from tests.cluster.ops.conftest import FakeCluster

DIGEST = "sha256:" + "ab" * 32
PUSH = ("--registry", "r.example:5000/shop", "--tag", "v1", "--push")

BUILDER = f"""#!{sys.executable}
import json, os, sys
program, argv = os.path.basename(sys.argv[0]), sys.argv[1:]
with open(os.environ["CALLS"], "a") as calls:
    calls.write(json.dumps([program, *argv]) + "\\n")
for option, text in (("--digestfile", "{DIGEST}"), ("--metadata-file", None)):
    if option in argv:
        with open(argv[argv.index(option) + 1], "w") as file:
            file.write(text or json.dumps({{"containerimage.digest": "{DIGEST}"}}))
if "inspect" in argv and "Architecture" in argv[argv.index("--format") + 1]:
    print("linux/" + os.environ.get("PROCESSOR", "amd64"))
elif argv[:2] == ["image", "inspect"]:
    name = argv[-1].rpartition(":")[0].removeprefix("docker.io/")
    print(json.dumps(["other.example/x@sha256:0", name + "@{DIGEST}"]))
if program == "docker" and argv == ["version"] and os.environ.get("NO_DAEMON"):
    sys.exit("Cannot connect to the Docker daemon")
if os.environ.get("FAIL_AT", "never") in " ".join(argv):
    sys.exit("no space left on device")
"""


class Workshop:
    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bin, self.file = folder / "bin", folder / "calls"
        self.bin.mkdir()
        self.file.touch()
        self.git = Path(next(p for p in os.environ["PATH"].split(":") if Path(p, "git").exists()))
        self.environ = {"PATH": str(self.bin), "CALLS": str(self.file)}
        self.record = folder / "images.json"
        monkeypatch.setattr(images, "RECORD", self.record)
        monkeypatch.setattr("knative.ops.cli.parsing.SETTINGS", folder / "deploy.toml")

    def install(self, *programs: str) -> None:
        for program in programs:
            path = self.bin / program
            path.write_text(BUILDER)
            path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def build(self, *arguments: str, **environ: str) -> int:
        return run(build, Session(list(arguments), {**self.environ, **environ}))

    def calls(self) -> list[list[str]]:
        return [json.loads(line) for line in self.file.read_text().splitlines()]

    def built(self) -> list[list[str]]:
        return [call for call in self.calls() if "build" in call]


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    return Workshop(tmp_path, monkeypatch)


@pytest.mark.parametrize("program", ["docker", "podman", "buildah"])
def test_each_builder(workshop: Workshop, program: str) -> None:
    """Four images, each with its service as a build argument; their digests are recorded."""
    workshop.install(program)
    code = workshop.build(*PUSH)
    arguments = [arg for call in workshop.built() for arg in call if arg.startswith("SERVICE=")]

    assert code == 0
    assert arguments == [f"SERVICE={name}" for name in IMAGES]
    assert images.recorded(workshop.record) == {
        name: Image(f"r.example:5000/shop/{name}", "v1", DIGEST) for name in IMAGES
    }


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("docker", ["docker", "buildx", "build"]),
        ("podman", ["podman", "build"]),
        ("buildah", ["buildah", "build"]),
    ],
)
def test_two_platforms(workshop: Workshop, program: str, words: list[str]) -> None:
    """One name holds an image for each platform."""
    workshop.install(program)
    code = workshop.build(*PUSH, "--platform", "linux/amd64,linux/arm64")
    first = workshop.built()[0]

    assert code == 0
    assert first[: len(words)] == words
    assert first[first.index("--platform") + 1] == "linux/amd64,linux/arm64"
    assert ("--manifest" in first) == (program != "docker")


@pytest.mark.parametrize("program", ["docker", "podman", "buildah"])
@pytest.mark.parametrize(
    ("options", "platforms"),
    [
        ((), ("linux/arm64",)),
        (("--platform", "linux/amd64"), ("linux/amd64",)),
        (("--platform", "linux/amd64,linux/arm64"), ("linux/amd64", "linux/arm64")),
    ],
)
def test_platforms_are_recorded(
    workshop: Workshop, program: str, options: tuple[str, ...], platforms: tuple[str, ...]
) -> None:
    """Those that were asked for; else that of the builder's machine, here an arm64."""
    workshop.install(program)
    code = workshop.build(*PUSH, *options, PROCESSOR="arm64")

    assert code == 0
    assert {each.platforms for each in images.recorded(workshop.record).values()} == {platforms}


def node(name: str, processor: str) -> dict[str, object]:
    info = {"operatingSystem": "linux", "architecture": processor}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name},
        "status": {"nodeInfo": info},
    }


@pytest.mark.parametrize(
    ("built_for", "nodes", "code", "told"),
    [
        (("linux/arm64",), ["amd64", "amd64"], 1, True),
        (("linux/arm64",), ["amd64", "arm64"], 0, True),
        (("linux/amd64",), ["amd64", "amd64"], 0, False),
        (("linux/amd64", "linux/arm64"), ["amd64", "arm64"], 0, False),
        ((), ["amd64"], 0, False),
        (("linux/arm64",), [], 0, False),
    ],
)
def test_images_for_other_processors(
    cluster: FakeCluster, built_for: tuple[str, ...], nodes: list[str], code: int, told: bool
) -> None:
    """What no node can run is not deployed; what some cannot run is warned of."""
    for index, processor in enumerate(nodes):
        cluster.state.put(node(f"node-{index}", processor))
    made = {
        name: Image(f"r.example/shop/{name}", "v1", DIGEST, built_for if name == "auth" else ())
        for name in IMAGES
    }
    images.record(made, images.RECORD)
    found = cluster.run(deploy, "--context", "kind-test", "--yes", "--smoke", "none")
    wanted = ",".join(sorted({f"linux/{each}" for each in nodes}))

    assert (found, bool(cluster.applied())) == (code, code == 0), cluster.output
    assert ("auth:v1@sha256" in cluster.output) is told
    assert (f"build -- --push --platform {wanted}" in cluster.output) is told


@pytest.mark.parametrize("program", ["podman", "buildah"])
@pytest.mark.parametrize("platforms", ["linux/amd64", "linux/amd64,linux/arm64"])
@pytest.mark.parametrize(
    ("registry", "plain"),
    [("localhost:5001/shop", True), ("127.0.0.1:5001/shop", True), ("r.example:5000/shop", False)],
)
def test_a_registry_on_this_machine_has_no_tls(
    workshop: Workshop, program: str, platforms: str, registry: str, plain: bool
) -> None:
    """podman and buildah need an option for it, docker does not."""
    workshop.install(program)
    where = ("--registry", registry, "--tag", "v1", "--platform", platforms)
    code = workshop.build(*where, "--push")
    pushes = [call for call in workshop.calls() if "push" in call]

    assert (code, len(pushes)) == (0, len(SERVICES))
    assert all(("--tls-verify=false" in call) is plain for call in pushes)


def test_docker_shortens_names_of_its_own_registry(workshop: Workshop) -> None:
    """Its answer leaves out `docker.io/`, and the digest is found nevertheless."""
    workshop.install("docker")
    code = workshop.build("--registry", "docker.io/shop", "--tag", "v1", "--push")

    assert code == 0
    assert images.recorded(workshop.record)["auth"] == Image("docker.io/shop/auth", "v1", DIGEST)


def test_docker_without_its_daemon(workshop: Workshop) -> None:
    """A builder that is installed but does not work is skipped."""
    workshop.install("docker", "buildah")
    workshop.build(*PUSH, NO_DAEMON="1")

    assert {call[0] for call in workshop.built()} == {"buildah"}


@pytest.mark.parametrize("program", ["docker", "podman", "buildah"])
def test_other_sources(workshop: Workshop, program: str) -> None:
    """The base image and the package index are those of an own mirror, in every image."""
    workshop.install(program)
    base, index = "r.example/python:3.13.14-slim-trixie", "https://r.example/simple"
    code = workshop.build(*PUSH, "--base-image", base, "--package-index", index)
    arguments = [arg for call in workshop.built() for arg in call if "r.example/" in arg]

    assert code == 0
    assert [arg for arg in arguments if "=" in arg] == [
        f"PYTHON_IMAGE={base}",
        f"PIP_INDEX_URL={index}",
    ] * len(SERVICES)


def test_no_password_in_the_package_index(
    workshop: Workshop, capsys: pytest.CaptureFixture[str]
) -> None:
    """A build argument can be read in the image's history and in the list of processes."""
    workshop.install("podman")
    code = workshop.build("--tag", "v1", "--package-index", "https://me:hunter2@r.example/simple")

    shown = capsys.readouterr().out

    assert (code, workshop.built()) == (2, [])
    assert "for --package-index: expected a URL" in shown
    assert "hunter2" not in shown


def test_no_builder(workshop: Workshop, capsys: pytest.CaptureFixture[str]) -> None:
    """The error says what to install."""
    assert workshop.build("--tag", "v1") == 1
    assert "install docker, podman or buildah" in capsys.readouterr().out


def test_push_without_a_registry(workshop: Workshop) -> None:
    """It is refused before anything is built."""
    workshop.install("podman")

    assert (workshop.build("--tag", "v1", "--push"), workshop.built()) == (2, [])


def test_without_push_nothing_is_recorded(workshop: Workshop) -> None:
    """A cluster cannot pull an image that was not pushed."""
    workshop.install("podman")

    assert workshop.build("--tag", "v1") == 0
    assert images.recorded(workshop.record) == {}


def test_failure_in_the_middle(workshop: Workshop) -> None:
    """Pushed images are recorded, and the exit code is 1."""
    workshop.install("podman")

    assert workshop.build(*PUSH, FAIL_AT="SERVICE=catalog") == 1
    assert set(images.recorded(workshop.record)) == {"auth"}


def test_tag_from_git(workshop: Workshop) -> None:
    """Without --tag it is that of `git describe`."""
    workshop.install("podman")
    workshop.environ["PATH"] += f":{workshop.git}"
    workshop.build("--builder", "podman")
    first = workshop.built()[0]
    tag = first[first.index("--tag") + 1].rpartition(":")[2]

    assert f"VERSION={tag}" in first
    assert tag


@pytest.mark.parametrize(
    "text",
    [
        "mysql:8.4",
        "r.example:5000/a/b",
        "r.example:5000/a/b:v1",
        f"r.example/a/b@{DIGEST}",
        f"mysql:8.4@{DIGEST}",
    ],
)
def test_image_names(text: str) -> None:
    """A port is not taken for a tag, and the text is the same again."""
    assert str(Image.parse(text)) == text


def test_deploy_takes_the_digest(cluster: FakeCluster) -> None:
    """The digest is used only for the prefix and tag that it was recorded for."""
    images.record({"purchase": Image("r.example/shop/purchase", "v1", DIGEST)}, images.RECORD)
    cluster.run(deploy, "--dry-run", "--registry", "r.example/shop", "--tag", "v1")
    same = cluster.output
    cluster.run(deploy, "--dry-run", "--registry", "r.example/shop", "--tag", "v2")

    assert f"image: r.example/shop/purchase@{DIGEST}" in same
    assert "image: r.example/shop/catalog:v1" in same
    assert "image: r.example/shop/purchase:v2" in cluster.output


def test_broken_record(tmp_path: Path) -> None:
    """The error names the file to delete."""
    path = tmp_path / "images.json"
    path.write_text("{")
    with pytest.raises(WrongOptions, match=r"Delete it, and build again"):
        images.recorded(path)
