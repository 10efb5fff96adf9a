"""The check before a deploy that images are those of this project's release workflow.

The workflow signs without a key of its own: Sigstore certifies that a run of that file, at a tag of
that repository, made the signature. cosign checks it against the digest, so an image without a
digest is refused. What is checked is what the manifests deploy, wherever it was named: by an
option, by the record of a build, or by an overlay. Images of databases and brokers are others' and
not checked.
"""

import re
from collections.abc import Iterable

from knative.ops.cli.errors import CommandFailed, OpsError, listed
from knative.ops.cli.runner import Runner
from knative.ops.image import Image
from knative.ops.objects import Object, knative_services, of_kind

ISSUER = "https://token.actions.githubusercontent.com"
WORKFLOW = ".github/workflows/release.yml"
RELEASE_TAG = r"v[0-9]+\.[0-9]+\.[0-9]+"
"""The tags that the workflow runs at, as a regular expression of Go."""


def deployed(items: Iterable[Object]) -> list[Image]:
    """The images of the services and of their migrations, each once, by name."""
    items = list(items)
    pods = [
        each["spec"]["template"]["spec"]
        for each in (*knative_services(items), *of_kind(items, "Job", "batch"))
    ]
    found = {
        container["image"]
        for pod in pods
        for container in (*pod.get("initContainers", ()), *pod["containers"])
    }
    return [Image.parse(image) for image in sorted(found)]


def verify(runner: Runner, images: Iterable[Image], repository: str) -> None:
    """Raises `OpsError`, which names all unsigned images, or `ToolMissing` without cosign."""
    problems = []
    for image in images:
        if not image.digest:
            problems.append(f"{image} has no digest: build it with --push, or name it with one")
            continue
        try:
            runner.run(command(image, repository), show=True)
        except CommandFailed as error:
            # cosign's first line says what is wrong; a usage text or a hint can follow.
            reason = (error.stderr.strip().splitlines() or ["cosign gave no reason"])[0]
            problems.append(f"{image} is not signed by {repository}: {reason}")
    if problems:
        raise OpsError(listed("Nothing was changed. These images are not to be trusted:", problems))


def command(image: Image, repository: str) -> list[str]:
    """cosign 3 or newer; version 2 does not look for the signatures that version 3 makes."""
    workflow = re.escape(f"https://github.com/{repository}/{WORKFLOW}@refs/tags/")
    return [
        *("cosign", "verify", f"{image.name}@{image.digest}"),
        *("--certificate-identity-regexp", f"^{workflow}{RELEASE_TAG}$"),
        *("--certificate-oidc-issuer", ISSUER),
    ]
