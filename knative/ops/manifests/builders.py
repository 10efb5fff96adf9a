"""docker, podman and buildah: how each builds an image, and how each reports its digest.

One platform is built into the local store. Several become one name that holds an image for each:
docker's buildx builds them straight into the registry, podman and buildah use a manifest list.
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
_OF_BUILDAH = "{{.OCIv1.OS}}/{{.OCIv1.Architecture}}"


@dataclass(frozen=True)
class Recipe:
    reference: str
    """The name of the image to build, with its tag."""
    dockerfile: Path
    arguments: Mapping[str, str]
    platforms: Sequence[str] = ()

    def flags(self) -> list[str]:
        found = ["--file", str(self.dockerfile), "--tag", self.reference]
        for name, value in self.arguments.items():
            found += ["--build-arg", f"{name}={value}"]
        return found


class Builder:
    def __init__(self, runner: Runner, program: str) -> None:
        self.runner = runner
        self.program = program

    def build(self, recipe: Recipe, *, push: bool) -> str:
        """The digest in the registry; "" without `push`."""
        if self.program == "docker":
            return self._by_docker(recipe, push=push)
        return self._by_podman(recipe, push=push)

    def platforms(self, recipe: Recipe) -> tuple[str, ...]:
        """Those of an image that was built; without an option, that of the builder's machine."""
        if recipe.platforms:
            return tuple(recipe.platforms)
        question = ["image", "inspect", "--format", "{{.Os}}/{{.Architecture}}"]
        if self.program == "buildah":
            question = ["inspect", "--type", "image", "--format", _OF_BUILDAH]
        result = self.runner.run([self.program, *question, recipe.reference], check=False)
        found = result.stdout.strip()
        return (found,) if result.code == 0 and found.count("/") == 1 else ()

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
                "docker cannot keep an image of several platforms: add --push, or build for one."
            )
        with tempfile.TemporaryDirectory() as folder:
            metadata = Path(folder) / "metadata.json"
            self._run(
                *("docker", "buildx", "build", *recipe.flags()),
                *("--platform", ",".join(recipe.platforms), "--push"),
                *("--metadata-file", str(metadata), str(ROOT)),
            )
            digest: str = json.loads(metadata.read_text("utf-8"))["containerimage.digest"]
            return digest

    def _docker_digest(self, reference: str) -> str:
        inspected = self.runner.run(
            ["docker", "image", "inspect", "--format", "{{json .RepoDigests}}", reference]
        )
        # docker leaves out `docker.io/` in its answer.
        name = reference.rpartition(":")[0].removeprefix("docker.io/")
        for each in inspected.json() or []:
            repository, _, digest = each.partition("@")
            if repository.removeprefix("docker.io/") == name and digest:
                return str(digest)
        raise OpsError(f"docker pushed {reference}, but reports no digest for it.")

    def _by_podman(self, recipe: Recipe, *, push: bool) -> str:
        """podman and buildah have the same commands here."""
        several = len(recipe.platforms) > 1
        flags = recipe.flags()
        if recipe.platforms:
            flags += ["--platform", ",".join(recipe.platforms)]
        if several:
            # The tag names the manifest list. One of an earlier build would be added to.
            self.runner.run([self.program, "manifest", "rm", recipe.reference], check=False)
            flags[flags.index("--tag")] = "--manifest"
        self._run(self.program, "build", *flags, str(ROOT))
        if not push:
            return ""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "digest"
            command = ["manifest", "push", "--all"] if several else ["push"]
            # A registry on this machine has no TLS; docker needs no option for that.
            plain = ["--tls-verify=false"] if is_local(recipe.reference) else []
            self._run(
                *(self.program, *command, *plain, "--digestfile", str(file), recipe.reference),
                f"docker://{recipe.reference}",
            )
            return file.read_text("utf-8").strip()

    def _run(self, *argv: str) -> None:
        code = self.runner.stream(argv)
        if code != 0:
            raise CommandFailed(" ".join(argv[:3]) + " ...", code, "(its output is above)")


def is_local(reference: str) -> bool:
    """Whether the registry of an image is on this machine."""
    host = reference.partition("/")[0].partition(":")[0]
    return host == "localhost" or host.startswith("127.")


def choose(runner: Runner, wanted: str | None) -> Builder:
    """The given builder, or the first that works here. Raises `ToolMissing`."""
    broken = []
    for program in [wanted] if wanted else BUILDERS:
        # docker's `version` calls its daemon, without which it cannot build.
        question = "--version" if program == "buildah" else "version"
        try:
            result = runner.run([program, question], check=False)
        except ToolMissing:
            continue
        if result.code == 0:
            return Builder(runner, program)
        broken.append(f"{program} is installed, but does not work: {result.stderr.strip()[:200]}")
    install = f"No builder works here: install {wanted or 'docker, podman or buildah'}."
    raise ToolMissing("\n".join([install, *broken]))
