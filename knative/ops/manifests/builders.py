"""docker, podman and buildah: the same image by each, and how each tells its digest.

One platform is built into the local store; several become one name that holds an image for each
(docker does that with buildx, straight into the registry; podman and buildah with a manifest).
"""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from knative.ops.cli.errors import CommandFailed, OpsError, ToolMissing, WrongOptions
from knative.ops.cli.options import ROOT
from knative.ops.cli.runner import Runner

BUILDERS = ("docker", "podman", "buildah")
_LONG = 3600.0


@dataclass(frozen=True)
class Recipe:
    reference: str
    dockerfile: Path
    arguments: Mapping[str, str]
    labels: Mapping[str, str]
    platforms: Sequence[str] = ()

    def flags(self) -> list[str]:
        found = ["--file", str(self.dockerfile), "--tag", self.reference]
        for name, value in self.arguments.items():
            found += ["--build-arg", f"{name}={value}"]
        for name, value in self.labels.items():
            found += ["--label", f"{name}={value}"]
        return found


class Builder:
    def __init__(self, runner: Runner, program: str) -> None:
        self.runner = runner
        self.program = program

    def build(self, recipe: Recipe, *, push: bool) -> str:
        """The digest that the registry has it under; "" without `push`."""
        if self.program == "docker":
            return self._by_docker(recipe, push=push)
        return self._by_podman(recipe, push=push)

    def _by_docker(self, recipe: Recipe, *, push: bool) -> str:
        if len(recipe.platforms) <= 1:
            one = ["--platform", recipe.platforms[0]] if recipe.platforms else []
            self._run("docker", "build", *recipe.flags(), *one, str(ROOT))
            if not push:
                return ""
            self._run("docker", "push", recipe.reference)
            return self._docker_digest(recipe.reference)
        if not push:
            raise WrongOptions(
                "docker keeps no image of several platforms by itself: add --push, or build one."
            )
        with tempfile.TemporaryDirectory() as folder:
            told = Path(folder) / "metadata.json"
            self._run(
                *("docker", "buildx", "build", *recipe.flags()),
                *("--platform", ",".join(recipe.platforms), "--push"),
                *("--metadata-file", str(told), str(ROOT)),
            )
            digest: str = json.loads(told.read_text("utf-8"))["containerimage.digest"]
            return digest

    def _docker_digest(self, reference: str) -> str:
        shown = self.runner.run(
            ["docker", "image", "inspect", "--format", "{{json .RepoDigests}}", reference]
        )
        # Of its own registry docker tells the short name.
        name = reference.rpartition(":")[0].removeprefix("docker.io/")
        for each in shown.json() or []:
            repository, _, digest = each.partition("@")
            if repository.removeprefix("docker.io/") == name and digest:
                return str(digest)
        raise OpsError(f"docker pushed {reference}, but does not say under which digest.")

    def _by_podman(self, recipe: Recipe, *, push: bool) -> str:
        """podman and buildah share their words here."""
        several = len(recipe.platforms) > 1
        flags = recipe.flags()
        if recipe.platforms:
            flags += ["--platform", ",".join(recipe.platforms)]
        if several:
            # The tag names the list of images, not one of them; one from before would grow.
            self.runner.run([self.program, "manifest", "rm", recipe.reference], check=False)
            flags[flags.index("--tag")] = "--manifest"
        self._run(self.program, "build", *flags, str(ROOT))
        if not push:
            return ""
        with tempfile.TemporaryDirectory() as folder:
            told = Path(folder) / "digest"
            kind = ["manifest", "push", "--all"] if several else ["push"]
            # Like docker, and unlike these by themselves: a registry on this machine has no TLS.
            plain = ["--tls-verify=false"] if is_local(recipe.reference) else []
            self._run(
                *(self.program, *kind, *plain, "--digestfile", str(told), recipe.reference),
                f"docker://{recipe.reference}",
            )
            return told.read_text("utf-8").strip()

    def _run(self, *argv: str) -> None:
        code = self.runner.stream(argv)
        if code != 0:
            raise CommandFailed(" ".join(argv[:3]) + " ...", code, "(its own words are above)")


def is_local(reference: str) -> bool:
    """Whether the registry of an image is on this machine."""
    host = reference.partition("/")[0].partition(":")[0]
    return host == "localhost" or host.startswith("127.")


def choose(runner: Runner, wanted: str) -> Builder:
    """The builder that was asked for, or the first that works here."""
    silent = []
    for program in [wanted] if wanted else BUILDERS:
        # `version` of docker asks its daemon: one without it cannot build.
        question = "--version" if program == "buildah" else "version"
        try:
            result = runner.run([program, question], check=False)
        except ToolMissing:
            continue
        if result.code == 0:
            return Builder(runner, program)
        silent.append(f"{program} is there, but does not work: {result.stderr.strip()[:200]}")
    raise ToolMissing(
        "\n".join(
            [
                f"Nothing to build images with: install {wanted or 'docker, podman or buildah'}.",
                *silent,
            ]
        )
    )
