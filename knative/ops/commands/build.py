"""`nox -s build`: one image for each service, by the first builder that works here.

`-- --push` pushes them to `--registry` and records their digests, which `deploy` then uses. The
recipe is `functions/Dockerfile`; how each builder is called is in `manifests/builders.py`.
"""

import sys

from knative.ops.cli.errors import OpsError, WrongOptions
from knative.ops.cli.options import ROOT, BuildOptions
from knative.ops.cli.session import Session, run
from knative.ops.cli.values import SERVICES
from knative.ops.image import Image
from knative.ops.manifests import builders, images
from knative.ops.manifests.builders import Recipe

DOCKERFILE = ROOT / "functions" / "Dockerfile"
LOCAL_PREFIX = "bookstore"
"""The prefix of images that are not pushed: the name in the manifests."""


def build(session: Session) -> int:
    options = session.options(BuildOptions)
    runner, console = session.runner, session.console
    if options.push and not options.registry:
        raise WrongOptions("--push needs --registry, the prefix to push to.")
    tag = options.tag or images.git_tag(runner)
    builder = builders.choose(runner, options.builder)
    if options.push and tag.endswith("-dirty"):
        console.warn(f"{tag}: the working tree has changes that are not committed")
    commit = _commit(session)
    sources = {"PYTHON_IMAGE": options.base_image, "PIP_INDEX_URL": options.package_index}
    sources = {name: value for name, value in sources.items() if value}
    built: dict[str, Image] = {}
    for service in SERVICES:
        image = Image(f"{options.registry or LOCAL_PREFIX}/{service}", tag)
        console.heading(f"{image} with {builder.program}")
        arguments = {"SERVICE": service, "VERSION": tag, "REVISION": commit, **sources}
        recipe = Recipe(str(image), DOCKERFILE, arguments, options.platform)
        digest = builder.build(recipe, push=options.push)
        built[service] = Image(image.name, tag, digest, builder.platforms(recipe))
        if digest:
            # After each build, so that a pushed image is recorded even if the next build fails.
            images.record({service: built[service]}, images.RECORD)
    console.heading("Images")
    for image in built.values():
        console.print(f"  {image}")
    return 0


def _commit(session: Session) -> str:
    try:
        return session.runner.run(["git", "rev-parse", "HEAD"], cwd=ROOT).stdout.strip()
    except OpsError:
        return "unknown"


if __name__ == "__main__":
    sys.exit(run(build))
